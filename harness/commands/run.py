"""`trueup run`."""

from typing import Any

from harness.commands._command import command, conclude, late


@command()
def run(work: Any, as_json: bool) -> dict:
    """The whole loop: ingest, mine, curate, tune, evaluate, compare, gate, report.

    \b
    Example: trueup run; echo $?      (0 promote, 1 hold, 3 undecided, 4 invalid)
    """
    loop, console = late("loop"), late("console")
    verdict = loop.run(work)
    if not as_json:
        console.out.print(late("stories").first_screen(work))
    return conclude(verdict, as_json, where=work.config.report.out)
