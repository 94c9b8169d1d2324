"""Train an adapter, or preview its training: `trueup tune`."""

from typing import TYPE_CHECKING, Any

import click

from harness.cli.commands._command import command
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.project import Project
    from harness.types import Estimate


ALONE = "--dry-run, --preview, --prove-resume, --cancel, --try"


@command()
@click.option("--dry-run", is_flag=True, help="Steps, tokens, time and memory; trains nothing.")
@click.option("--train-anyway", is_flag=True, help="Train though the suites have too few cases to decide.")
@click.option("--preview", type=click.IntRange(min=1), metavar="N", help="Show N rows token by token; trains nothing.")
@click.option("--prove-resume", is_flag=True, help="Kill a short training, resume it, compare the bytes.")
@click.option("--cancel", is_flag=True, help='Cancel the job at a provider (method = "hosted").')
@click.option(
    "--try", "what", type=click.Choice(["augment", "sweep"]), help="Do added rows help? Which settings are best?"
)
@click.option(
    "--share", default=0.2, show_default=True, type=click.FloatRange(0.01, 5), help="augment: new rows to old."
)
@click.option(
    "--seeds", default=3, show_default=True, type=click.IntRange(min=1), help="augment: trainings of each arm."
)
@click.option(
    "--how", default="swaps", show_default=True, type=click.Choice(["swaps", "paraphrases"]),
    help="augment: values swapped between rows, or rows worded otherwise by [curate.teacher].",
)  # fmt: skip
@click.option("--learning-rate", multiple=True, type=float, help="sweep: a value to try; give each its own.")
@click.option("--rank", multiple=True, type=int, help="sweep: as above.")
@click.option("--epochs", multiple=True, type=float, help="sweep: as above.")
@click.option("--replay-share", multiple=True, type=float, help="sweep: as above.")
def tune(
    project: "Project",
    dry_run: bool,
    train_anyway: bool,
    preview: int | None,
    prove_resume: bool,
    cancel: bool,
    what: str | None,
    share: float,
    seeds: int,
    how: str,
    as_json: bool,
    **values: tuple[float, ...],
) -> dict[str, Any]:
    """Train an adapter on the latest dataset, or try settings first.

    A killed training continues where it stopped. With --try nothing is kept: both trials are judged on training rows that are set
    aside.

    \b
    Example: trueup tune
             trueup tune --preview 3
             trueup tune --try augment --share 0.2
             trueup tune --try sweep --learning-rate 3e-4 --learning-rate 1e-3 --rank 8 --rank 16
    """
    from harness.cli.commands import _trials

    if dry_run + bool(preview) + prove_resume + cancel + bool(what) > 1:
        raise UsageError("these exclude one another", where="trueup tune", next=f"give one of {ALONE}")
    if cancel:
        return _cancel(project, as_json)
    if what:
        return (
            _trials.augment(project, share, seeds, how, as_json)
            if what == "augment"
            else _trials.sweep(project, values, as_json)
        )
    if dry_run:
        return _dry_run(project, as_json)
    if preview:
        return _preview(project, preview, as_json)
    if prove_resume:
        return _prove(project, as_json)
    return _train(project, train_anyway, as_json)


def _train(project: "Project", anyway: bool, as_json: bool) -> dict[str, Any]:
    from harness import planning
    from harness.cli import console
    from harness.tune import step

    with planning.paged(project):
        adapter = step.tune(project, anyway=anyway)
    if not as_json:
        last = adapter.curve[-1].loss if adapter.curve else float("nan")
        console.say(f"adapter {adapter.id[:12]}: {adapter.steps} steps, last loss {last:.3f}, {adapter.seconds:.0f} s")
    return {"id": adapter.id, "steps": adapter.steps, "rows": adapter.rows, "seconds": adapter.seconds}


def _dry_run(project: "Project", as_json: bool) -> dict[str, Any]:
    from harness.cli import console
    from harness.tune import dry_run

    cost = dry_run.estimate(project)
    if not as_json:
        console.table(("", "this training"), _facts(cost).items())
        for knob, reason in cost.choices.items():
            console.say(f"{knob}: {reason}")
    return {"estimate": cost}


def _facts(cost: "Estimate") -> dict[str, str]:
    """What is known of a training's cost; what is 0 was not measured, and stands in the details."""
    share = cost.trained_weights / cost.weights if cost.weights else 0.0
    facts = {
        "steps": f"{cost.steps:,}" * bool(cost.steps),
        "rows": ", ".join(f"{count:,} {fate}" for fate, count in cost.rows.items()),
        "tokens an epoch": ", ".join(f"{count:,} {kind}" for kind, count in cost.tokens.items()),
        "weights": f"{cost.trained_weights:,} trained of {cost.weights:,} ({share:.1%})" * bool(cost.weights),
        "time": f"{_time(cost.seconds)} of training steps on this machine, as busy as it is now" * bool(cost.seconds),
        "memory": f"{cost.peak_bytes / 2**30:.1f} GiB" * bool(cost.peak_bytes),
    }
    return {name: words for name, words in (facts | cost.details).items() if words}


def _time(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds > 120 else f"{seconds:.0f} seconds"


def _preview(project: "Project", count: int, as_json: bool) -> dict[str, Any]:
    from harness.cli.commands import _rows
    from harness.tune import dry_run

    shown = dry_run.preview(project, count)
    if not as_json:
        _rows.show(shown)
    return {"preview": shown}


def _prove(project: "Project", as_json: bool) -> dict[str, Any]:
    from harness.cli import console
    from harness.tune import dry_run

    proof = dry_run.prove_resume(project)
    if not as_json:
        words = f"killed after step {proof.killed_at} of {proof.steps}, resumed from step {proof.resumed_from}"
        console.say(f"{words}: the same bytes as undisturbed")
        for name, sha256 in proof.files.items():
            console.say(f"{sha256[:16]}  {name}")
    return {"proof": proof}


def _cancel(project: "Project", as_json: bool) -> dict[str, Any]:
    from harness.cli import console
    from harness.tune import cancel

    status = cancel.cancel(project)
    if not as_json:
        console.say(f"the job's status: {status}")
    return {"status": status}
