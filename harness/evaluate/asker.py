"""Name what asks a model of its own beside the model under test: a judge, a simulated user, a simulator of tools."""

from contextvars import ContextVar
from pathlib import Path
from typing import Protocol

from harness.errors import UsageError
from harness.types import Reply, Request


class ModelAsker(Protocol):
    """Made at the top of an eval file."""

    kind: str
    """judge, user or simulator: for messages, and for the table of what was spent."""
    name: str
    by: str
    """NAME of a [judges.NAME] of trueup.toml, or `scripted:FILE` beside the eval file."""
    folder: Path
    """Folder of the eval file; set when the file is collected."""

    def digest(self, model: str) -> str:
        """Content id of all that its answers depend on; `model` is the digest of the model that it asks."""


class AskerBench(Protocol):
    """What an asker finds in a run: its model, and whether it counts."""

    def bare(self, asker: ModelAsker) -> bool:
        """Whether its model's backend cannot hold a reply to a schema."""

    def admit(self, asker: ModelAsker) -> None:
        """Raises InvalidError when it did not pass its trial."""

    def ask(self, asker: ModelAsker, request: Request) -> Reply: ...


ASKERS: ContextVar[AskerBench] = ContextVar("trueup_askers")


def ask_own_model(asker: ModelAsker, request: Request) -> Reply:
    """The reply of the asker's model, in a batch with those to other cases.

    Raises InvalidError when the asker does not count, UsageError outside of a run.
    """
    bench = bench_of(asker)
    return bench.ask(asker, request)


def bench_of(asker: ModelAsker) -> AskerBench:
    """The run that the asker works in, once the asker is admitted. Raises as `ask_own_model` does."""
    bench = ASKERS.get(None)
    if bench is None:
        raise UsageError(f"a {asker.kind} works inside an eval function only", next="call it in a function eval_...")
    bench.admit(asker)
    return bench
