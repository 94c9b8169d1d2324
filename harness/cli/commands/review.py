"""Review targets in a local page: `trueup review`."""

import contextlib
import getpass
from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from harness.cli.commands._command import NO_CALLS, command

if TYPE_CHECKING:
    from harness.project import Project

NOTHING = "nothing to review: every failure was reviewed, or has a target that a person vouches for"


@command(changes=False)
@click.option("--cluster", default="", help="Only this cluster: the start of its id in `trueup mine`.")
@click.option("--most", default=500, type=click.IntRange(min=1), show_default=True, help="Calls to show.")
@click.option("--by", default="", help="Who answers; your login name when it is left out.")
@click.option("--open", "open_", is_flag=True, help="Open it in a browser.")
def review(project: "Project", cluster: str, most: int, by: str, open_: bool, as_json: bool) -> dict[str, Any]:
    """Correct failures in a local page, by keyboard.

    Proposed targets are shown too; each answer becomes a correction.

    \b
    Example: trueup review --open       (a accept, e edit, r reject; Ctrl-C ends it)
    """
    from harness.cli import console
    from harness.curate.review import step as review_step
    from harness.mine import step as mine_step

    items = review_step.queue(project, cluster, most)
    if not items:
        console.warn(NOTHING if mine_step.latest_clusters(project) else NO_CALLS)
        return {"items": 0, "answered": {}}
    person = by or login()
    sitting = review_step.Review(lambda item, said: review_step.record(project, item, said, person), items)
    console.warn(f"{len(items):,} to look at: {sitting.server.address}")
    if open_:
        click.launch(sitting.server.address)
    with contextlib.suppress(KeyboardInterrupt):  # how a sitting ends: every answer was kept when it was given
        sitting.server.serve()
    counts = dict(sorted(Counter(said.action for said in sitting.answered.values()).items()))
    if not as_json:
        said = ", ".join(f"{count} {action}ed" for action, count in counts.items()) or "nothing answered"
        console.say(f"{said}; `trueup curate` uses it")
    return {"items": len(items), "answered": counts}


def login() -> str:
    """The login name; containers may have none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return "reviewer"
