"""`trueup ingest`."""

from typing import Any

import click

from harness.commands._command import command, late


@command()
@click.argument("paths", nargs=-1)
@click.option("--format", default="", help="Read as this format instead of recognising it.")
@click.option("--dry-run", is_flag=True, help="Store nothing: say what would be read, and what redaction would find.")
def ingest(work: Any, paths: tuple[str, ...], format: str, dry_run: bool, as_json: bool) -> dict:
    """Read trace exports: files, folders, globs. Without PATHS, those of trueup.toml and what `trueup collect` received.

    \b
    Example: trueup ingest exports/*.jsonl.gz
    """
    if dry_run:
        return late("privacy").show_rehearsal(work, paths, format, quiet=as_json)
    return late("loop").ingest(work, paths, format)
