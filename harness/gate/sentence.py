"""Say the verdict in one sentence: what was gained, what held, what is not known; or the first reason why not."""

from collections.abc import Iterator, Sequence

from harness.gate.wording import label
from harness.types import Finding

REASONS = ("invalid", "fail", "unresolved")
"""Outcomes of findings that stand in the way of a promotion, in order of weight."""


def sentence(outcome: str, found: Sequence[Finding]) -> str:
    """One sentence with the reason."""
    if outcome == "promote":
        clauses = [*_net(found), *_gains(found), *_held(found), *_unknown(found), *_waived(found)]
        return f"Promote: {'; '.join(clauses)}."
    against = [finding for finding in found if finding.outcome in REASONS]
    if not against:
        return "Undecided: no target was shown to improve, and no guard to pass."
    reason = against[0].sentence if against[0].suite else against[0].sentence[:1].lower() + against[0].sentence[1:]
    others = len(against) - 1
    more = f" {others} more {'problem' if others == 1 else 'problems'} below." if others else ""
    return f"{outcome.capitalize()}: {reason}{more}"


def _net(found: Sequence[Finding]) -> Iterator[str]:
    """`net effect on traffic +1.2 points over base, 95 % interval +0.4 to +2.0`, the smallest over a baseline."""
    shown = [finding for finding in found if finding.rule == "net_effect" and finding.outcome == "pass"]
    if shown:
        least = min(shown, key=lambda finding: finding.estimate or 0.0)
        yield least.sentence.split(";")[0].replace("Net effect on traffic:", "net effect on traffic")


def _gains(found: Sequence[Finding]) -> Iterator[str]:
    """`booking (412 cases) improved by 81.2 points over base (95 % interval +77.9 to +84.6)`, each target suite once: by
    its smallest gain over a baseline."""
    targets = [one for one in found if one.rule == "target" and one.outcome == "pass"]
    for suite in sorted({one.suite for one in targets}):
        least = min((one for one in targets if one.suite == suite), key=lambda one: one.estimate or 0.0)
        gain = least.sentence.split("; ")[0].rstrip(".").removeprefix(label(suite))
        yield f"{label(suite)} ({int(least.counts.get('n', 0)):,} cases){gain}"


def _held(found: Sequence[Finding]) -> Iterator[str]:
    """`nothing that is guarded dropped more than allowed (2 guards, 1 contract)`, and what declines within its margin."""
    counts = [(rule, len({one.suite for one in found if one.rule == rule and one.outcome == "pass"})) for rule in HELD]
    named = ", ".join(f"{count} {rule}{'s' if count > 1 else ''}" for rule, count in counts if count)
    if named:
        yield f"nothing guarded got worse than allowed ({named})"
    declines = sorted(
        {label(one.suite) for one in found if one.rule == "guard" and one.interval and one.interval.high < 0}
    )
    if declines:
        yield f"{', '.join(declines)} dropped, within the margin"


HELD = ("guard", "contract", "budget")


def _unknown(found: Sequence[Finding]) -> Iterator[str]:
    """What the verdict does not rest on, so that nobody takes it for shown."""
    yield from (
        finding.sentence[:1].lower() + finding.sentence[1:].rstrip(".")
        for finding in found
        if finding.rule in ("lowered", "weakened") and finding.outcome == "info"
    )
    if any(one.rule == "unguarded" for one in found):
        yield "what it may have broken elsewhere was not tested"
    if any(one.rule == "net_effect" and one.outcome == "info" for one in found):
        yield "the net effect on traffic is not known"
    if any(one.rule == "prompted" and one.counts.get("n") == 0 for one in found):
        yield "no prompt was tried instead"
    ties = sorted({one.baseline for one in found if one.rule == "prompted" and one.counts.get("tie")})
    if ties:
        yield f"it was not shown to do better than the prompt ({', '.join(ties)})"


def _waived(found: Sequence[Finding]) -> Iterator[str]:
    """What did not count must be seen at once."""
    for rule, word in (("waived", "waived"), ("quarantined", "flaky")):
        cases = int(sum(each.counts.get("cases", 0) for each in found if each.rule == rule and each.outcome == "info"))
        if cases:
            yield f"{cases} {'case is' if cases == 1 else 'cases are'} {word} and did not count"
