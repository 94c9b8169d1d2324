"""Recognise cases that are copies of one another, by what they ask and not by their ids.

Two cases ask the same when their content is equal but for case, spacing and Unicode form, the id and the columns that
group cases (cluster, slices) left aside; or when the model was sent the very same requests for both.
"""

from collections import Counter
from collections.abc import Sequence

from harness.core.case_contents import content
from harness.types import Case, Result, Suite


def units(suite: Suite, cases: Sequence[Case], results: Sequence[Result]) -> dict[str, str]:
    """Case id to the first id that asks the same, for the cases that have such a twin (the first one included).

    `results` are those of one arm. A case of which no more than its id and one column is known, such as a function's
    own, has no content to go by.
    """
    grouping = {suite.cluster, *suite.slices}
    marks: dict[str, list[str]] = {case.id: [content(case, grouping)] for case in cases}
    for result in results:
        if result.repeat == 0 and all(reply.key for reply in result.replies):
            marks.setdefault(result.case_id, []).append(" ".join(reply.key for reply in result.replies))
    leaders = _joined(marks)
    sizes = Counter(leaders.values())
    return {ident: leader for ident, leader in leaders.items() if sizes[leader] > 1}


def _joined(marks: dict[str, list[str]]) -> dict[str, str]:
    """Case id to the leader of its group: cases that share any mark are one group (union-find)."""
    leader = {ident: ident for ident in sorted(marks)}

    def root(ident: str) -> str:
        while leader[ident] != ident:
            leader[ident] = leader[leader[ident]]
            ident = leader[ident]
        return ident

    seen: dict[str, str] = {}
    for ident in leader:
        for mark in filter(None, marks[ident]):
            one, other = sorted((root(seen.setdefault(mark, ident)), root(ident)))
            leader[other] = one
    return {ident: root(ident) for ident in leader}
