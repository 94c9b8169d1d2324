"""Erase a user or a trace: `trueup forget`."""

from typing import TYPE_CHECKING, Any

import click
from msgspec.structs import asdict

from harness.cli.commands._command import command

if TYPE_CHECKING:
    from harness.project import Project


@command()
@click.option("--user", default="", help="User id whose calls are erased.")
@click.option("--trace", default="", help="Trace id whose calls are erased.")
@click.option("--later", is_flag=True, help="Keep out what is recorded of the user from now on, too.")
def forget(project: "Project", user: str, trace: str, later: bool, as_json: bool) -> dict[str, Any]:
    """Erase a user's or a trace's calls and feedback.

    What is erased stays out, also when an export that holds it is read again. The datasets and adapters that were made
    with it are marked: a marked dataset is never trained on again, a marked adapter never promoted. What else may hold
    copies is listed.

    \b
    Example: trueup forget --user customer-0007
    """
    from harness import forget
    from harness.cli import console
    from harness.ingest import step

    if bool(user) != bool(trace):
        step.receive(project)
    found = forget.forget(project, user, trace, later)
    say = (lambda *_: None) if as_json else console.say
    if found.calls:
        say(f"{len(found.calls)} calls erased from the table, from its older versions too; no export brings them back")
    else:
        say(
            "0 calls erased: nothing of that id is stored, and none from before now will be; if you expected some, check it"
        )
    for what, idents in (("dataset", found.datasets), ("adapter", found.adapters)):
        for ident in idents:
            say(f"{what} {ident[:12]} was made with some of them: marked, it is not used again")
    for alias in found.promoted:
        say(f"alias {alias} points at a marked adapter: trueup promote --undo, or trueup run for a new one", "bold")
    if found.waiting:
        say(f"{found.waiting:,} bytes are still being received; trueup ingest drops these records when it reads them")
    for place in found.remains:
        say(f"not erased: {place}")
    return asdict(found)
