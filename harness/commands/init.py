"""`trueup init`."""

from pathlib import Path

import click

from harness.commands._command import late


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default=".")
@click.option("--model", default="", help="Folder of the base model.")
def init(folder: Path, model: str) -> None:
    """Write a starter trueup.toml and one eval file.

    \b
    Example: trueup init myproject --model models/smollm2
    """
    for path in late("starter").write(folder, model):
        click.echo(f"wrote {path}")
    click.echo("next: put trace exports into traces/, then: trueup run")
