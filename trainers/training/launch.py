"""Train one request in several processes.

    accelerate launch --num_processes 2 --cpu -m trainers.training.launch REQUEST.json

REQUEST.json is a `TuneRequest`; all processes have to see its folders. The manifest of the adapter is printed at the end.
Errors are those of `trueup tune`, with its exit codes.
"""

import os
import sys
from pathlib import Path

os.environ.update(HF_HUB_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1")  # read when what follows is imported

from accelerate import PartialState

from harness.core.codec import encode, read
from harness.core.plugins import load
from harness.core.protocols import Trainer
from harness.errors import TrueupError, UsageError
from harness.types import TuneRequest
from trainers.training import processes


def main(path: Path) -> None:
    state = PartialState()
    request = read(path, TuneRequest)
    try:
        adapter = _trainer(request.recipe.method).train(request, lambda point, steps: None)
        if processes.first():
            sys.stdout.buffer.write(encode(adapter) + b"\n")
    except TrueupError as error:
        sys.stderr.write(f"trueup: {error}\n" * processes.first())
        raise SystemExit(error.exit) from error
    finally:
        state.destroy_process_group()


def _trainer(method: str) -> Trainer:
    """Raises UsageError on a recipe that does not know how to share its work: each process would do all of it."""
    trainer = load("trainers", method)
    if processes.count() > 1 and not getattr(trainer, "SHARED", False):
        raise UsageError(f"method {method!r} trains in one process", next="leave --num_processes out, or trueup tune")
    return trainer


if __name__ == "__main__":
    main(Path(sys.argv[1]))
