"""Walk the whole loop: `trueup run`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.commands._command import Renamed, command, conclude
from harness.cli.commands.notify import tell

if TYPE_CHECKING:
    from harness.project import Project


@command()
@click.option("--iterations", type=int, default=1, metavar="K", help="Tune up to K times, adding what still fails.")
@click.option("--dry-run", is_flag=True, help="What it would cost, from what is stored; asks and trains nothing.")
@click.option("--train-anyway", is_flag=True, help="Train though the suites have too few cases to decide.")
@click.option(
    "--suite",
    "--by",
    "suite",
    cls=Renamed,
    old=("--by",),
    default="",
    metavar="SUITE",
    help="Which suite says what still fails; else the only target.",
)
def run(
    project: "Project", as_json: bool, iterations: int, suite: str, train_anyway: bool, dry_run: bool
) -> dict[str, Any]:
    """The whole loop, from ingest to the report.

    Where the cases are too few to decide, it stops before training and writes plan.html, which says what is missing.

    \b
    Example: trueup run; echo $?      (0 promote, 1 hold, 3 undecided, 4 invalid)
             trueup run --iterations 3 --suite eval_mined
             trueup run --dry-run      (its price; 3 when that is above [cost] most)
    """
    from harness import loop, report
    from harness.cli import console
    from harness.core.ci_job import ci_job, public_warning, store_warning
    from harness.errors import TrueupError
    from harness.gate import branches
    from harness.notify import step, stop, track

    if dry_run:
        return _price(project, as_json)
    job, storage = ci_job(), project.config.storage
    for warning in (public_warning(job), "" if storage.address else store_warning(job, project.config.store)):
        if warning:
            console.warn(job.marked(warning))
    stop.clear(Path(project.config.report.out))
    try:
        verdict = loop.run(project, train_anyway) if iterations == 1 else loop.run_in_rounds(project, iterations, suite)
    except TrueupError as error:
        tell(step.tell_stop(project, error))
        raise
    branches.remember(project, verdict, job)
    tell(step.tell(project, verdict))
    tell(track.track(project, verdict))
    if not as_json:
        console.out.print(report.first_screen(project))
    return conclude(verdict, as_json, where=project.config.report.out)


def _price(project: "Project", as_json: bool) -> dict[str, Any]:
    from harness import cost
    from harness.cli import console
    from harness.errors import Exit

    price = cost.price(project)
    if not as_json:
        words = project.config.cost.words
        rows = [
            (
                step.name,
                f"{step.calls:,}",
                f"{step.known:,}",
                _count(step.input),
                _count(step.output),
                _count(step.seconds),
                "not known" if step.cost is None else words(step.cost),
                step.basis,
            )
            for step in price.steps
        ]
        console.table(("", "calls", "stored", "tokens in", "out", "seconds", "cost", "how it is known"), rows)
        console.say(f"\n{price.sentence}", style="bold")
    return {"price": price, "exit_code": int(Exit.PROMOTE if price.fits else Exit.UNDECIDED)}


def _count(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"
