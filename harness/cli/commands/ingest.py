"""Read trace exports into the store: `trueup ingest`."""

from typing import TYPE_CHECKING, Any

import click

from harness.cli.commands._command import command

if TYPE_CHECKING:
    from harness.project import Project


@command(alone="dry_run")
@click.argument("paths", nargs=-1)
@click.option("--format", default="", help="Read as this format instead of recognising it.")
@click.option("--dry-run", is_flag=True, help="Store nothing: say what would be read. Needs no trueup.toml.")
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

    redacted: dict[str, int] = {}
    if dry_run:
        intake, redacted, summary = trial.read_only(project, paths, format)
    else:
        intake = step.ingest(project, paths, format)
        summary = project.feedback_summary()
    facts: dict[str, Any] = msgspec.to_builtins(intake)
    if not facts["suppressed"]:
        del facts["suppressed"]  # said where someone was forgotten, and nowhere else
    if not as_json:
        console.table(("what", "count"), [(key, count) for key, count in facts.items() if isinstance(count, int)])
        console.table(("format", "calls"), facts["formats"].items())
        for title, counts in (("not a model's", facts["others"]), ("why in quarantine", facts["reasons"])):
            if counts:
                most_first = sorted(counts.items(), key=lambda pair: -pair[1])
                console.table((title, "records"), most_first)
        if dry_run:
            _say_trial(facts, redacted)
        feedback_table.show(summary)
    return {**facts, **redacted, "feedback_read": feedback_table.plain(summary)}


def _say_trial(facts: dict[str, Any], redacted: dict[str, int]) -> None:
    from harness.cli import console

    console.say(
        f"{facts['calls']:,} calls, {facts['feedback']:,} feedback records, {facts['quarantined']:,} that cannot be "
        "read; nothing was stored"
    )
    if facts.get("suppressed"):
        console.say(f"{facts['suppressed']:,} records of users or traces that were forgotten would stay out")
    kinds = {name.removeprefix("redacted:"): count for name, count in redacted.items() if name.startswith("redacted:")}
    replaced = redacted.get("calls_redacted", 0)
    calls = "1 call has" if replaced == 1 else f"{replaced:,} calls have"
    console.say(f"{calls} something that would be replaced" + ":" * bool(kinds))
    for kind, count in sorted(kinds.items(), key=lambda pair: -pair[1]):
        console.say(f"  {count:6,} {kind}")
