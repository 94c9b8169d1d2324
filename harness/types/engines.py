"""Define where work is done: on this machine, or on a cluster."""

from harness.types.base import Noun
from harness.types.bounds import Above0, Count, From0


class EngineSettings(Noun, frozen=True):
    """Where ingest, evaluation and training run. What is computed is the same everywhere, and so are all ids."""

    kind: str = "local"
    """`local`: processes of this machine. `ray`: tasks of a Ray cluster. Or another plug-in."""
    address: str = ""
    """Of the cluster's head, such as `10.0.0.5:6379`. Empty: RAY_ADDRESS, else the cluster that this machine is a node of."""
    cpus_per_worker: Above0 = 1.0
    """CPU cores that a task on a cluster asks for."""
    gpus_per_worker: From0 = 0.0
    """GPUs that a task with a model asks for on a cluster; it has one resident base."""
    processes: Count = 1
    """Processes that train one adapter together, on one machine, each with a GPU of its own where there are any."""
