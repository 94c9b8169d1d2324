"""Define the errors: what happened, where, what to type next; and the exit codes.

Every error that a user can cause or fix is a `TrueupError`. Its message has up to three lines: what happened, where,
and what to type next. The command line prints it without a traceback and ends with the class's exit code.
"""

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of `trueup`, for CI."""

    PROMOTE = 0  # promoted, or the command simply did its work
    HOLD = 1  # judged, and not good enough
    USAGE = 2  # a wrong flag, command or config key
    UNDECIDED = 3  # not enough evidence either way
    INVALID = 4  # missing baseline, errors on one side, digest mismatch: the judgement itself cannot be trusted
    INPUT = 5  # a file, folder or record that cannot be used, or that an earlier step has not made yet
    STORAGE = 6  # disk full, or a stored file that is not what was written
    INTERNAL = 7  # our fault
    BUSY = 75  # another run holds the lock; try again (EX_TEMPFAIL of sysexits.h)


class TrueupError(Exception):
    """Base class. `where` names a file, line, key or id; `next` is the command or edit that helps."""

    exit = Exit.INTERNAL

    def __init__(self, what: str, *, where: str = "", next: str = "") -> None:
        super().__init__(what)
        self.what, self.where, self.next = what, where, next

    def __str__(self) -> str:
        lines = [self.what]
        if self.where:
            lines.append(f"  where: {self.where}")
        if self.next:
            lines.append(f"  next:  {self.next}")
        return "\n".join(lines)


class UsageError(TrueupError):
    """A wrong flag, an unknown name, a config key that does not exist."""

    exit = Exit.USAGE


class UndecidedError(TrueupError):
    """Too little evidence to go on, known before anything is judged."""

    exit = Exit.UNDECIDED


class CapError(TrueupError):
    """The cap on cost would be passed. What was answered and trained is kept, and nothing is judged."""

    exit = Exit.UNDECIDED


class InvalidError(TrueupError):
    """A judgement that could not be trusted: digests that differ, a baseline that is missing."""

    exit = Exit.INVALID


class DeployError(TrueupError):
    """A deploy target that cannot be reached, refuses, or holds or answers something else than what was judged."""

    exit = Exit.INVALID


class InputError(TrueupError):
    """A file, folder or record that cannot be used."""

    exit = Exit.INPUT


class NotYetError(InputError):
    """What a command reads was not made yet: an earlier command has to run first. `next` names it."""


class NotRecordedError(InputError):
    """A question that none of the recorded answers belongs to."""


class StorageError(TrueupError):
    """The disk is full, or a stored file is not what was written."""

    exit = Exit.STORAGE


class BusyError(TrueupError):
    """Another run holds the lock."""

    exit = Exit.BUSY
