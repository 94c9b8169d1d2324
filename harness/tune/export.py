"""Export a dataset for other tools. Apart from the loop, since their libraries take seconds to import."""

from pathlib import Path

from harness.core.codec import write_atomic
from harness.core.plugins import helper
from harness.curate import card, datasets, export_formats
from harness.project import Project
from harness.tune import request as tune_request


def export(project: Project, folder: Path, form: str) -> list[Path]:
    """Write the latest dataset in another tool's form, with its card; returns the files.

    Raises UsageError for an unknown form.
    """
    dataset = project.latest_dataset()
    splits = datasets.splits(project, dataset)
    written = export_formats.export(splits, form, folder, tune_request.tune_request(project, dataset).prompt)
    cards = {
        "README.md": card.markdown(dataset, splits).encode(),
        "card.html": helper("reports", "parts.card").render(
            dataset, card.about(dataset), card.sections(dataset, splits)
        ),
    }
    for name, data in cards.items():
        write_atomic(folder / name, data)
    return [*written, *(folder / name for name in cards)]


def push(project: Project, repository: str) -> str:
    """Send the latest dataset to the Hugging Face Hub; returns where it is. Raises InputError when the Hub refuses."""
    dataset = project.latest_dataset()
    splits = datasets.splits(project, dataset)
    prompt = tune_request.tune_request(project, dataset).prompt
    return export_formats.push(splits, repository, card.markdown(dataset, splits), prompt)
