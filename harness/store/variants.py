"""Merge several stored rows of one call: recordings that complete each other, or a conflict.

Rows are only ever added, so a call whose log records came before its span, or whose session became known in another
export, has several. Read together they are one call, whatever order they came in; recordings that contradict each other
are a conflict, and the call that stands for them is flagged, so that nobody learns from it.
"""

from collections import Counter
from collections.abc import Iterable
from functools import reduce
from itertools import combinations
from typing import NamedTuple

from msgspec.structs import replace

from harness.core import codec
from harness.core.recordings import agree, united
from harness.store.rows import CALL, CONFLICT, Row
from harness.store.table import Snapshot
from harness.types import Call


class Variant(NamedTuple):
    """What several rows of one id mean together."""

    call: Call
    row: str
    """Digest of the row in whose place the call is read."""
    contradictions: int
    """Rows beyond the first that contradict another one."""


def of(snapshot: Snapshot) -> dict[str, Variant]:
    """Id to what its rows mean, for each id of a call that has several."""
    several = {
        row["id"] for batch in snapshot.batches(CALL, ["id", "variant"]) for row in batch.to_pylist() if row["variant"]
    }
    held: dict[str, list[tuple[str, Call]]] = {}
    for row in snapshot.where(CALL, "id", several, ["digest", "body"]):
        held.setdefault(row["id"], []).append((row["digest"], codec.decode(row["body"], Call)))
    return {id: _variant(sorted(found, key=lambda pair: pair[0])) for id, found in held.items()}


def _variant(found: list[tuple[str, Call]]) -> Variant:
    place = min(found, key=lambda pair: (not pair[1].start_ns, pair[1].start_ns, pair[0]))[0]
    calls = [call for _, call in found]
    if all(agree(*pair) for pair in combinations(calls, 2)):
        return Variant(reduce(united, calls), place, 0)
    flagged = replace(calls[0], flags=tuple(sorted({*calls[0].flags, CONFLICT})))
    return Variant(flagged, found[0][0], len(calls) - 1)


def fresh(snapshot: Snapshot, batch: Iterable[tuple[Call, Row]]) -> tuple[list[tuple[Call, Row]], Counter[str]]:
    """The rows to add, and how many records are new, repeated or a conflict.

    A recording that says nothing new is repeated and needs no row; one that only completes what is there counts as
    repeated too, but gets one.
    """
    found, fates = list(batch), Counter[str]()
    known = _known(snapshot, found)
    added: list[tuple[Call, Row]] = []
    for call, row in found:
        held = known.setdefault(row["id"], {})
        if row["digest"] in held:
            fates["repeated"] += 1
            continue
        fate = _fate(call, list(held.values()))
        fates["new" if not held else "conflict" if fate == "conflict" else "repeated"] += 1
        if fate != "repeated":
            added.append((call, {**row, "variant": bool(held)}))
            held[row["digest"]] = call
    return added, fates


def _known(snapshot: Snapshot, found: list[tuple[Call, Row]]) -> dict[str, dict[str, Call]]:
    """Id to digest and content of the rows that are there; contents are read only where the digest differs."""
    digests = {row["id"]: row["digest"] for _, row in found}
    there = list(snapshot.where(CALL, "id", digests, ["digest"]))
    unlike = {row["id"] for row in there if row["digest"] != digests[row["id"]]}
    known: dict[str, dict[str, Call]] = {}
    for row in there:
        known.setdefault(row["id"], {})[row["digest"]] = Call(id=row["id"])
    for row in snapshot.where(CALL, "id", unlike, ["digest", "body"]):
        known[row["id"]][row["digest"]] = codec.decode(row["body"], Call)
    return known


def _fate(call: Call, held: list[Call]) -> str:
    if not held:
        return "new"
    if not all(agree(call, other) for other in held):
        return "conflict"
    whole = reduce(united, held)
    return "repeated" if _bare(united(whole, call)) == _bare(whole) else "completes"


def _bare(call: Call) -> Call:
    return replace(
        call, source=replace(call.source, file="", line=0, format="", convention="", producer="", span_ids=())
    )
