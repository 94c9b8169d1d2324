"""`trueup eval`."""

from pathlib import Path
from typing import Any

import click

from harness.cli.commands._command import command
from harness.cli.commands._means import problems_of, show


@command(changes=False)
@click.argument("select", default="")
@click.option("--model", "models", multiple=True, help="Arm to ask; may be given more than once. Default: all.")
@click.option("--dry-run", is_flag=True, help="List the cases and ask no model.")
@click.option("--shard", default="", metavar="1/4", help="Only this part of the cases; see trueup merge.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the shard's runs. Default: shard-1-of-4.")
@click.option("--otel", default="", metavar="FILE|URL", help="Write every case as a trace: to a file, or by OTLP.")
def eval_(
    work: Any,
    select: str,
    models: tuple[str, ...],
    dry_run: bool,
    shard: str,
    out: Path | None,
    otel: str,
    as_json: bool,
) -> dict:
    """Run the eval suites and record what each arm said.

    SELECT narrows them as pytest's -k does: by file, suite, case, tag or owner.

    \b
    Example: trueup eval refunds --model tuned
    """
    from harness import project
    from harness.evaluate import shards, step

    dataset, adapter = project.latest_or_none(work)
    if dry_run:
        return _list(step.survey(work, select, dataset), as_json)
    if out and not shard:
        raise click.UsageError("--out is for the runs of a --shard")
    asked = {"only": models, "select": select, "otel": otel}
    if shard:
        folder = out or Path(f"shard-{shard.replace('/', '-of-')}")
        return show(shards.evaluate(work, dataset, adapter, shard=shard, out=folder, **asked), as_json)
    return show(step.evaluate(work, dataset, adapter, **asked), as_json)


def _list(found: Any, as_json: bool) -> dict:
    from harness.cli import console

    if not as_json:
        for suite in found.suites:
            ids = found.cases.get(suite.name, ())
            times = f" x {suite.repeats}" if suite.repeats > 1 else ""
            owner = f", {suite.owner}" if suite.owner else ""
            console.say(f"{suite.name} ({suite.role.__struct_config__.tag}{owner}): {len(ids):,} cases{times}")
            for ident in ids:
                console.say(f"  {ident}")
        for problem in found.problems:
            console.say(problem)
    return {"cases": found.cases, **problems_of(list(found.problems))}
