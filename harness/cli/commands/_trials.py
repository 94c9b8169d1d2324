"""Print what `trueup tune --try` found: whether added rows help, and which settings do best."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.project import Project

KNOBS = {"swaps": "augment_share", "paraphrases": "paraphrase_share"}
"""Way to make rows to the key of [curate] that adds them."""


def augment(project: "Project", share: float, seeds: int, how: str, as_json: bool) -> dict[str, Any]:
    """Train with added rows and, for as long, without; both are judged on rows that are set aside."""
    from harness.cli import console
    from harness.tune import augmentation_trial

    trial = augmentation_trial.augment(project, share, range(1, seeds + 1), how)
    if not as_json:
        console.say(f"{trial.train:,} rows train, {trial.added:,} are added, {trial.aside:,} judge")
        rows = [(each.seed, each.without, each.with_them) for each in trial.trials]
        console.table(("seed", "without", "with them"), rows)
        if trial.keep:
            console.say(f"\nThey help. For [curate] in trueup.toml:\n{KNOBS[how]} = {share:g}", style="bold")
        else:
            console.say("\nThe arm without them does no worse: leave them out.", style="bold")
    return {"augmentation": trial}


def sweep(project: "Project", values: Mapping[str, tuple[float, ...]], as_json: bool) -> dict[str, Any]:
    """Try combinations of knobs, the better ones longer, on training rows that are set aside."""
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
