"""Name failure clusters by what fails: the field and the value that most of their answers get wrong.

A name is made from the evidence at hand: the answer that failed in production, or the baseline's, against the answer that was
wanted. A cluster that mining could name so keeps that name, which `trueup mine` shows.
"""

from collections.abc import Iterable

from harness.core.cluster_names import ENOUGH, common, terms, told_apart
from harness.core.codec import canonical
from harness.core.differences import FieldDifference, differences
from harness.core.replies import expected_of, unwritten
from harness.types import Case, Json, Story
from reports.parts.cases import CaseRow, main_baseline


def cluster_names(story: Story, rows: Iterable[CaseRow]) -> dict[str, str]:
    """Cluster id to its name, for every cluster of the dataset and of the cases."""
    evidence = _evidence(story, rows)
    mined = {cluster.id: cluster.label for cluster in story.dataset.clusters} if story.dataset else {}
    ids = dict.fromkeys([*mined, *(name for name in evidence if name)])
    given = {cluster.id: cluster.name for cluster in story.dataset.clusters} if story.dataset else {}
    names = {
        ident: given.get(ident) or common(evidence.get(ident, [])) or terms(mined.get(ident, "")) or ident[:24]
        for ident in ids
    }
    return told_apart(names, mined)


def _evidence(story: Story, rows: Iterable[CaseRow]) -> dict[str, list[list[FieldDifference]]]:
    """Cluster id to the differences of each case that it can be told of."""
    found: dict[str, list[list[FieldDifference]]] = {}
    against, seen = main_baseline(story), set()
    for row in rows:
        if row.case.cluster:
            seen.add(row.case.call_id or row.id)
            _add(found, row.case, row.case.expected, _rejected(row.case) or _failed(row, against))
    for case in story.training:
        if case.cluster and case.rejected and (case.call_id or case.id) not in seen:
            _add(found, case, expected_of(case.target) if case.target else case.expected, _rejected(case))
    return found


def _rejected(case: Case) -> str:
    """The answer that failed in production; tool calls in the form in which they are expected."""
    message = unwritten(case.rejected or "")
    return canonical(expected_of(message)) if message.tool_calls else message.text


def _add(found: dict[str, list[list[FieldDifference]]], case: Case, wanted: Json, wrong: str | None) -> None:
    evidence = found.setdefault(case.cluster, [])
    if wrong and len(evidence) < ENOUGH and (told := differences(wanted, wrong)):
        evidence.append(told)


def _failed(row: CaseRow, arm: str) -> str:
    """The first answer of an arm, where it did not pass."""
    score = row.scores.get(arm)
    replies = [result.replies[-1].text for result in row.results.get(arm, ()) if result.replies]
    return replies[0] if replies and score is not None and score < 1 else ""
