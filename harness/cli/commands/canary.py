"""Try the candidate on a part of the traffic: `trueup canary`."""

import os
from typing import TYPE_CHECKING, Any

import click

from harness.cli.commands._command import SETTINGS, command
from harness.errors import Exit

if TYPE_CHECKING:
    from harness.project import Project
    from harness.promote.canary_stage import CanaryReport

EXIT = {"held": Exit.PROMOTE, "harm": Exit.HOLD, "undecided": Exit.UNDECIDED, "none": Exit.INPUT}
ENDED = {"finished": Exit.PROMOTE, "rolled back": Exit.HOLD, "stopped": Exit.PROMOTE}
MARKS = {"pass": "harm ruled out", "fail": "worse", "unresolved": "not clear yet"}


class Percentage(click.ParamType[float]):
    """A share, as `5%` or `0.05`."""

    name = "share"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            text = str(value).strip()
            return float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            self.fail(f"{value!r} is no share; write 5% or 0.05", param, ctx)


BY = click.option("--by", default=lambda: os.environ.get("USER", ""), help="Who does it; your login name by default.")


@click.group(context_settings=SETTINGS)
def canary() -> None:
    """Try the candidate on a part of the traffic, and judge it there.

    \b
    Example: trueup canary start --share 5%
    Example: trueup ingest exports/ && trueup canary status
    """


@command()
@click.option("--share", type=Percentage(), help="Share of sessions that the candidate answers; [canary] share else.")
@click.option("--shadow", is_flag=True, help="Your gateway mirrors that share; the answers are shown to nobody.")
@BY
def start(project: "Project", share: float | None, shadow: bool, by: str, as_json: bool) -> dict[str, Any]:
    """Give the candidate a share of the sessions.

    Writes what LiteLLM, Envoy AI Gateway and vLLM's router need into the folder `canary` of the reports; your gateway routes. Refused
    unless the latest verdict is promote.

    \b
    Example: trueup canary start --share 5%
    """
    from harness.cli import console
    from harness.promote import canary as stepping
    from harness.promote import split_files

    made = stepping.start(project, share, shadow, by)
    folder = str(split_files.place(project))
    if not as_json:
        verb = "is mirrored to" if shadow else "is answered by"
        console.say(f"{made.share:.3g} of sessions {verb} {project.served(made.candidate)}")
        console.say(f"models {made.candidate_name} and {made.control_name}; gateways: {folder}")
        console.say("next: trueup ingest, then trueup canary status")
    return {"canary": made, "files": folder}


@command()
@click.option("--dry-run", is_flag=True, help="Only say it: where harm is shown, do not roll back.")
def status(project: "Project", dry_run: bool, as_json: bool) -> dict[str, Any]:
    """Judge the canary; where harm is shown, roll it back at once.

    For every night, after ingest. Exit code 0 it may be finished, 1 harm, 3 undecided, 5 there was none.

    \b
    Example: trueup ingest exports/ && trueup canary status
    """
    from harness.promote import canary as stepping

    return _conclude(stepping.status(project, act=not dry_run), as_json)


@command()
@BY
def finish(project: "Project", by: str, as_json: bool) -> dict[str, Any]:
    """Promote the candidate for everybody, if the canary held.

    Exit code 0 promoted, 1 harm (rolled back), 3 undecided: nothing changed.

    \b
    Example: trueup canary finish
    """
    from harness.promote import canary as stepping

    report = stepping.finish(project, by)
    result = _conclude(report, as_json)
    return {**result, "exit_code": int(Exit.PROMOTE)} if report.ended == "finished" else result


@command()
@click.option("--reason", default="", help="Why, for the record.")
@BY
def stop(project: "Project", reason: str, by: str, as_json: bool) -> dict[str, Any]:
    """Give everybody the control again; nothing is promoted.

    \b
    Example: trueup canary stop --reason "wrong gateway"
    """
    from harness.cli import console
    from harness.promote import canary as stepping

    event = stepping.stop(project, reason, by)
    if not as_json:
        console.say(f"stopped: {project.served(event.canary.champion)} answers everybody again")
    return {"stopped": event.canary.id, "reason": event.reason}


for each in (start, status, finish, stop):
    canary.add_command(each)


def _conclude(report: "CanaryReport", as_json: bool) -> dict[str, Any]:
    from harness.cli import console

    if not as_json:
        rows = [(MARKS[finding.outcome], finding.sentence, finding.formula) for finding in report.findings]
        if rows:
            console.table(("live", "what", "how"), rows)
        if report.offline:
            console.say(f"offline: {report.offline}")
        console.say(f"\n{report.sentence}", style="bold")
        for missing in report.open[1:]:
            console.say(f"also: {missing}")
        for why, number in report.left_out.items():
            console.say(f"not compared: {number:,} calls {why}")
        for note in report.notes:
            console.say(note)
        if report.ended:
            console.say(f"the canary is over: {report.ended}")
        if report.next:
            console.say(f"next: {report.next}")
    code = ENDED[report.ended] if report.ended else EXIT[report.outcome]
    return {"canary": report, "next": report.next, "exit_code": int(code)}
