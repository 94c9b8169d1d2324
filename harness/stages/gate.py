"""Findings into one verdict.

The rules (`harness/rules`) each say what they found; this page only composes them. Anything invalid makes the verdict
invalid, else any failure holds, else anything unresolved leaves it undecided; and it promotes only when a target was
shown to improve and nothing else was left open. So a missing rule, suite or number can never let a candidate through.

A verdict is a function of its arguments alone: judging stored runs again, under the same or another policy, generates
nothing and repeats exactly.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from math import isfinite
from typing import Literal

from msgspec.structs import replace

from harness.codec import digest
from harness.errors import UsageError
from harness.plugins import load, names
from harness.rules._context import Context
from harness.rules._words import label
from harness.types import Budget, Comparison, Finding, Guard, Pair, Policy, Role, Target, Verdict, Waiver

Outcome = Literal["promote", "hold", "undecided", "invalid"]

ORDER = ("invalid", "fail", "unresolved", "pass", "info")
"""What decides comes first; the first finding that is not a pass gives the verdict its reason."""
OUTCOMES: dict[str, Outcome] = {"invalid": "invalid", "fail": "hold", "unresolved": "undecided"}


def gate(
    comparisons: Sequence[Comparison],
    policy: Policy,
    *,
    candidate: str,
    dataset: str = "",
    champion: str = "",
    looks: int = 0,
    problems: Sequence[str] = (),
    waivers: Sequence[Waiver] = (),
    today: str = "",
) -> Verdict:
    """The verdict on one candidate.

    `comparisons` hold the judged arm against each other arm, and arms against themselves (A/A), in any order.
    `candidate`, `dataset` and `champion` are digests, written into the verdict; when the candidate is the champion, the
    champion is no baseline. `looks` counts the looks at this held-out set, this one included. `today` is an ISO date,
    for the waivers. Raises UsageError on a policy that makes no sense.
    """
    _check(policy)
    own = candidate != "" and candidate == champion
    context = _context(comparisons, policy, looks, problems, waivers, today, "champion" if own else "")
    found = [finding for name in names("rules") for finding in load("rules", name).findings(context)]
    found = sorted((_finite(finding) for finding in found), key=_place)
    outcome = _outcome(found)
    return Verdict(
        outcome=outcome,
        sentence=_sentence(outcome, found),
        findings=tuple(found),
        comparisons=tuple(sorted(_id(one) for one in (*context.comparisons, *context.controls))),
        policy=digest(policy),
        candidate=candidate,
        champion=champion,
        dataset=dataset,
    )


def _check(policy: Policy) -> None:
    wrong = [
        name
        for name, fine in (
            ("alpha", 0.0 < policy.alpha < 0.5),
            ("min_cases", policy.min_cases >= 1),
            ("max_error_share", 0.0 <= policy.max_error_share <= 1.0),
            ("baselines", len(policy.baselines) > 0),
        )
        if not fine
    ]
    if wrong:
        raise UsageError(f"the gate cannot judge with this {wrong[0]}", where="[gate]", next=f"mend {wrong[0]}")


def _context(
    comparisons: Sequence[Comparison],
    policy: Policy,
    looks: int,
    problems: Sequence[str],
    waivers: Sequence[Waiver],
    today: str,
    itself: str,
) -> Context:
    cleaned = sorted({_cleaned(one) for one in comparisons}, key=lambda one: (*_key(one), _id(one)))
    judged = [one for one in cleaned if one.baseline != one.candidate and one.baseline != itself]
    return Context(
        comparisons=tuple(judged),
        controls=tuple(one for one in cleaned if one.baseline == one.candidate),
        policy=policy,
        baselines=tuple(name for name in policy.baselines if name != itself),
        looks=looks,
        problems=(*problems, *_ambiguous(judged)),
        waivers=tuple(one for one in waivers if _in_force(one, today)),
        expired=tuple(one for one in waivers if not _in_force(one, today)),
    )


def _cleaned(comparison: Comparison) -> Comparison:
    """Pairs in order of case id, and every number finite: what is not becomes none (or a default), and a problem."""
    role = _role(comparison.suite.role)
    pairs = [
        replace(pair, baseline=_number(pair.baseline), candidate=_number(pair.candidate)) for pair in comparison.pairs
    ]
    lost = sum(_scores(old) != _scores(new) for old, new in zip(comparison.pairs, pairs, strict=True))
    problems = list(comparison.problems)
    if lost:
        problems.append(f"{lost} cases have a score that is not a finite number")
    if role != comparison.suite.role:
        problems.append("its margin, gain or limit is not a usable number")
    return replace(
        comparison,
        suite=replace(comparison.suite, role=role),
        pairs=tuple(sorted(pairs, key=lambda pair: pair.case_id)),
        problems=tuple(problems),
    )


def _role(role: Role) -> Role:
    """The role itself, or one of its kind with a threshold that can be stored and compared with."""
    if isinstance(role, Target):
        return role if isfinite(role.min_gain) and role.min_gain >= 0 else Target()
    if isinstance(role, Guard):
        return role if isfinite(role.margin) and role.margin >= 0 else Guard()
    if isinstance(role, Budget):
        return role if isfinite(role.limit) else Budget(limit=0.0)
    return role


def _scores(pair: Pair) -> tuple[float | None, float | None]:
    return pair.baseline, pair.candidate


def _number(value: float | None) -> float | None:
    return float(value) if value is not None and isfinite(value) else None


def _key(comparison: Comparison) -> tuple[str, str, str, str]:
    return comparison.suite.name, comparison.metric, comparison.baseline, comparison.candidate


def _id(comparison: Comparison) -> str:
    return digest(comparison)


def _ambiguous(judged: Sequence[Comparison]) -> Iterable[str]:
    """Two answers to one question are none."""
    candidates = sorted({one.candidate for one in judged})
    if len(candidates) > 1:
        yield f"several candidates were compared: {', '.join(candidates)}"
    keys = [_key(one) for one in judged]
    for key in sorted({key for key in keys if keys.count(key) > 1}):
        yield f"{key[0]} was compared with {key[2]} more than once, with different results"


def _in_force(waiver: Waiver, today: str) -> bool:
    """A waiver names a case or a cluster, and is in force up to and on the day it expires; without a date, never."""
    try:
        return bool(waiver.case_id or waiver.cluster) and date.fromisoformat(today) <= date.fromisoformat(
            waiver.expires
        )
    except ValueError:
        return False


def _finite(finding: Finding) -> Finding:
    """No number that is not finite gets into a verdict: the finding becomes invalid and loses its numbers."""
    numbers = [finding.estimate, finding.bound, finding.p_value, *finding.counts.values()]
    numbers += [finding.interval.low, finding.interval.high] if finding.interval else []
    if all(value is None or isfinite(value) for value in numbers):
        return finding
    sentence = f"{finding.sentence} A number in it is not finite."
    bare = replace(finding, estimate=None, bound=None, p_value=None, interval=None, counts={})
    return replace(bare, outcome="invalid", sentence=sentence)


def _place(finding: Finding) -> tuple:
    return (
        ORDER.index(finding.outcome),
        finding.rule != "evidence",
        finding.rule,
        finding.suite,
        finding.baseline,
        finding.sentence,
    )


def _outcome(found: Sequence[Finding]) -> Outcome:
    """`found` in order of weight. Only a target that passed can promote."""
    if found and found[0].outcome in OUTCOMES:
        return OUTCOMES[found[0].outcome]
    improved = any(finding.rule == "target" and finding.outcome == "pass" for finding in found)
    return "promote" if improved else "undecided"


def _sentence(outcome: str, found: Sequence[Finding]) -> str:
    """One sentence with the reason."""
    if outcome == "promote":
        return f"Promote: {_gains(found)}{_held(found)}."
    against = [finding for finding in found if finding.outcome in OUTCOMES]
    if not against:
        return "Undecided: no target was shown to improve."
    reason = against[0].sentence if against[0].suite else against[0].sentence[:1].lower() + against[0].sentence[1:]
    others = len(against) - 1
    more = f" {others} more {'finding stands' if others == 1 else 'findings stand'} in the way." if others else ""
    return f"{outcome.capitalize()}: {reason}{more}"


def _gains(found: Sequence[Finding]) -> str:
    """`booking gains 81.2 points [77.9, 84.6]`, each target suite once."""
    said = {one.suite: one.sentence.split(" against ")[0] for one in reversed(found) if one.rule == "target"}
    clauses = [said[suite] for suite in sorted(said)]
    return ", ".join(clauses)


def _held(found: Sequence[Finding]) -> str:
    """` and both guards hold`, and which of them declines within its margin."""
    parts = [_count(rule, found) for rule in ("guard", "contract", "budget")]
    held = " and ".join(part for part in parts if part)
    declines = sorted(
        {label(one.suite) for one in found if one.rule == "guard" and one.interval and one.interval.high < 0}
    )
    tail = f", though {', '.join(declines)} declines within the margin" if declines else ""
    return (f" and {held}" if held else "") + tail


def _count(rule: str, found: Sequence[Finding]) -> str:
    suites = len({one.suite for one in found if one.rule == rule and one.outcome == "pass"})
    if suites <= 1:
        return f"the {rule} holds" if suites else ""
    return f"both {rule}s hold" if suites == 2 else f"all {suites} {rule}s hold"
