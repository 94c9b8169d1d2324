"""Find curated datasets in the store by the start of their id, compare and describe them."""

from harness.core import dataset_files
from harness.core.dataset_files import SPLITS
from harness.curate.diff import Difference, difference
from harness.errors import UsageError
from harness.project import Project
from harness.types import Case, Dataset


def find(project: Project, prefix: str) -> Dataset:
    """The dataset whose id starts so. Raises UsageError when none or several do."""
    known = project.store.artifacts.ids("dataset")
    found = [ident for ident in known if ident.startswith(prefix)]
    if len(found) != 1:
        what = "no dataset has" if not found else f"{len(found)} datasets have"
        near = ", ".join(ident[:12] for ident in (found or known)[-5:]) or "none yet; trueup curate makes one"
        raise UsageError(f"{what} an id that starts with {prefix!r}", next=f"known: {near}")
    return project.dataset(found[0])


def pair(project: Project, old: str = "", new: str = "") -> tuple[Dataset, Dataset]:
    """Two datasets to compare. Without `new` the latest; without `old` the one that came before it."""
    after = find(project, new) if new else project.latest_dataset()
    if old:
        return find(project, old), after
    if not after.parents:
        raise UsageError("there is no earlier dataset to compare with", next="trueup diff OLD NEW, with ids")
    return find(project, after.parents[0]), after


def splits(project: Project, dataset: Dataset) -> dict[str, tuple[Case, ...]]:
    """All rows of a dataset, by split."""
    folder = project.store.artifacts.folder("dataset", dataset.id)
    return {name: dataset_files.read_split(folder, name) for name in SPLITS}


def compare(project: Project, old: Dataset, new: Dataset) -> Difference:
    """What changed between two nights, row by row."""
    return difference(splits(project, old), splits(project, new))
