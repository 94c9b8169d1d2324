"""Write the first screen for a comment on a pull or merge request: verdict, a row a suite, what the change alone changed."""

from collections.abc import Iterator

from harness.types import BranchChange, Comparison, Story
from reports.markdown import against, head, suites
from reports.parts.cases import status
from reports.parts.safe import markdown as safe
from reports.parts.summary import summary
from reports.parts.words import MARKS, percent, points, short_name

SUFFIX = ".comment.md"


def render(story: Story) -> bytes:
    """A screen of Markdown. It shows no text of a trace, since everybody may read a comment."""
    first = summary(story)
    parts = [head(first), suites(first), against(story), _change(story)]
    return ("\n\n".join("\n".join(lines) for part in parts if (lines := list(part))) + "\n").encode()


def _change(story: Story) -> Iterator[str]:
    change = story.branch_change
    if change is None:
        return
    rows = [row for each in change.comparisons if (row := _row(each))]
    yield f"**What this change alone changes** (against {safe(change.branch)})"
    yield ""
    yield _verdicts(change, story.verdict.outcome)
    if rows:
        yield ""
        yield f"| Suite | {safe(change.branch)} → this change | Difference | Fixed | Broken | New cases | Removed |"
        yield "|---|---|---:|---:|---:|---:|---:|"
        yield from rows
    else:
        yield "No case scores differently."


def _verdicts(change: BranchChange, now: str) -> str:
    if change.outcome == now:
        return f"The verdict is {MARKS[now]} {now} on both."
    return f"The verdict was {MARKS[change.outcome]} {change.outcome} and is now {MARKS[now]} {now}."


def _row(comparison: Comparison) -> str:
    """One suite, where a case of it was fixed, broken, added or removed, or scores differently; else nothing."""
    became = [status(comparison.suite.role, pair) for pair in comparison.pairs]
    new = sum(pair.baseline is None and not pair.baseline_error for pair in comparison.pairs)
    gone = sum(pair.candidate is None and not pair.candidate_error for pair in comparison.pairs)
    both = [(p.baseline, p.candidate) for p in comparison.pairs if p.baseline is not None and p.candidate is not None]
    if not new and not gone and all(before == after for before, after in both):
        return ""
    before, after = (sum(pair[side] for pair in both) / len(both) if both else None for side in (0, 1))
    difference = after - before if before is not None and after is not None else None
    counts = f"{became.count('fixed'):,} | {became.count('broken'):,} | {new:,} | {gone:,}"
    name = safe(short_name(comparison.suite.name))
    return f"| {name} | {percent(before)} → {percent(after)} | {points(difference)} | {counts} |"
