"""`trueup ingest`."""

from typing import Any

import click

from harness.commands._command import command, late


@command()
@click.argument("paths", nargs=-1)
@click.option("--format", default="", help="Read as this format instead of recognising it.")
def ingest(work: Any, paths: tuple[str, ...], format: str, as_json: bool) -> dict:
    """Read trace exports: files, folders, globs. Without PATHS, those of trueup.toml.

    \b
    Example: trueup ingest exports/*.jsonl.gz
    """
    return late("loop").ingest(work, paths, format)
