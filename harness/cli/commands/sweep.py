"""Search for better training settings: `trueup sweep`."""

from typing import TYPE_CHECKING, Any

import click

from harness.cli.commands._command import command

if TYPE_CHECKING:
    from harness.project import Project


@command()
@click.option("--learning-rate", multiple=True, type=float, help="A value to try; give each its own.")
@click.option("--rank", multiple=True, type=int, help="As above.")
@click.option("--epochs", multiple=True, type=float, help="As above.")
@click.option("--replay-share", multiple=True, type=float, help="As above.")
def sweep(project: "Project", as_json: bool, **values: tuple[float, ...]) -> dict[str, Any]:
    """Try combinations of knobs, the better ones longer.

    They are chosen on training rows that are set aside.

    \b
    Example: trueup sweep --learning-rate 3e-4 --learning-rate 1e-3 --rank 8 --rank 16
    """
    from harness.cli import console
    from harness.tune import sweep

    grid = {knob: tried for knob, tried in values.items() if tried}
    trials = sweep.sweep(project, grid)
    best = trials[0]
    if not as_json:
        columns = ("round", "epochs", *grid, "task score", "loss", "seconds")
        rows = [
            (t.round, t.epochs, *(f"{t.knobs[knob]:g}" for knob in grid), t.score, t.loss, round(t.seconds))
            for t in trials
        ]
        console.table(columns, rows)
        console.say("\nThe best, for [tune] in trueup.toml:", style="bold")
        console.say("\n".join(f"{knob} = {value:g}" for knob, value in best.knobs.items()))
    return {"best": best.knobs, "trials": trials}
