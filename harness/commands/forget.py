"""`trueup forget`."""

from typing import Any

import click
from msgspec.structs import asdict

from harness.commands._command import command, late


@command()
@click.option("--user", default="", help="User id whose calls are erased.")
@click.option("--trace", default="", help="Trace id whose calls are erased.")
def forget(work: Any, user: str, trace: str, as_json: bool) -> dict:
    """Erase a user's or a trace's calls and feedback.

    The datasets and adapters that were made with them are marked: a marked dataset is never trained on again, a marked
    adapter never promoted. What else may hold copies is listed.

    \b
    Example: trueup forget --user customer-0007
    """
    if user or trace:
        late("intake").receive(work)
    found = late("privacy").forget(work, user, trace)
    say = (lambda *_: None) if as_json else late("console").say
    say(f"{len(found.calls)} calls erased from the table, from its older versions too")
    for what, idents in (("dataset", found.datasets), ("adapter", found.adapters)):
        for ident in idents:
            say(f"{what} {ident[:12]} was made with some of them: marked, it is not used again")
    for alias in found.promoted:
        say(f"alias {alias} stands on a marked adapter: trueup rollback, or trueup run for a new one", "bold")
    if found.waiting:
        say(f"{found.waiting:,} bytes are still being received: run this again once trueup collect has stopped")
    for place in found.remains:
        say(f"not erased: {place}")
    return asdict(found)
