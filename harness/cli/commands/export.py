"""Write a dataset in another tool's format: `trueup export`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.commands._command import command

if TYPE_CHECKING:
    from harness.project import Project


@command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--push", default="", metavar="OWNER/NAME", help="Send it to this private repository of the Hub, too.")
@click.option("--form", default="chat", show_default=True, help="chat, openai-sft, openai-preference, parquet or hf.")
def export(project: "Project", folder: Path, form: str, push: str, as_json: bool) -> dict[str, Any]:
    """Write the latest dataset in a form that other tools read.

    Its card (README.md and card.html) stands beside the rows.

    \b
    Example: trueup export out/sft --form openai-sft
    """
    from harness.cli import console
    from harness.tune import export

    written = export.export(project, folder, form)
    if not as_json:
        console.say(f"wrote {folder} ({form})")
    where = export.push(project, push) if push else ""
    if where and not as_json:
        console.say(f"sent it to {where}")
    return {"pushed": where, "folder": str(folder), "form": form, "files": [str(path) for path in written]}
