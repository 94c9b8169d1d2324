"""Tell of the latest verdict: `trueup notify`."""

from typing import TYPE_CHECKING, Any

import click

from harness.cli.commands._command import command
from harness.errors import Exit, UsageError

if TYPE_CHECKING:
    from harness.notify.step import Sent
    from harness.project import Project


@command(changes=False)
@click.argument("names", nargs=-1)
@click.option(
    "--kind", "kinds", multiple=True, help="A kind with its defaults, without a [notify.NAME]: github_comment."
)
@click.option("--url", default="", help="Page with the whole report. Default: the CI job's.")
def notify(
    project: "Project", names: tuple[str, ...], kinds: tuple[str, ...], url: str, as_json: bool
) -> dict[str, Any]:
    """Tell of the latest verdict, or why no run came to one.

    Without NAMES and --kind every [notify.NAME] of trueup.toml is told, whatever outcomes it asks for. `trueup run` and `trueup
    gate` do this by themselves. Ends with 5 where one could not be told.

    \b
    Example: trueup notify --kind github_comment
    Example: trueup notify team
    """
    from harness.core.nearest import did_you_mean
    from harness.notify import step
    from harness.sections import NotifySection

    known = project.config.notify
    for name in names:
        if name not in known:
            raise UsageError(f"there is no [notify.{name}]", next=did_you_mean(name, known, "names"))
    chosen = {name: known[name] for name in names or (() if kinds else known)}
    chosen |= {kind: NotifySection(kind=kind) for kind in kinds}
    if not chosen:
        raise UsageError("there is nobody to notify", next="add a [notify.NAME] to trueup.toml, or give --kind")
    sent = step.again(project, chosen, url)
    tell(sent)
    code = {} if all(each.is_sent for each in sent) else {"exit_code": int(Exit.INPUT)}
    return {"sent": sent, **code}


def tell(sent: "list[Sent]") -> None:
    """Say what became of each notification, on standard error: standard output is the command's own."""
    from harness.cli import console

    for each in sent:
        kind = f" ({each.kind})" if each.kind and each.kind != each.name else ""
        console.warn(f"notify {each.name}{kind}: {'' if each.is_sent else 'not sent: '}{each.words}")
