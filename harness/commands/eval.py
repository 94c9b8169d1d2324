"""`trueup eval`."""

from pathlib import Path
from typing import Any

import click

from harness.commands._command import command, late

COLUMNS = ("suite", "arm", "cases", "mean", "errors")


@command(changes=False)
@click.argument("select", default="")
@click.option("--model", "models", multiple=True, help="Arm to ask; may be given more than once. Default: all.")
@click.option("--shard", default="", metavar="1/4", help="Only this part of the cases; see trueup merge.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the shard's runs. Default: shard-1-of-4.")
@click.option("--otel", default="", metavar="FILE|URL", help="Write every case as a trace: to a file, or by OTLP.")
def eval_(
    work: Any, select: str, models: tuple[str, ...], shard: str, out: Path | None, otel: str, as_json: bool
) -> dict:
    """Run the eval suites; SELECT narrows them as pytest's -k does.

    \b
    Example: trueup eval refunds --model tuned
    """
    dataset, adapter = late("shelf").latest_or_none(work)
    asked = {"only": models, "select": select, "otel": otel}
    if out and not shard:
        raise click.UsageError("--out is for the runs of a --shard")
    if shard:
        folder = out or Path(f"shard-{shard.replace('/', '-of-')}")
        runs = late("shards").evaluate(work, dataset, adapter, shard=shard, out=folder, **asked)
    else:
        runs = late("loop").evaluate(work, dataset, adapter, **asked)
    return show(runs, as_json)


def show(runs: Any, as_json: bool) -> dict:
    """A table of the means; the same as JSON."""
    rows = late("shelf").means(runs)
    if not as_json:
        late("console").table(COLUMNS, rows)
    return {"means": [dict(zip(COLUMNS, row, strict=True)) for row in rows]}
