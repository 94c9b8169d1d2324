"""Bring every deploy target to what was promoted: `trueup deploy`."""

from typing import TYPE_CHECKING, Any

import click

from harness.cli.commands._command import command

if TYPE_CHECKING:
    from harness.project import Project


@command()
@click.option("--dry-run", is_flag=True, help="Say what each target serves and would serve; change nothing.")
def deploy(project: "Project", dry_run: bool, as_json: bool) -> dict[str, Any]:
    """Put what was promoted on every deploy target.

    `trueup promote` does so itself: this is for a target that was added later, or that lost what it had. All targets are
    switched, or none.

    \b
    Example: trueup deploy --dry-run
    """
    from harness.cli import console
    from harness.promote import deploy as deploying
    from harness.promote import step

    if dry_run:
        servings = list(deploying.servings(project))
        if not as_json:
            rows = [
                (each.target, each.kind, each.serves or "nothing", each.wanted or "nothing", each.state)
                for each in servings
            ]
            console.table(("target", "kind", "serves", "would serve", "state"), rows)
        return {"targets": servings}
    changed = step.deploy(project)
    if not as_json:
        console.say(f"switched: {', '.join(changed)}" if changed else "every target already serves what was promoted")
    return {"switched": changed}
