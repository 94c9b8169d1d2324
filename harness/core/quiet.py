"""Silence library warnings that a user can do nothing about.

Called before anything heavy is imported, in each process that may: the command, the child of an engine, pytest.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


def hush() -> None:
    """bitsandbytes looks for a kernel on a hub when it is imported, and warns that it did not find one; none is needed."""
    logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)


@contextmanager
def silenced() -> Iterator[None]:
    """Warnings of libraries that load or run a model: none is of the user's code, and `-W error` would break the model."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
