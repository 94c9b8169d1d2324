"""Compare training with added rows and without: `trueup augment`."""

from typing import TYPE_CHECKING, Any

import click

from harness.cli.commands._command import command

if TYPE_CHECKING:
    from harness.project import Project

KNOBS = {"swaps": "augment_share", "paraphrases": "paraphrase_share"}


@command()
@click.option("--share", default=0.2, show_default=True, type=click.FloatRange(0.01, 5), help="New rows to old rows.")
@click.option("--seeds", default=3, show_default=True, type=click.IntRange(min=1), help="Trainings of each arm.")
@click.option(
    "--how", default="swaps", show_default=True, type=click.Choice(["swaps", "paraphrases"]),
    help="Values swapped between rows, or rows worded otherwise by [curate.teacher].",
)  # fmt: skip
def augment(project: "Project", share: float, seeds: int, how: str, as_json: bool) -> dict[str, Any]:
    """Measure whether added training rows help.

    Trains with them and, for as long, without; judges on rows that are set aside.

    \b
    Example: trueup augment --share 0.2
    """
    from harness.cli import console
    from harness.tune import augmentation_trial

    found = augmentation_trial.augment(project, share, range(1, seeds + 1), how)
    if not as_json:
        console.say(f"{found.train:,} rows train, {found.added:,} are added, {found.aside:,} judge")
        rows = [(one.seed, one.without, one.with_them) for one in found.trials]
        console.table(("seed", "without", "with them"), rows)
        if found.keep:
            console.say(f"\nThey help. For [curate] in trueup.toml:\n{KNOBS[how]} = {share:g}", style="bold")
        else:
            console.say("\nThe arm without them does no worse: leave them out.", style="bold")
    return {"augmentation": found}
