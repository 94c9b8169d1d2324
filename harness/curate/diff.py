"""Compare two datasets row by row."""

from collections.abc import Mapping, Sequence

from harness.core.replies import written
from harness.types import Case, Noun

KINDS = ("added", "removed", "moved", "changed")
"""What may have become of a row; changed: it has another target."""


class DatasetChange(Noun, frozen=True):
    case_id: str
    kind: str
    """added, removed, moved or changed (another target)."""
    split: str = ""
    """Where it stands now; for removed rows, where it stood."""
    before: str = ""
    """For moved rows the old split, for changed rows the old target's text."""
    after: str = ""
    text: str = ""
    """The message, at most 200 characters."""


class Difference(Noun, frozen=True):
    changes: tuple[DatasetChange, ...]
    counts: dict[str, dict[str, int]]
    """Split to kind to rows."""


def difference(old: Mapping[str, Sequence[Case]], new: Mapping[str, Sequence[Case]]) -> Difference:
    """Rows of two datasets (split to cases) compared by case id; equal rows are not listed."""
    was = {case.id: (split, case) for split, cases in old.items() for case in cases}
    now = {case.id: (split, case) for split, cases in new.items() for case in cases}
    found = []
    for case_id in sorted(was.keys() | now.keys()):
        change = _change(was.get(case_id), now.get(case_id))
        if change:
            found.append(change)
    counts: dict[str, dict[str, int]] = {}
    for change in found:
        kinds = counts.setdefault(change.split, {})
        kinds[change.kind] = kinds.get(change.kind, 0) + 1
    return Difference(changes=tuple(found), counts=counts)


def _change(was: tuple[str, Case] | None, now: tuple[str, Case] | None) -> DatasetChange | None:
    split, case = now or was or ("", Case(id=""))
    told = {"case_id": case.id, "split": split, "text": case.text[:200]}
    if was is None:
        return DatasetChange(kind="added", after=_target(case), **told)
    if now is None:
        return DatasetChange(kind="removed", before=_target(case), **told)
    if was[0] != now[0]:
        return DatasetChange(kind="moved", before=was[0], after=now[0], **told)
    if _target(was[1]) != _target(case):
        return DatasetChange(kind="changed", before=_target(was[1]), after=_target(case), **told)
    return None


def _target(case: Case) -> str:
    return written(case.target) if case.target else ""
