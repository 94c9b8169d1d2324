"""Print plain lines, tables and progress bars: the only module that writes to the terminal.

Whatever came from a trace may hold control characters, terminal escapes or lines that a CI system takes for commands;
`clean` makes them harmless, and rich's own markup is off.
"""

import json
import re
import sys
from collections.abc import Iterable, Sequence

import msgspec
from rich.console import Console
from rich.progress import BarColumn, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table
from rich.text import Text

from harness.cli.logs import LOGGER
from harness.core.controls import visible
from harness.core.progress import Progress

WIDE = 120
"""Columns where nobody's terminal says otherwise: a log or a file; tables would be cut to 80 there."""

out = Console(markup=False, highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else WIDE)
err = Console(stderr=True, markup=False, highlight=False, soft_wrap=True)


def clean(text: str) -> str:
    """Control and format characters and escapes become U+FFFD; `::` at a line's start is defused."""
    safe = visible(text)
    return re.sub(r"(?m)^(\s*)(::|##\[)", "\\1\u200b\\2", safe)


def say(text: str = "", style: str = "") -> None:
    """One or more lines on standard output."""
    out.print(Text(clean(text), style=style))


def warn(text: str) -> None:
    """Lines on standard error."""
    err.print(Text(clean(text)))


def machine(value: object) -> None:
    """One JSON object on standard output."""
    sys.stdout.write(json.dumps(msgspec.to_builtins(value), ensure_ascii=False, allow_nan=False) + "\n")


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A plain table; columns whose cells are all numbers are right-aligned."""
    lines = [tuple(row) for row in rows]
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for index, name in enumerate(columns):
        numbers = bool(lines) and all(isinstance(row[index], (int, float)) for row in lines)
        grid.add_column(Text(clean(name)), justify="right" if numbers else "left", overflow="fold")
    for row in lines:
        grid.add_row(*(Text(clean(_cell(value))) for value in row))
    out.print(grid)


def _cell(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: ""}[value]
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


class ConsoleProgress(Progress):
    """Draws a bar for the running step on a terminal; elsewhere one line a finished step and note, on stderr."""

    def __init__(self, quiet: bool = False) -> None:
        super().__init__()
        self.quiet = quiet
        self.bar: Bar | None = None
        self.task = TaskID(0)

    def started(self, name: str) -> None:
        LOGGER.info("%s: started", name)
        if err.is_terminal and not self.quiet:
            columns = (TextColumn("{task.description:<10}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
            self.bar = Bar(
                *columns, TimeRemainingColumn(), TextColumn("{task.fields[text]}"), console=err, transient=True
            )
            self.bar.start()
            self.task = self.bar.add_task(name, total=None, text="")

    def update(self, done: float, total: float, text: str = "") -> None:
        if self.bar is not None:
            self.bar.update(self.task, completed=done, total=total, text=clean(text)[:60])

    def finished(self, name: str, seconds: float) -> None:
        LOGGER.info("%s: finished after %.1f s", name, seconds)
        if self.bar is not None:
            self.bar.stop()
            self.bar = None
        if not self.quiet:
            warn(f"{name:<10} {seconds:7.1f} s")

    def note(self, text: str) -> None:
        LOGGER.info("%s", text)
        if not self.quiet:
            warn(f"           {text}")
