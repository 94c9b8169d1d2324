"""Leave quarantined flaky cases out of both arms, never more than 5 % of a suite.

A case is left out only when it was found flaky in the evaluation of another adapter: nobody may choose, with the results
in sight, which cases not to count. Contracts keep theirs, since they ask for a pass in most of the repeats.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Literal, NamedTuple

from msgspec.structs import replace

from harness.types import Comparison, Contract, Quarantine

MOST = 0.05
"""Largest share of a suite's cases that may be left out."""


DAYS = 30
"""How long a case stays out."""


Fate = Literal["left_out", "too_many", "too_long", "own_run", "expired"]


class Sorted(NamedTuple):
    """One quarantined case, and what was made of it."""

    case: Quarantine
    fate: Fate


def sorted_out(
    comparisons: Sequence[Comparison], quarantine: Sequence[Quarantine], candidate: str, today: str
) -> tuple[tuple[Comparison, ...], tuple[Sorted, ...]]:
    """The comparisons without the cases that may be left out, and the fate of every entry that concerns them."""
    suites = {one.suite.name: one for one in comparisons}
    entries = sorted({one for one in quarantine if one.suite in suites}, key=lambda one: (one.suite, one.case_id))
    fates = {one: _fate(one, candidate, today) for one in entries}
    for name, comparison in suites.items():
        out = {one.case_id for one in entries if one.suite == name and fates[one] == "left_out"}
        if len(out) > MOST * len(comparison.pairs):
            fates |= {one: "too_many" for one in entries if one.suite == name and fates[one] == "left_out"}
    gone = {(one.suite, one.case_id) for one, fate in fates.items() if fate == "left_out"}
    return tuple(_without(one, gone) for one in comparisons), tuple(Sorted(one, fates[one]) for one in entries)


def _fate(one: Quarantine, candidate: str, today: str) -> Fate:
    if not one.measured_on or candidate in (one.measured_on, *one.also):
        return "own_run"
    try:
        fixed, last, now = map(date.fromisoformat, (one.fixed, one.expires, today))
    except ValueError:
        return "expired"
    if last > fixed + timedelta(days=DAYS):
        return "too_long"
    return "left_out" if fixed <= now <= last else "expired"


def _without(comparison: Comparison, gone: set[tuple[str, str]]) -> Comparison:
    suite = comparison.suite
    if isinstance(suite.role, Contract) or not gone:
        return comparison
    return replace(comparison, pairs=tuple(p for p in comparison.pairs if (suite.name, p.case_id) not in gone))
