"""Cancel a provider's fine-tuning job: `trueup cancel`."""

from typing import TYPE_CHECKING, Any

from harness.cli.commands._command import command

if TYPE_CHECKING:
    from harness.project import Project


@command(changes=False)
def cancel(project: "Project", as_json: bool) -> dict[str, Any]:
    """Cancel the tuning job at a provider (method = "hosted").

    \b
    Example: trueup cancel
    """
    from harness.cli import console
    from harness.tune import cancel

    status = cancel.cancel(project)
    if not as_json:
        console.say(f"the job's status: {status}")
    return {"status": status}
