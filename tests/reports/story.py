"""A synthetic night of any size, to render reports from: no model, no store, the same bytes for the same arguments.

The texts are a parcel help desk's (a message in, a JSON object out), a set of instructions and a set of choices. The
numbers are drawn so that a report has something of everything: fixed and broken cases, repeats that disagree, errors.
"""

import json
import math
import random

from harness.types import (
    Arm,
    Case,
    Comparison,
    Finding,
    Interval,
    Message,
    Pair,
    Policy,
    Prompt,
    Reply,
    Result,
    Run,
    Score,
    Story,
    Suite,
    Target,
    Usage,
    Verdict,
)
from tests.reports.origin import (
    adapter_of,
    call_of,
    dataset_of,
    feedback_of,
    history_of,
    promotion_of,
    training_of,
    waivers_of,
)
from tests.reports.texts import CHOICES, INSTRUCTIONS, NIGHT, PARCEL, SHOTS, THINGS, Night, case_of, say, suites_of


def make_story(cases: int = 60, **options: object) -> Story:
    """A whole `Story` with about `cases` cases over three suites and three arms."""
    night = Night(cases=cases, **options)  # type: ignore[arg-type]
    suites = suites_of(night)
    asked = {suite.name: tuple(case_of(night, suite.name, number) for number in range(suite.cases)) for suite in suites}
    arms = (_arm("base", "short", ()), _arm("prompted", "production", SHOTS), _arm("tuned", "short", ()))
    runs = tuple(_run(night, arm, suites, asked) for arm in arms)
    comparisons = tuple(_compare(suite, runs[i], runs[2]) for suite in suites for i in (0, 1))
    findings = tuple(_finding(comparison) for comparison in comparisons)
    held_out = asked[PARCEL]
    training = tuple(training_of(night, number) for number in range(min(400, max(20, cases // 2))))
    return Story(
        title="Parcel desk",
        verdict=_verdict(night, findings),
        runs=runs,
        comparisons=comparisons,
        dataset=dataset_of(night, held_out, training),
        previous=dataset_of(night, held_out[:-4], training[:-6]),
        adapter=adapter_of(training),
        calls={case.call_id: call_of(case) for case in held_out[:2000]},
        feedback=tuple(feedback_of(case) for case in held_out[:2000]),
        training=training,
        previous_training=training[2:-6],
        history=history_of(night),
        promotions=(promotion_of(3, "a41c7f0b9d22", ""), promotion_of(9, "77d05e1ab3c4", "a41c7f0b9d22")),
        waivers=waivers_of(held_out),
        policy=Policy(baselines=("base",)),
        seconds={
            "ingest": 3.1,
            "mine": 1.4,
            "curate": 6.2,
            "tune": 351.0,
            "evaluate": 442.8,
            "compare": 0.4,
            "gate": 2.2,
        },
        ingest={"calls": 2080, "repeated": 130, "conflicts": 0, "quarantined": 1, "feedback": 990, "corrections": 547},
    )


def _arm(name: str, prompt: str, shots: tuple[Message, ...]) -> Arm:
    system = say("system", "Answer with one JSON object with category, order_number, days_waiting and wants_refund.")
    return Arm(
        name=name,
        model="models/smollm2",
        adapter=".trueup/adapters/9be0" if name == "tuned" else "",
        prompt=Prompt(name=prompt, messages=(system, *shots)),
        options={"dtype": "bfloat16", "batch_size": 32},
    )


def _run(night: Night, arm: Arm, suites: tuple[Suite, ...], asked: dict[str, tuple[Case, ...]]) -> Run:
    results = tuple(
        _result(night, arm.name, suite.name, case, repeat)
        for suite in suites
        for case in asked[suite.name]
        for repeat in range(night.repeats)
    )
    digest = {"base": "c1f3a8e2", "prompted": "c1f3a8e2", "tuned": "9be04d71"}[arm.name] * 8
    return Run(
        id=f"run-{arm.name}",
        arm=arm,
        model_digest=digest,
        suites=suites,
        results=results,
        cases=asked,
        started_ns=NIGHT,
        seconds=140.2,
        generated=len(results),
        environment={"torch": "2.13.0", "cpu": "2 cores"},
    )


def _result(night: Night, arm: str, suite: str, case: Case, repeat: int) -> Result:
    chance = {
        PARCEL: {"base": 0.06, "prompted": 0.12, "tuned": night.lift},
        INSTRUCTIONS: {"base": 0.45, "prompted": 0.45, "tuned": 0.45},
        CHOICES: {"base": 0.62, "prompted": 0.62, "tuned": 0.62},
    }[suite][arm]
    draw = random.Random(f"{case.id}/{'shared' if suite != PARCEL else arm}/{night.seed}")
    right = draw.random() < chance
    wobble = random.Random(f"{case.id}/{arm}/{repeat}/{night.seed}").random()
    if suite != PARCEL and arm == "tuned" and wobble < night.decay:
        right = not right
    if night.repeats > 1 and wobble > 0.96:
        right = not right
    if arm == "base" and wobble > 0.997:
        return Result(
            suite=suite, case_id=case.id, repeat=repeat, error="TimeoutError: no answer in 60 s", seconds=60.0
        )
    text = _answer(suite, case, right, arm, draw)
    usage = Usage(input=312 if arm == "prompted" else 74, output=max(4, len(text) // 4))
    reply = Reply(text=text, usage=usage, seconds=0.09 if arm == "prompted" else 0.03)
    metric = {PARCEL: "exact", INSTRUCTIONS: "followed", CHOICES: "correct"}[suite]
    why = (
        "every field equal"
        if right
        else "order_number: expected the number in the message"
        if suite == PARCEL
        else "not as asked"
    )
    scores = (Score(name=metric, value=float(right), label="pass" if right else "fail", explanation=why),)
    return Result(suite=suite, case_id=case.id, repeat=repeat, scores=scores, replies=(reply,), seconds=reply.seconds)


def _answer(suite: str, case: Case, right: bool, arm: str, draw: random.Random) -> str:
    if suite == INSTRUCTIONS:
        return (
            "A short text.\nIn two lines."
            if right
            else "Sure! Here is a rather long text that goes on about the matter."
        )
    if suite == CHOICES:
        return str(case.expected) if right else draw.choice(THINGS)
    if right:
        return json.dumps(case.expected)
    if arm == "base":
        return "I'm sorry to hear about your parcel. Could you give me a little more detail so that I can help you?"
    wrong = dict(case.expected)
    wrong[draw.choice(("order_number", "days_waiting"))] = None
    return json.dumps(wrong) if draw.random() < 0.8 else f"Here is the JSON: {json.dumps(wrong)}"


def _compare(suite: Suite, baseline: Run, candidate: Run) -> Comparison:
    before, after = (_means(run, suite) for run in (baseline, candidate))
    sessions = {case.id: case.session_id for case in baseline.cases[suite.name]}
    pairs = tuple(
        Pair(
            case_id=case_id,
            baseline=before[case_id],
            candidate=after[case_id],
            cluster=sessions[case_id] or case_id,
            baseline_error="" if before[case_id] is not None else "TimeoutError: no answer in 60 s",
        )
        for case_id in before
    )
    return Comparison(
        suite=suite,
        baseline=baseline.arm.name,
        candidate=candidate.arm.name,
        metric=suite.metric,
        pairs=pairs,
        binary=suite.repeats == 1,
    )


def _means(run: Run, suite: Suite) -> dict[str, float | None]:
    values: dict[str, list[float]] = {}
    for result in run.results:
        if result.suite == suite.name:
            found = values.setdefault(result.case_id, [])
            found.extend(score.value for score in result.scores)
    return {case_id: sum(found) / len(found) if found else None for case_id, found in values.items()}


def _finding(comparison: Comparison) -> Finding:
    role = comparison.suite.role
    target = isinstance(role, Target)
    bound = role.min_gain if target else -role.margin  # type: ignore[union-attr]
    changes = [p.candidate - p.baseline for p in comparison.pairs if p.baseline is not None and p.candidate is not None]
    n = len(changes)
    mean = sum(changes) / n
    half = 1.645 * math.sqrt(max(1e-9, sum((change - mean) ** 2 for change in changes)) / n / max(1, n - 1))
    low, high = max(-1.0, mean - half), min(1.0, mean + half)
    outcome = "pass" if low > bound else "fail" if high < bound else "unresolved"
    broken, fixed = sum(change < 0 for change in changes), sum(change > 0 for change in changes)
    kind = "gain" if target else "loss"
    return Finding(
        rule="target" if target else "guard",
        suite=comparison.suite.name,
        outcome=outcome,  # type: ignore[arg-type]
        sentence=f"{comparison.candidate} against {comparison.baseline}: {mean:+.3f} ({low:+.3f} to {high:+.3f}), "
        f"held against a {kind} of {abs(bound):.2f}",
        baseline=comparison.baseline,
        candidate=comparison.candidate,
        metric=comparison.metric,
        estimate=mean,
        bound=bound,
        interval=Interval(low=low, high=high, level=0.9, method="newcombe10"),
        p_value=0.001 if outcome == "pass" else 0.2,
        formula="tango score test",
        counts={"n": n, "b": broken, "c": fixed, "needed": 180 if outcome == "unresolved" else 0},
        next="" if outcome == "pass" else "trueup curate --held-out 400",
    )


def _verdict(night: Night, findings: tuple[Finding, ...]) -> Verdict:
    sentences = {
        "promote": "tuned answers 84 points more of the mined held-out cases than base, and both guards hold within their margins.",
        "hold": "tuned gains on the target, but loses more on a guard than its margin allows.",
        "undecided": "The instruction guard cannot be resolved with 18 cases; it needs 180 more.",
        "invalid": "The base arm has errors on 9 cases that the tuned arm does not have.",
    }
    checks = (
        Finding(
            rule="leaks",
            suite="",
            outcome="pass",
            sentence="No held-out case is nearer than 0.80 to a training row.",
            counts={"leaks": 0},
        ),
        Finding(
            rule="looks",
            suite="",
            outcome="pass",
            sentence="Look 4 of 20 at this held-out version.",
            counts={"looks": 4, "allowed": 20},
        ),
    )
    return Verdict(
        outcome=night.outcome,  # type: ignore[arg-type]
        sentence=sentences[night.outcome],
        findings=(*findings, *checks),
        candidate="9be04d71" * 8,
        dataset="d5e8" * 16,
        policy="7c" * 32,
        id="3a9f" * 16,
        at_ns=NIGHT,
    )
