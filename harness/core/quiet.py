"""Silence library warnings that a user can do nothing about.

Called before anything heavy is imported, in each process that may: the command, the child of an engine, pytest.
"""

import logging


def hush() -> None:
    """bitsandbytes looks for a kernel on a hub when it is imported, and warns that it did not find one; none is needed."""
    logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)
