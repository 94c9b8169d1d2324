"""Render the first screen for a terminal by rich. Text of a trace is put in as text: no markup, no colour codes."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.types import Story
from reports.parts.plots import WIDTH, axis, bar
from reports.parts.safe import line
from reports.parts.summary import SuiteRow, Summary, summary
from reports.parts.words import MARKS

COLOURS = {
    "promote": "green",
    "pass": "green",
    "hold": "red",
    "fail": "red",
    "undecided": "yellow",
    "unresolved": "yellow",
    "invalid": "magenta",
    "info": "dim",
}
CELLS = 25
"""Characters of one interval."""


def first_screen(story: Story) -> RenderableType:
    """Verdict, identities, one row a suite with its interval, validity strip. Needs about 100 columns and one screen."""
    first = summary(story)
    return Group(_verdict(first), _identities(first), Text(), _suites(first), Text(), _checks(first))


def _verdict(first: Summary) -> Text:
    text = Text(f"{MARKS[first.outcome]} {first.outcome.upper()}", style=f"bold {COLOURS[first.outcome]}")
    if first.net:
        text.append(f"  {line(first.net)}\n", style="bold default")
    return text.append(f"  {line(first.sentence)}\n", style="not bold default").append(
        f"  {line(first.title)} · fixed {first.fixed:,} · broken {first.broken:,}", style="not bold dim"
    )


def _identities(first: Summary) -> Text:
    arms = (f"{line(arm.arm)} {line(arm.digest) or '–'} ({line(arm.prompt)})" for arm in first.identities)
    return Text("  " + " · ".join(arms), style="dim")


def _suites(first: Summary) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 1, 0, 0))
    table.add_column("  suite", no_wrap=True)
    table.add_column("asked", overflow="fold", min_width=11)  # gives way where the screen is narrow
    table.add_column(f"{line(first.baseline)} → {line(first.candidate)}", no_wrap=True)
    table.add_column("difference", justify="right", no_wrap=True)
    table.add_column("interval ╎ bound", no_wrap=True, min_width=CELLS)
    for name in ("fixed", "broken", "cases"):
        table.add_column(name, justify="right", no_wrap=True, min_width=len(name))
    table.add_column("finding", no_wrap=True)
    for row in first.suites:
        table.add_row(*_cells(row, [other for other in first.suites if other.role == row.role], first.baseline))
    return table


def _cells(row: SuiteRow, family: list[SuiteRow], against: str) -> list[Text]:
    needed = f"\nneeds {row.needed:,} more" if row.needed else ""
    colour = COLOURS[row.outcome]
    return [
        Text(f"  {line(row.short)}", style="bold"),
        Text(row.asked, style="dim"),
        _means(row, against),
        Text(row.change(row.estimate), style="bold"),
        Text(interval(row, family), style=colour),
        Text(f"{row.fixed:,}"),
        Text(f"{row.broken:,}"),
        Text(f"{row.n:,}"),
        Text(f"{MARKS[row.outcome]} {row.word}{needed}", style=colour),
    ]


def _means(row: SuiteRow, against: str) -> Text:
    text = Text(f"{row.mean(row.baseline_mean)} → {row.mean(row.candidate_mean)}")
    if row.baseline != against:
        text.append(f"\nagainst {line(row.baseline)}", style="dim")
    for arm, mean in row.others.items():
        text.append(f"\n{line(arm)} {row.mean(mean)}", style="dim")
    return text


def interval(row: SuiteRow, family: list[SuiteRow]) -> str:
    """One interval in characters, on the scale of its role: `├──●──┤`, the bound as `╎`, zero as `·`."""
    drawn = bar(row, axis(family))

    def cell(x: float) -> int:
        return min(CELLS - 1, int(x / WIDTH * CELLS))

    cells = [" "] * CELLS
    cells[cell(drawn.zero)] = "·"
    if drawn.bound is not None:
        cells[cell(drawn.bound)] = "╎"
    if drawn.low is not None and drawn.high is not None:
        low, high = cell(drawn.low), cell(drawn.high)
        cells[low : high + 1] = "─" * (high - low + 1)
        cells[low], cells[high] = "├", "┤"
    if drawn.at is not None:
        cells[cell(drawn.at)] = (
            "◆" if row.outcome in ("fail", "invalid") else "○" if row.outcome == "unresolved" else "●"
        )
    return "".join(cells)


def _checks(first: Summary) -> Text:
    text = Text("  ")
    for check in first.checks:
        text.append(f"{MARKS[check.outcome]} ", style=COLOURS[check.outcome])
        text.append(f"{line(check.value)} {line(check.name)}   ")
    return text
