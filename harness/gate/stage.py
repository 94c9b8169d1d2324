"""Decide: turn findings into one verdict.

The rules (`harness/gate/rules`) each say what they found; this page only composes them. Anything invalid makes the verdict
invalid, else any failure holds, else anything unresolved leaves it undecided; and it promotes only when a target was
shown to improve (or a guard to hold, where the policy needs no target) and nothing else was left open. So a missing rule, suite or number can never let a candidate through.

A verdict is a function of its arguments alone: judging stored runs again, under the same or another policy, generates
nothing and repeats exactly.
"""

from collections.abc import Iterable, Sequence
from math import isfinite
from typing import Any, Literal

from msgspec.structs import replace

from harness.core.codec import digest
from harness.core.plugins import load, names, says
from harness.errors import UsageError
from harness.evaluate.arms import CHAMPION
from harness.gate import options as gate_options
from harness.gate.bar import GateBar
from harness.gate.context import Context
from harness.gate.flaky_cases import sorted_out
from harness.gate.noise_beside import beside
from harness.gate.sentence import sentence
from harness.gate.waiver_limits import in_force
from harness.types import Budget, Comparison, Finding, Guard, Judgement, Pair, Policy, Role, Target, Verdict

Outcome = Literal["promote", "hold", "undecided", "invalid"]

ORDER = ("invalid", "fail", "unresolved", "pass", "info")
"""What decides comes first; the first finding that is not a pass gives the verdict its reason."""
OUTCOMES: dict[str, Outcome] = {"invalid": "invalid", "fail": "hold", "unresolved": "undecided"}


def gate(comparisons: Sequence[Comparison], policy: Policy, *, candidate: str, **more: Any) -> Verdict:
    """The verdict on one candidate; `more` are further fields of `Judgement`. Raises as `judge` does."""
    return judge(Judgement(comparisons=tuple(comparisons), policy=policy, candidate=candidate, **more))


def judge(judgement: Judgement) -> Verdict:
    """The verdict, a function of the judgement alone: the order of what it holds does not matter.

    When the candidate is the champion, the champion is no baseline. Raises UsageError on a policy that makes no sense.
    """
    _check(judgement.policy)
    context = context_of(judgement)
    found = [finding for name in names("rules") for finding in load("rules", name).findings(context)]
    found = sorted((_finite(_beside(finding, context)) for finding in found), key=_place)
    outcome = _outcome(found, judgement.policy)
    return Verdict(
        outcome=outcome,
        sentence=sentence(outcome, found),
        findings=tuple(found),
        comparisons=tuple(sorted({digest(_cleaned(one)) for one in judgement.comparisons})),
        policy=digest(judgement.policy),
        candidate=judgement.candidate,
        champion=judgement.champion,
        dataset=judgement.dataset,
        looks=judgement.looks,
        look=judgement.look,
    )


def _check(policy: Policy) -> None:
    wrong = [
        name
        for name, fine in (
            ("alpha", 0.0 < policy.alpha < 0.5),
            ("min_cases", policy.min_cases >= 1),
            ("max_error_share", 0.0 <= policy.max_error_share <= 1.0),
            ("baselines", len(policy.baselines) > 0),
            ("net_gain", -1.0 < policy.net_gain < 1.0),
        )
        if not fine
    ]
    if wrong:
        raise UsageError(f"the gate cannot judge with this {wrong[0]}", where="[gate]", next=f"fix {wrong[0]}")
    gate_options.check(policy)


def context_of(judgement: Judgement) -> Context:
    """What every rule is given: without flaky cases that were left out, with the waivers that are in force."""
    own = judgement.candidate != "" and judgement.candidate == judgement.champion
    itself, today, waivers = CHAMPION if own else "", judgement.today, tuple(dict.fromkeys(judgement.waivers))
    cleaned = sorted({_cleaned(one) for one in judgement.comparisons}, key=lambda one: (*_key(one), digest(one)))
    judged = [one for one in cleaned if one.baseline != one.candidate and one.baseline != itself]
    kept, quarantine = sorted_out(judged, judgement.quarantine, judgement.candidate, today)
    return Context(
        comparisons=kept,
        controls=tuple(one for one in cleaned if one.baseline == one.candidate),
        policy=judgement.policy,
        baselines=tuple(name for name in judgement.policy.baselines if name != itself),
        champion="" if own else judgement.champion,
        production="" if judgement.production == itself else judgement.production,
        arms=judgement.arms,
        bar=GateBar.of(judgement),
        looks=judgement.looks,
        shares=judgement.shares,
        problems=(*judgement.problems, *_ambiguous(judged)),
        waivers=tuple(one for one in waivers if in_force(one, today, judgement.policy)),
        idle_waivers=tuple(one for one in waivers if not in_force(one, today, judgement.policy)),
        today=today,
        fine_tuned=judgement.fine_tuned,
        trained_anyway=judgement.trained_anyway,
        among=max(1, judgement.among),
        quarantine=quarantine,
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
        return role if isfinite(role.limit) and 0.0 <= role.quantile < 1.0 else Budget(limit=0.0)
    return role


def _scores(pair: Pair) -> tuple[float | None, float | None]:
    return pair.baseline, pair.candidate


def _number(value: float | None) -> float | None:
    return float(value) if value is not None and isfinite(value) else None


def _key(comparison: Comparison) -> tuple[str, str, str, str]:
    return comparison.suite.name, comparison.metric, comparison.baseline, comparison.candidate


def _ambiguous(judged: Sequence[Comparison]) -> Iterable[str]:
    """Two answers to one question are none."""
    candidates = sorted({one.candidate for one in judged})
    if len(candidates) > 1:
        yield f"several candidates were compared: {', '.join(candidates)}"
    keys = [_key(one) for one in judged]
    for key in sorted({key for key in keys if keys.count(key) > 1}):
        yield f"{key[0]} was compared with {key[2]} more than once, with different results"


def _finite(finding: Finding) -> Finding:
    """No number that is not finite gets into a verdict: the finding becomes invalid and loses its numbers."""
    numbers = [finding.estimate, finding.bound, finding.p_value, *finding.counts.values()]
    numbers += [finding.interval.low, finding.interval.high] if finding.interval else []
    if all(value is None or isfinite(value) for value in numbers):
        return finding
    sentence = f"{finding.sentence} A number in it is not finite."
    bare = replace(finding, estimate=None, bound=None, p_value=None, interval=None, counts={})
    return replace(bare, outcome="invalid", sentence=sentence)


def _beside(finding: Finding, context: Context) -> Finding:
    return beside(finding, context.controls) if says("rules", finding.rule, "COMPARES", False) else finding


def _place(finding: Finding) -> tuple[int, bool, bool, str, str, str, str]:
    return (
        ORDER.index(finding.outcome),
        not says("rules", finding.rule, "FIRST", False),
        not says("rules", finding.rule, "HARM", False),
        finding.rule,
        finding.suite,
        finding.baseline,
        finding.sentence,
    )


def _outcome(found: Sequence[Finding], policy: Policy) -> Outcome:
    """`found` in order of weight. Only a target that passed can promote, or a guard where no target is needed."""
    if found and found[0].outcome in OUTCOMES:
        return OUTCOMES[found[0].outcome]
    shows = ("target", "guard") if policy.targets == "none" else ("target",)
    shown = any(finding.rule in shows and finding.outcome == "pass" for finding in found)
    return "promote" if shown else "undecided"
