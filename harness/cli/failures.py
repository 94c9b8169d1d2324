"""Report a command that failed: lines for people on standard error and, under --json, one JSON object on standard output."""

import errno
import importlib
import json
import sys
import traceback
from typing import NamedTuple

import click

from harness.errors import Exit, TrueupError

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it (128 + SIGINT)."""
INTERNAL = "internal error"
OS_ERRORS = (
    ({errno.ENOSPC, errno.EDQUOT, errno.EFBIG}, Exit.STORAGE, "free space, then run it again"),
    ({errno.EACCES, errno.EPERM, errno.EROFS}, Exit.STORAGE, "check that you may read and write there: ls -ld"),
    (
        {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG},
        Exit.INPUT,
        "check the path",
    ),
)
"""Errors of the system, the exit code they mean, and what to do."""


class CommandFailure(NamedTuple):
    """What `--json` prints of an error, in this order."""

    exit_code: int
    error: str
    """Name of the exit code: usage, undecided, invalid, input, storage, internal, busy; or interrupted."""
    message: str
    where: str = ""
    next: str = ""


def failure(error: BaseException) -> CommandFailure:
    """The exit code and the parts of the message of whatever ended a command."""
    if isinstance(error, TrueupError):
        return CommandFailure(int(error.exit), error.exit.name.lower(), error.what, error.where, error.next)
    if isinstance(error, click.ClickException):
        asked = getattr(error, "ctx", None)
        path = asked.command_path if asked else "trueup"
        return CommandFailure(int(Exit.USAGE), "usage", error.format_message(), next=f"{path} --help")
    if isinstance(error, (click.Abort, KeyboardInterrupt)):
        return CommandFailure(INTERRUPTED, "interrupted", "interrupted", next="run the same command to continue")
    if isinstance(error, OSError):
        for numbers, code, hint in OS_ERRORS:
            if error.errno in numbers:
                where = str(error.filename) if error.filename is not None else "not known"
                return CommandFailure(int(code), code.name.lower(), error.strerror or str(error), where, hint)
    what = f"{INTERNAL}: {type(error).__name__}: {error}".removesuffix(": ")
    return CommandFailure(int(Exit.INTERNAL), "internal", what, next="report it with the traceback")


def report(error: BaseException, as_json: bool) -> int:
    """Say what happened; returns the exit code. The traceback is shown of our own faults only."""
    told = failure(error)
    if as_json:
        sys.stdout.write(json.dumps(told._asdict(), ensure_ascii=False) + "\n")
    if isinstance(error, click.ClickException):
        error.show()
    elif told.error == "interrupted":
        click.echo("interrupted; run the same command to continue", err=True)
    elif told.error == "internal":
        traceback.print_exception(error)
        click.echo("trueup: internal error\n  next:  report it with the traceback above", err=True)
    else:
        importlib.import_module("harness.cli.console").warn(f"trueup: {_lines(told)}")
    return told.exit_code


def _lines(told: CommandFailure) -> str:
    return str(TrueupError(told.message, where=told.where, next=told.next))
