"""List quarantined flaky cases that were left out of both arms, and entries that do not count, with reasons."""

from collections.abc import Iterator

from harness.gate import wording
from harness.gate.context import Context
from harness.gate.flaky_cases import DAYS, MOST, Sorted
from harness.types import Finding

WHY = {
    "own_run": "found flaky in the very evaluation that is judged, which would be a choice with the results in sight",
    "expired": "past their day, or not yet fixed on the day of the verdict",
    "too_long": f"meant to be left out for more than {DAYS} days from the day they were measured",
    "too_many": f"more than {MOST:.0%} of the suite: the suite is too flaky to judge by leaving cases out",
}


def findings(context: Context) -> Iterator[Finding]:
    for suite, fate in sorted({(one.case.suite, one.fate) for one in context.quarantine}):
        yield _told(suite, fate, [one for one in context.quarantine if (one.case.suite, one.fate) == (suite, fate)])


def _told(suite: str, fate: str, found: list[Sorted]) -> Finding:
    cases = ", ".join(f"{one.case.case_id} ({one.case.flips} of {one.case.trials} repeats flip)" for one in found[:3])
    more = f" and {len(found) - 3} more" if len(found) > 3 else ""
    name = wording.label(suite)
    counts = {"cases" if fate == "left_out" else "counted": float(len(found))}
    if fate == "left_out":
        until = min(one.case.expires for one in found)
        text = f"{name}: {len(found)} flaky cases are left out of both arms until {until}: {cases}{more}."
        return Finding(rule="quarantined", suite=suite, outcome="info", sentence=text, counts=counts, formula="count")
    text = f"{name}: {len(found)} quarantined cases still count, being {WHY[fate]}: {cases}{more}."
    return Finding(
        rule="quarantined",
        suite=suite,
        outcome="unresolved" if fate == "too_many" else "info",
        sentence=text,
        counts=counts,
        formula="count",
        next="make the suite's cases steadier, then trueup quarantine" if fate == "too_many" else "trueup quarantine",
    )
