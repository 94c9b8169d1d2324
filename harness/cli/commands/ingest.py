"""Read trace exports into the store: `trueup ingest`."""

from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from harness.cli.commands._command import command

if TYPE_CHECKING:
    from harness.project import Project


@command()
@click.argument("paths", nargs=-1)
@click.option("--format", default="", help="Read as this format instead of recognising it.")
@click.option("--dry-run", is_flag=True, help="Store nothing: say what would be read, and what redaction would find.")
def ingest(project: "Project", paths: tuple[str, ...], format: str, dry_run: bool, as_json: bool) -> dict[str, Any]:
    """Read trace exports into the store, each call once.

    PATHS are files, folders, globs, addresses, or - for standard input. Without any, those of trueup.toml are read, and
    what `trueup collect` received.

    \b
    Example: trueup ingest exports/*.jsonl.gz
    """
    import msgspec

    from harness.cli import console, feedback_table
    from harness.ingest import dry_run as trial
    from harness.ingest import step

    if dry_run:
        counted = trial.read_only(project, paths, format)
        if not as_json:
            _say_trial(counted)
        return counted
    facts: dict[str, Any] = msgspec.to_builtins(step.ingest(project, paths, format))
    if not facts["suppressed"]:
        del facts["suppressed"]  # said where someone was forgotten, and nowhere else
    if not as_json:
        console.table(("what", "count"), [(key, count) for key, count in facts.items() if isinstance(count, int)])
        console.table(("format", "calls"), facts["formats"].items())
        for title, counts in (("not a model's", facts["others"]), ("why in quarantine", facts["reasons"])):
            if counts:
                most_first = sorted(counts.items(), key=lambda pair: -pair[1])
                console.table((title, "records"), most_first)
    summary = project.feedback_summary()
    if not as_json:
        feedback_table.show(summary)
    return {**facts, "feedback_read": feedback_table.plain(summary)}


def _say_trial(counts: Counter[str]) -> None:
    from harness.cli import console

    console.say(
        f"{counts['calls']:,} calls, {counts['feedback']:,} feedback records, {counts['quarantined']:,} that cannot be "
        f"read; nothing was stored"
    )
    if counts["suppressed"]:
        console.say(f"{counts['suppressed']:,} records of users or traces that were forgotten would stay out")
    kinds = {name.removeprefix("redacted:"): count for name, count in counts.items() if name.startswith("redacted:")}
    redacted = counts["calls_redacted"]
    calls = "1 call holds" if redacted == 1 else f"{redacted:,} calls hold"
    console.say(f"{calls} something that would be replaced" + ":" * bool(kinds))
    for kind, count in sorted(kinds.items(), key=lambda pair: -pair[1]):
        console.say(f"  {count:6,} {kind}")
