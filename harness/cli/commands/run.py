"""`trueup run`."""

from typing import Any

import click

from harness.cli.commands._command import command, conclude


@command()
@click.option("--iterations", type=int, default=1, metavar="K", help="Tune up to K times, adding what still fails.")
@click.option("--by", default="", metavar="SUITE", help="Which suite says what still fails; else the only target.")
def run(work: Any, as_json: bool, iterations: int, by: str) -> dict:
    """The whole loop, from ingest to the report.

    \b
    Example: trueup run; echo $?      (0 promote, 1 hold, 3 undecided, 4 invalid)
             trueup run --iterations 3 --by eval_mined
    """
    from harness import loop, report
    from harness.cli import console
    from harness.tune import rounds

    verdict = loop.run(work) if iterations == 1 else rounds.run(work, iterations, by)
    if not as_json:
        console.out.print(report.first_screen(work))
    return conclude(verdict, as_json, where=work.config.report.out)
