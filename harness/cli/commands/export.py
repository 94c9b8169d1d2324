"""Write a dataset in another tool's format: `trueup export`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.commands._command import command

if TYPE_CHECKING:
    from harness.project import Project

FORMS = "chat, openai-sft, openai-preference, trl-sft, trl-preference, parquet or hf"


@command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--push", default="", metavar="OWNER/NAME", help="Send it to this private repository of the Hub, too.")
@click.option("--form", "forms", multiple=True, help=f"{FORMS}; may be given more than once. Default: chat.")
@click.option(
    "--since", is_flag=False, flag_value="", metavar="[ID]",
    help="Only rows that are new or changed since this dataset; without ID the one before.",
)  # fmt: skip
def export(
    project: "Project", folder: Path, forms: tuple[str, ...], since: str | None, push: str, as_json: bool
) -> dict[str, Any]:
    """Write the latest dataset in a form that other tools read.

    Its card (README.md and card.html) and changes.jsonl, the rows that changed since the dataset before, are written beside the
    rows.

    \b
    Example: trueup export out/sft --form openai-sft
    Example: trueup export out/$(date +%F) --form parquet --since      (every night, the new rows)
    """
    import msgspec

    from harness.cli import console
    from harness.curate import export

    forms = forms or ("chat",)
    done = export.export(project, folder, forms, since)
    if not as_json:
        console.say(f"wrote {folder} ({', '.join(forms)}): {done.rows:,} {'row' if done.rows == 1 else 'rows'}")
        changed = sum(sum(kinds.values()) for kinds in done.changes.values())
        if done.since:
            console.say(f"{changed:,} rows differ from dataset {done.since[:12]}: {folder / export.CHANGES}")
    where = export.push(project, push) if push else ""
    if where and not as_json:
        console.say(f"sent it to {where}")
    return {"pushed": where, "folder": str(folder), "forms": forms, **msgspec.to_builtins(done)}
