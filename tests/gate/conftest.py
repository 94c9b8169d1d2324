"""What the gate's tests share."""

import pytest

from harness import config
from harness.core.codec import write_lines
from harness.curate import stage as curate_stage
from harness.project import Project
from harness.types import Case, Dataset
from tests.gate.desk import DATASET, OTHER, TUNED, adapter_in, evaluated


@pytest.fixture
def work(tmp_path):
    """A project with a dataset, two adapters, and an evaluation of the first that gains and breaks nothing."""
    (tmp_path / "trueup.toml").write_text('[project]\nname = "desk"\n')
    found = Project.open(config.load(tmp_path))
    folder = found.store.artifacts.scratch("dataset")
    for split in curate_stage.SPLITS:
        write_lines(folder / f"{split}.jsonl", [Case(id=f"{split}-1")])
    write_lines(folder / "dataset.json", [Dataset(id=DATASET, name="desk")])
    found.store.artifacts.add_folder("dataset", DATASET, folder)
    for ident in (TUNED, OTHER):
        adapter_in(found, ident)
    evaluated(found)
    return found
