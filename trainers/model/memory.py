"""Measure the memory of this process, and explain when there is not enough of it."""

import contextlib
import resource
import sys
from collections.abc import Iterator

import torch

from harness.errors import InputError


def peak_bytes() -> int:
    """Most resident memory since the process started, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


@contextlib.contextmanager
def fitting(what: str) -> Iterator[None]:
    """Raises InputError, saying `what` did not fit and what to change, when memory runs out inside: nothing is changed
    silently, and a training's checkpoints are kept."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:  # torch.OutOfMemoryError is one; a CPU raises the bare class
        if not (isinstance(error, (torch.OutOfMemoryError, MemoryError)) or "can't allocate memory" in str(error)):
            raise
        raise InputError(
            f"the training does not fit into memory: {what}",
            next='lower [tune] max_tokens or batch_size, or set adapter = "qlora"; nothing was changed, and checkpoints '
            "are kept",
        ) from error
