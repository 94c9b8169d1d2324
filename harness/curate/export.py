"""Export the latest dataset for other tools, with its card and what changed since the night before.

Apart from `step`, since the libraries of the formats take seconds to import.
"""

from collections.abc import Sequence
from pathlib import Path

from harness import config
from harness.core.codec import write_atomic, write_lines
from harness.core.plugins import helper
from harness.curate import card, datasets, export_formats
from harness.curate.diff import Difference, difference
from harness.errors import UsageError
from harness.evaluate import arms
from harness.project import Project
from harness.types import Case, Dataset, Noun, Prompt

CHANGES = "changes.jsonl"
Splits = dict[str, tuple[Case, ...]]


class Exported(Noun, frozen=True):
    """What one export wrote."""

    files: tuple[str, ...]
    rows: int
    """In the files of each form; a row that a form cannot hold is not in its file."""
    dataset: str
    """Content id."""
    since: str = ""
    """Content id of the dataset before; empty when there is none."""
    changes: dict[str, dict[str, int]] = {}
    """Split to kind of change to rows."""


def export(project: Project, folder: Path, forms: Sequence[str], since: str | None = None) -> Exported:
    """Write the latest dataset in other tools' forms, its card, and the rows that changed since the night before.

    `since`: write only rows that were added, moved or given another target since that dataset (the start of its id, or empty
    for the one before). The first night all rows are new. Raises UsageError for an unknown form or id.
    """
    dataset = project.latest_dataset()
    whole = datasets.splits(project, dataset)
    before = _before(project, dataset, since)
    changes = difference(datasets.splits(project, before) if before else {}, whole)
    splits = whole if since is None else _only(whole, changes)
    written: list[Path] = []
    for form in forms:
        export_formats.check(form)
        if since is None or any(splits.values()):
            written += export_formats.export(splits, form, folder, prompt_of(project, dataset))
    told = changes if before else None
    cards = {
        "README.md": card.markdown(dataset, whole, told).encode(),
        "card.html": helper("reports", "parts.card").render(
            dataset, card.about(dataset), card.sections(dataset, whole, told)
        ),
    }
    for name, data in cards.items():
        write_atomic(folder / name, data)
    write_lines(folder / CHANGES, changes.changes)
    return Exported(
        files=tuple(str(path) for path in (*written, *(folder / name for name in (*cards, CHANGES)))),
        rows=sum(map(len, splits.values())),
        dataset=dataset.id,
        since=before.id if before else "",
        changes=changes.counts,
    )


def push(project: Project, repository: str) -> str:
    """Send the latest dataset to the Hugging Face Hub; returns where it is. Raises InputError when the Hub refuses."""
    dataset = project.latest_dataset()
    splits = datasets.splits(project, dataset)
    return export_formats.push(splits, repository, card.markdown(dataset, splits), prompt_of(project, dataset))


def prompt_of(project: Project, dataset: Dataset) -> Prompt:
    """What is put before every row: the prompt of the arm that is trained, so that others train what trueup would.

    A project without [prompts] makes data only: its rows keep the prompt that production sent most. Raises UsageError for a
    prompt that changes with each case.
    """
    produced = dataset.prompts[0] if dataset.prompts else export_formats.EMPTY
    trained = arms.sections(project.config).get(arms.TUNED)
    if trained is None or not project.config.prompts:
        return produced
    words = config.prompt(project.config, trained.prompt, dataset.prompts) or export_formats.EMPTY
    arms.check_trainable(project.config, trained.prompt, words)
    return words


def _before(project: Project, dataset: Dataset, since: str | None) -> Dataset | None:
    """The dataset to compare with; None on the first night, or where it is gone and nobody asked for it."""
    if since:
        return datasets.find(project, since)
    parent = dataset.parents[0] if dataset.parents else ""
    if parent and project.store.artifacts.has("dataset", parent):
        return project.dataset(parent)
    if parent and since is not None:
        raise UsageError(
            "the dataset of the night before is gone", where=parent[:12], next="trueup export without --since"
        )
    return None


def _only(splits: Splits, changes: Difference) -> Splits:
    """The rows that are new, moved or changed."""
    wanted = {change.case_id for change in changes.changes if change.kind != "removed"}
    return {name: tuple(case for case in cases if case.id in wanted) for name, cases in splits.items()}
