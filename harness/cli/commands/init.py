"""Write the files of a new project: `trueup init`."""

import os
from pathlib import Path

import click

from harness.cli.commands._command import SETTINGS
from harness.errors import InputError

STORED = "(stored)"


@click.command(context_settings=SETTINGS)
@click.argument("folder", type=click.Path(path_type=Path), default=".")
@click.option("--model", default="", help="Folder of the base model.")
@click.option(
    "--from-traces",
    "traces",
    is_flag=False,
    flag_value=STORED,
    metavar="[PATH]",
    help="Read the task off recorded calls: an export (file, folder or glob), or without PATH the project's own.",
)
@click.option("--schema", is_flag=True, help="Only write trueup.schema.json, from which editors know the keys.")
def init(folder: Path, model: str, traces: str | None, schema: bool) -> None:
    """Write a starter trueup.toml and eval files to begin with.

    With --from-traces the eval files fit the calls there are.

    \b
    Example: trueup init myproject --model models/smollm2
    Example: trueup init myproject --model models/smollm2 --from-traces exports/
    """
    from harness.cli import config_schema
    from harness.cli.starter import from_traces, plain
    from harness.core.codec import write_atomic

    if schema:
        write_atomic(folder / config_schema.FILE, config_schema.content())
        click.echo(f"wrote {folder / config_schema.FILE}")
        return
    if _is_path(model) and not os.path.isdir(model):
        raise InputError("the model folder does not exist", where=model, next="check the path that --model names")
    if model and os.path.isdir(model):
        from harness.evaluate.inference.acceptance import accept_whole

        accept_whole(model)
    model = _from(folder, model)
    if traces is None:
        for path in plain.write(folder, model):
            click.echo(f"wrote {path}")
        base = "" if model else " and set [model] base in trueup.toml"
        click.echo(f"next: put trace exports into traces/{base}, then: trueup run")
        return
    started = from_traces.from_traces(folder, traces, model)
    for sentence in started.sentences:
        click.echo(f"guessed: {sentence}")
    for path in started.written:
        click.echo(f"wrote {path}")
    click.echo(f"next: {started.next}")


def _is_path(model: str) -> bool:
    """Whether it names a place on this disk; `organisation/name`, as endpoints name models, does not."""
    parent = os.path.dirname(model)
    return model.startswith((".", "~")) or (parent != "" and os.path.isdir(parent))


def _from(folder: Path, model: str) -> str:
    """The model's path as trueup.toml has it, relative to its own folder; a name that an endpoint knows stays."""
    return os.path.relpath(model, folder) if os.path.exists(model) and not os.path.isabs(model) else model
