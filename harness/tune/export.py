"""Give a dataset to other tools. Apart from the loop, since their libraries take seconds to import."""

from pathlib import Path

from harness import project as shelf
from harness.core.codec import write_atomic
from harness.core.plugins import helper
from harness.curate import card, datasets
from harness.curate import export_formats as exports
from harness.project import Work
from harness.tune import request as tune_request_of


def export(work: Work, folder: Path, form: str) -> list[Path]:
    """Write the latest dataset in another tool's form, with its card; returns the files.

    Raises UsageError for an unknown form.
    """
    dataset = shelf.latest_dataset(work)
    splits = datasets.splits(work, dataset)
    written = exports.export(splits, form, folder, tune_request_of.tune_request(work, dataset).prompt)
    cards = {
        "README.md": card.markdown(dataset, splits).encode(),
        "card.html": helper("reports", "_card").render(dataset, card.about(dataset), card.sections(dataset, splits)),
    }
    for name, data in cards.items():
        write_atomic(folder / name, data)
    return [*written, *(folder / name for name in cards)]


def push(work: Work, repository: str) -> str:
    """Send the latest dataset to the Hugging Face Hub; returns where it is. Raises InputError when the Hub refuses."""
    dataset = shelf.latest_dataset(work)
    splits = datasets.splits(work, dataset)
    prompt = tune_request_of.tune_request(work, dataset).prompt
    return exports.push(splits, repository, card.markdown(dataset, splits), prompt)
