"""Say what changed in production and what to do: `trueup watch`."""

from typing import TYPE_CHECKING, Any

import click

from harness.cli.commands._command import command
from harness.errors import Exit

if TYPE_CHECKING:
    from harness.project import Project


@command()
@click.option("--days", default=90.0, show_default=True, help="How far back the calls may lie.")
@click.option("--all-days", is_flag=True, help="Also those before the last promotion.")
@click.option("--otel", default="", metavar="FILE|URL", help="Also write all shares as OpenTelemetry gauges.")
def watch(project: "Project", days: float, all_days: bool, otel: str, as_json: bool) -> dict[str, Any]:
    """Say what changed in production, and what to do about it.

    That is: train, label, prompt, environment, guards, look, or wait.

    For every night: all nights together raise a false alarm with a chance of at most [gate] alpha. Exit code 0 nothing to
    do, 1 something changed, 3 too few days.

    \b
    Example: trueup ingest exports/ && trueup watch
    Example: trueup watch --otel http://collector:4318
    """
    from harness.cli import console
    from harness.cli.commands.notify import tell
    from harness.notify.step import tell_watch
    from harness.promote import watch

    found = watch.watch(project, days, all_days)
    if otel:
        from harness.promote import watch_metrics  # it brings the OpenTelemetry SDK with it

        watch_metrics.export(found, watch.means(project), project.config.project.name, otel)
    tell(tell_watch(project, [(each.action, each.sentence, each.next) for each in watch.fresh(project, found)]))
    code = Exit.UNDECIDED if not found.ready else Exit.HOLD if found.action != "wait" else Exit.PROMOTE
    if not as_json:
        rows = [(alarm.action, alarm.raised, alarm.sentence) for alarm in found.alarms]
        if rows:
            console.table(("do", "raised", "what changed"), rows)
        console.say(f"\n{found.action}: {found.sentence}", style="bold")
        console.say(f"{found.calls:,} calls on {found.nights} days, {found.watched} shares watched")
        labels = next((alarm.call_ids for alarm in found.alarms if alarm.call_ids), ())
        if labels:
            console.say(f"to label: {', '.join(labels[:10])}{' and more, see --json' if len(labels) > 10 else ''}")
        if found.next:
            console.say(f"next: {found.next}")
    return {"watching": found, "next": found.next, "exit_code": int(code)}
