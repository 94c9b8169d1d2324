"""Assign each group to a split, for ever.

A new group's side is a stable hash of its oldest row, so it does not depend on what else was mined. A group that was
seen before keeps its side: the ledger is asked first. Where new evidence joins a group that trained with one that was
held out, the held-out side wins and the rows that trained before are left out.
"""

from collections.abc import Mapping, Sequence

from harness.core.codec import digest
from harness.core.dataset_files import EVALUATED
from harness.curate.options import CurateOptions
from harness.curate.passing import SOURCE
from harness.curate.rows import CallRow

JOINED = "joins_held_out"
"""Fate of a row that trained before and is now known to belong to a held-out group."""


def assign(
    rows: Sequence[CallRow], groups: Sequence[Sequence[int]], sticky: Mapping[str, str], options: CurateOptions
) -> list[str]:
    """For each row train, held_out, regression, production, or `joins_held_out`."""
    split = [""] * len(rows)
    newest = _newest(rows, groups, options)
    for number, group in enumerate(groups):
        before = {position: _before(rows[position], sticky) for position in group}
        if any(sides.intersection(EVALUATED) for sides in before.values()):
            for position in group:
                split[position] = _beside_held_out(rows[position], sticky, options)
        else:
            members = [rows[position] for position in group]
            trained = any(before.values())
            sampled = any(_sampled(row, options) for row in members)
            quiet = all(row.target.source == SOURCE for row in members)
            evaluated = not trained and (sampled or quiet or number in newest or _drawn(members, options))
            for position in group:
                split[position] = _evaluated(rows[position], options) if evaluated else _training(rows[position])
    return split


def new_marks(rows: Sequence[CallRow], split: Sequence[str], sticky: Mapping[str, str]) -> dict[str, str]:
    """Ledger entries to add. An entry that stands is never changed."""
    found: dict[str, str] = {}
    for row, side in zip(rows, split, strict=True):
        if side not in (JOINED, "no_signal"):
            for mark in row.marks:
                if mark not in sticky:
                    found.setdefault(mark, side)
    return found


def _before(row: CallRow, sticky: Mapping[str, str]) -> set[str]:
    return {sticky[mark] for mark in row.marks if mark in sticky}


def _beside_held_out(row: CallRow, sticky: Mapping[str, str], options: CurateOptions) -> str:
    own = next((sticky[mark] for mark in row.marks if mark in sticky), "")
    if own == "train":
        return JOINED
    before = sticky.get(row.marks[0])
    if before == "production":
        return before
    return _by_outcome(row) if before else _evaluated(row, options)


def _evaluated(row: CallRow, options: CurateOptions) -> str:
    return "production" if _sampled(row, options) else _by_outcome(row)


def _training(row: CallRow) -> str:
    """What nobody confirmed does not train."""
    return "no_signal" if row.target.source == SOURCE else "train"


def _by_outcome(row: CallRow) -> str:
    return "held_out" if row.failed else "regression"


def _sampled(row: CallRow, options: CurateOptions) -> bool:
    """Is the call in the random sample of production? Its id alone decides, so neither its answer nor its label does."""
    if row.target.source == SOURCE:
        return False  # nobody gave it a label
    drawn = int(digest(["production", options.seed, row.call.id])[:12], 16)
    return drawn < options.production_share * 16**12


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
