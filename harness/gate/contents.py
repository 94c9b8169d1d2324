"""Recognise cases that are copies of one another, by what they ask and not by their ids.

Two cases ask the same when their content is equal but for case, spacing and Unicode form, the id and the columns that
group cases (cluster, slices) left aside; or when the model was sent the very same requests for both.
"""

import unicodedata
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

from msgspec import to_builtins

from harness.core.codec import digest
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


def content(case: Case, grouping: Collection[str] = ()) -> str:
    """Content id of what a case asks and expects; empty where too little is known of it."""
    columns = {name: value for name, value in case.fields.items() if name != "id" and name not in grouping}
    if not case.messages and len(columns) < 2:
        return ""
    return digest(_plain([to_builtins(case.messages), case.tools, columns, case.expected]))


def asked(case: Case) -> str:
    """Content id of what a case asks, whatever it expects and is called; its id where nothing else is known."""
    if case.messages:
        return digest(_plain([to_builtins(case.messages), case.tools]))
    columns = {name: value for name, value in case.fields.items() if name != "id"}
    return digest(_plain(columns)) if columns else f"id:{case.id}"


def _plain(value: Any) -> Any:
    """Texts without differences that say nothing: Unicode form, upper case, spacing."""
    if isinstance(value, str):
        return " ".join(unicodedata.normalize("NFKC", value).casefold().split())
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


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
