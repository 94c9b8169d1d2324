"""`trueup ingest`."""

from typing import Any

import click
import msgspec

from harness.cli.commands._command import command, late


@command()
@click.argument("paths", nargs=-1)
@click.option("--format", default="", help="Read as this format instead of recognising it.")
@click.option("--dry-run", is_flag=True, help="Store nothing: say what would be read, and what redaction would find.")
def ingest(work: Any, paths: tuple[str, ...], format: str, dry_run: bool, as_json: bool) -> dict:
    """Read trace exports into the store, each call once.

    PATHS are files, folders, globs, addresses, or - for standard input. Without any, those of trueup.toml are read, and
    what `trueup collect` received.

    \b
    Example: trueup ingest exports/*.jsonl.gz
    """
    if dry_run:
        return late("forget").show_rehearsal(work, paths, format, quiet=as_json)
    found: dict = msgspec.to_builtins(late("ingest.step").ingest(work, paths, format))
    if not found["suppressed"]:
        del found["suppressed"]  # said where someone was forgotten, and nowhere else
    if not as_json:
        late("cli.console").table(("what", "count"), [(key, count) for key, count in found.items() if key != "formats"])
        late("cli.console").table(("format", "calls"), found["formats"].items())
    return found
