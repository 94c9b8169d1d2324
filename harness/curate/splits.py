"""Assign each group to a split, for ever.

A new group's side is a stable hash of its oldest row, so it does not depend on what else was mined. A group that was
seen before keeps its side: the ledger is asked first. Where new evidence joins a group that trained with one that was
held out, the held-out side wins and the rows that trained before are left out.
"""

from collections.abc import Mapping, Sequence

from harness.core.codec import digest
from harness.curate.options import CurateOptions
from harness.curate.rows import CallRow

EVALUATED = frozenset({"held_out", "regression"})
JOINED = "joins_held_out"
"""Fate of a row that trained before and is now known to belong to a held-out group."""


def assign(
    rows: Sequence[CallRow], groups: Sequence[Sequence[int]], sticky: Mapping[str, str], options: CurateOptions
) -> list[str]:
    """For each row train, held_out, regression, or `joins_held_out`."""
    split = [""] * len(rows)
    newest = _newest(rows, groups, options)
    for number, group in enumerate(groups):
        before = {position: _before(rows[position], sticky) for position in group}
        if any(sides & EVALUATED for sides in before.values()):
            for position in group:
                split[position] = _beside_held_out(rows[position], sticky)
        else:
            trained = any(before.values())
            evaluated = not trained and (number in newest or _drawn([rows[position] for position in group], options))
            for position in group:
                split[position] = _evaluated(rows[position]) if evaluated else "train"
    return split


def new_marks(rows: Sequence[CallRow], split: Sequence[str], sticky: Mapping[str, str]) -> dict[str, str]:
    """Ledger entries to add. An entry that stands is never changed."""
    found: dict[str, str] = {}
    for row, side in zip(rows, split, strict=True):
        if side != JOINED:
            for mark in row.marks:
                if mark not in sticky:
                    found.setdefault(mark, side)
    return found


def _before(row: CallRow, sticky: Mapping[str, str]) -> set[str]:
    return {sticky[mark] for mark in row.marks if mark in sticky}


def _beside_held_out(row: CallRow, sticky: Mapping[str, str]) -> str:
    own = next((sticky[mark] for mark in row.marks if mark in sticky), "")
    return JOINED if own == "train" else _evaluated(row)


def _evaluated(row: CallRow) -> str:
    return "held_out" if row.failed else "regression"


def _drawn(group: Sequence[CallRow], options: CurateOptions) -> bool:
    """True when a new group's hash falls into the evaluated share."""
    if options.held_out_by == "time" and any(row.failed for row in group):
        return False
    oldest = min(group, key=lambda row: (row.call.start_ns, row.call.id))
    share = options.held_out_share if any(row.failed for row in group) else options.regression_share
    return int(digest([options.seed, oldest.text])[:12], 16) < share * 16**12


def _newest(rows: Sequence[CallRow], groups: Sequence[Sequence[int]], options: CurateOptions) -> frozenset[int]:
    """Numbers of the groups that began last and hold `held_out_share` of the failures, under `time`."""
    if options.held_out_by != "time":
        return frozenset()
    failures = [sum(rows[position].failed for position in group) for group in groups]
    begun = [min((rows[position].call.start_ns, rows[position].call.id) for position in group) for group in groups]
    wanted, chosen = options.held_out_share * sum(failures), set()
    for number in sorted(range(len(groups)), key=lambda number: begun[number], reverse=True):
        if failures[number] and wanted >= failures[number]:
            chosen.add(number)
            wanted -= failures[number]
    return frozenset(chosen)
