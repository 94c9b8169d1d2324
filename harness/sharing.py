"""Give a dataset to other tools. Apart from the loop, since their libraries take seconds to import."""

from pathlib import Path

from harness import shelf
from harness.curation import exports
from harness.shelf import Work
from harness.stages import curate as curate_stage


def export(work: Work, folder: Path, form: str) -> list[Path]:
    """Write the latest dataset in another tool's form; returns the files. Raises UsageError for an unknown form."""
    dataset = shelf.latest_dataset(work)
    source = work.store.artifacts.folder("dataset", dataset.id)
    splits = {split: curate_stage.read_split(source, split) for split in curate_stage.SPLITS}
    return list(exports.export(splits, form, folder, shelf.tune_request(work, dataset).prompt))
