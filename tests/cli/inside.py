"""Type a command in this process: for what it says and leaves behind, not for how a process starts and ends."""

import contextlib
import io
import sys
from pathlib import Path
from subprocess import CompletedProcess
from unittest import mock

from harness.cli.main import main


def trueup(*words: str, cwd: Path) -> CompletedProcess[str]:
    """Exit code and output of `trueup WORDS` in `cwd`. What a child of the command writes by itself is not among it."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.chdir(cwd))
        stack.enter_context(contextlib.redirect_stdout(out))
        stack.enter_context(contextlib.redirect_stderr(err))
        stack.enter_context(mock.patch.object(sys, "argv", ["trueup", *words]))
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
    return CompletedProcess(words, code, out.getvalue(), err.getvalue())
