"""Show how feedback was read: a table of its names, how calls were found, and what links to nothing."""

from typing import Any

from harness.core.feedback_summary import FeedbackSummary

COLUMNS = ("feedback", "from", "values seen", "read as", "how sure", "praise", "blame", "neutral", "unknown")


def show(summary: FeedbackSummary) -> None:
    """Print nothing where there is no feedback."""
    from harness.cli import console

    if summary.names:
        rows = [
            (one.name or "(no name)", one.source, one.seen, one.read_as, one.sure)
            + (one.praise, one.blame, one.neutral, one.unknown)
            for one in summary.names
        ]
        console.say()
        console.table(COLUMNS, rows)
    for one in summary.names:
        if one.next:
            console.say(f"{one.unknown:,} of {one.name or '(no name)'}: not read. If this fits, add to trueup.toml:")
            console.say("\n".join(f"    {line}" for line in one.next.splitlines()))
    for line in lines(summary):
        console.say(line)


def lines(summary: FeedbackSummary) -> list[str]:
    """How calls were found, and what was not taken or links to nothing, a sentence each."""
    told = []
    if summary.linked:
        told.append("feedback linked: " + ", ".join(f"{count:,} {WORDS[how]}" for how, count in summary.linked.items()))
    if summary.not_taken:
        told.append(
            f"{summary.not_taken:,} corrections were not taken: their trace has several calls that could be meant. "
            "Give the span_id with them"
        )
    for group in summary.waiting:
        fixes = f", {group.corrections:,} of them corrections" if group.corrections else ""
        shown = ", ".join(group.examples)
        told.append(f"{group.records:,} feedback records link to no call{fixes} ({shown}): {group.cause}")
    return told


WORDS = {
    "exact": "by call or span",
    "response": "by response id",
    "answer": "to the call whose output the trace returned",
    "only": "to the only call that could be meant",
    "last": "to the last call of the agent",
    "ambiguous": "to the last of several calls that could be meant",
}
"""How a call was found, in words."""


def plain(summary: FeedbackSummary) -> dict[str, Any]:
    """As --json prints it."""
    import msgspec

    return {**msgspec.to_builtins(summary), "unlinked": summary.unlinked}
