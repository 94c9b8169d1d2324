"""A synthetic night of any size, to render reports from: no model, no store, the same bytes for the same arguments.

The texts are a parcel help desk's (a message in, a JSON object out), a set of instructions and a set of choices. The
numbers are drawn so that a report has something of everything: fixed and broken cases, repeats that disagree, errors.
"""

import json
import math
import random
from dataclasses import dataclass, field
from itertools import product

from harness.types import (
    Adapter,
    Arm,
    Call,
    Case,
    Cluster,
    Comparison,
    CurvePoint,
    Dataset,
    Feedback,
    Finding,
    Guard,
    HistoryPoint,
    Interval,
    Message,
    Neighbour,
    Pair,
    Policy,
    Promotion,
    Prompt,
    Recipe,
    Reply,
    Result,
    Run,
    Score,
    Source,
    Story,
    Suite,
    Target,
    TextPart,
    Usage,
    Verdict,
    Waiver,
)

NIGHT = 1_793_577_600_000_000_000
"""Unix time in nanoseconds of the newest night: 2026-11-01."""
DAY = 86_400_000_000_000

CATEGORIES = ("lost_parcel", "late_delivery", "damaged_item", "wrong_address", "refund_status", "other")
LABELS = ("order number dropped", "refund not seen", "days counted wrong", "category confused", "prose around the JSON")
OPENINGS = (
    "Hi there,",
    "Hello,",
    "Good morning.",
    "I am getting tired of this.",
    "Quick question:",
    "To whom it may concern,",
)
TROUBLES = (
    "my parcel {order} was due {days} days ago and the tracking page still says it is in the depot",
    "order {order} came with the box crushed at one corner, and the lamp inside is in pieces",
    "I typed the wrong street for {order}, it should go to number {days} and not where it went last time",
    "where is the money for {order}? Your colleague promised it {days} days ago and nothing has reached my account",
    "the courier took a picture of a door that isn't mine, parcel {order}, {days} days gone by now",
)
CLOSINGS = (
    "Please send it back to my card.",
    "I just want to know.",
    "Can somebody call me?",
    "Thanks a lot",
    "This is the third mail.",
)
ORDERS = ("Write exactly two sentences about", "Answer in capital letters only:", "List three facts, one a line, about")
THINGS = ("the moon", "bread", "rivers", "a bicycle", "winter", "bees", "paper", "trains", "salt", "glass")
PARCEL = "parcel_desk/eval_parcel::eval_parcel"
INSTRUCTIONS = "guards/eval_instructions::eval_instructions"
CHOICES = "guards/eval_choices::eval_choices"
SYLLABLES = ("ka", "mo", "ri", "ten", "sol", "ve", "dun", "pa", "li", "gor", "as", "fen")
WORDS = ["".join(parts) for parts in product(SYLLABLES, repeat=3)]
SHOTS = tuple(
    Message(role=role, parts=(TextPart(text=f"worked example {n}"),))
    for n in range(4)
    for role in ("user", "assistant")
)


def say(role: str, text: str) -> Message:
    return Message(role=role, parts=(TextPart(text=text),))


@dataclass
class Night:
    """How the night went; `lift` is how often the tuned arm is right on the target suite."""

    cases: int = 60
    seed: int = 17
    repeats: int = 1
    lift: float = 0.86
    decay: float = 0.045
    """Share of guard cases that the tuned arm breaks."""
    outcome: str = "promote"
    chatter: bool = False
    """Messages of some 60 random words more, so that texts compress as little as real ones do."""
    draw: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.draw = random.Random(self.seed)


def make_story(cases: int = 60, **options: object) -> Story:
    """A whole `Story` with about `cases` cases over three suites and three arms."""
    night = Night(cases=cases, **options)  # type: ignore[arg-type]
    suites = _suites(night)
    asked = {suite.name: tuple(_case(night, suite.name, number) for number in range(suite.cases)) for suite in suites}
    arms = (_arm("base", "short", ()), _arm("prompted", "production", SHOTS), _arm("tuned", "short", ()))
    runs = tuple(_run(night, arm, suites, asked) for arm in arms)
    comparisons = tuple(_compare(suite, runs[i], runs[2]) for suite in suites for i in (0, 1))
    findings = tuple(_finding(comparison) for comparison in comparisons)
    held_out = asked[PARCEL]
    training = tuple(_training(night, number) for number in range(min(400, max(20, cases // 2))))
    return Story(
        title="Parcel desk",
        verdict=_verdict(night, findings),
        runs=runs,
        comparisons=comparisons,
        dataset=_dataset(night, held_out, training),
        previous=_dataset(night, held_out[:-4], training[:-6]),
        adapter=_adapter(training),
        calls={case.call_id: _call(case) for case in held_out[:2000]},
        feedback=tuple(_feedback(case) for case in held_out[:2000]),
        training=training,
        history=_history(night),
        promotions=(_promotion(3, "a41c7f0b9d22", ""), _promotion(9, "77d05e1ab3c4", "a41c7f0b9d22")),
        waivers=_waivers(held_out),
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


def _suites(night: Night) -> tuple[Suite, ...]:
    target, guard = max(4, night.cases // 2), max(4, night.cases * 3 // 10)
    rest = max(4, night.cases - target - guard)
    common = {"repeats": night.repeats, "digest": "5f" * 32}
    return (
        Suite(
            name=PARCEL,
            role=Target(min_gain=0.05),
            metric="exact",
            cases=target,
            cluster="session_id",
            slices=("channel",),
            file="evals/parcel_desk/eval_parcel.py",
            **common,
        ),
        Suite(
            name=INSTRUCTIONS,
            role=Guard(margin=0.05),
            metric="followed",
            cases=guard,
            file="evals/guards/eval_instructions.py",
            **common,
        ),
        Suite(
            name=CHOICES,
            role=Guard(margin=0.08),
            metric="correct",
            cases=rest,
            file="evals/guards/eval_choices.py",
            **common,
        ),
    )


def _case(night: Night, suite: str, number: int) -> Case:
    draw = night.draw
    if suite == PARCEL:
        fields = {
            "category": draw.choice(CATEGORIES),
            "order_number": f"PX-{draw.randrange(10**6):06d}" if draw.random() < 0.8 else None,
            "days_waiting": draw.randrange(2, 30),
            "wants_refund": draw.random() < 0.4,
        }
        trouble = draw.choice(TROUBLES).format(
            order=fields["order_number"] or "(no number)", days=fields["days_waiting"]
        )
        text = f"{draw.choice(OPENINGS)} {trouble}. {_chatter(draw) if night.chatter else ''}{draw.choice(CLOSINGS)}"
        cluster = f"k{draw.randrange(len(LABELS))}"
        return Case(
            id=f"parcel-{number:05d}",
            messages=(say("user", text),),
            expected=fields,
            target=say("assistant", json.dumps(fields)),
            target_source="correction",
            rejected="I am sorry to hear that!",
            split="held_out",
            call_id=f"trace{number:05d}:span1",
            trace_id=f"trace{number:05d}",
            session_id=f"s{number // 3}",
            group=f"g{number // 2}",
            cluster=cluster,
            day="2026-10-30",
            fields={"channel": draw.choice(("mail", "chat", "app"))},
        )
    if suite == INSTRUCTIONS:
        text = (
            f"{draw.choice(ORDERS)} {draw.choice(THINGS)} (variant {number}) {_chatter(draw) if night.chatter else ''}"
        )
        return Case(id=f"instruction-{number:05d}", messages=(say("user", text),), expected="followed")
    text = f"Which word names {draw.choice(THINGS)} best? (question {number})"
    return Case(id=f"choice-{number:05d}", messages=(say("user", text),), expected=draw.choice(THINGS))


def _chatter(draw: random.Random) -> str:
    """A few sentences of words whose frequencies fall as those of a language do (Zipf)."""
    count = draw.randrange(30, 90)
    words = [WORDS[min(len(WORDS) - 1, int(draw.paretovariate(0.55)))] for _ in range(count)]
    return " ".join(words).capitalize() + ". "


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


def _dataset(night: Night, held_out: tuple[Case, ...], training: tuple[Case, ...]) -> Dataset:
    clusters = tuple(
        Cluster(
            id=f"k{number}",
            label=label,
            detector="correction",
            route="POST /desk/messages",
            call_ids=tuple(case.call_id for case in held_out if case.cluster == f"k{number}")[:50],
            days={"2026-10-29": 3 + number, "2026-10-30": 7},
            lever="fine-tune",
            evidence="the value stands in the message",
        )
        for number, label in enumerate(LABELS)
    )
    counts = {"train": len(training), "held_out": len(held_out), "regression": 40, "replay": 12}
    fates = {**counts, "no_target": 391, "user_cap": 24, "near_duplicate": 133}
    return Dataset(
        id="d5e8" * 16 if len(held_out) % 2 == 0 else "b1c2" * 16,
        name="parcel_desk",
        counts=counts,
        fates=fates,
        calls=sum(fates.values()),
        target_sources={"correction": len(training) - 5, "retry": 5},
        clusters=clusters,
        prompts=(Prompt(name="production", messages=SHOTS),),
        traces_version="41",
        leak_proof=tuple(
            Neighbour(
                case_id=case.id,
                train_id=row.id,
                similarity=round(0.62 - 0.4 * number / max(1, len(held_out)), 3),
                text=case.text,
                train_text=row.text,
            )
            for number, (case, row) in enumerate(
                zip(held_out, training * (len(held_out) // len(training) + 1), strict=False)
            )
        ),
        parents=("b1c2" * 16,),
    )


def _training(night: Night, number: int) -> Case:
    case = _case(night, PARCEL, 900_000 + number)
    return Case(
        id=f"train-{number:04d}",
        messages=case.messages,
        target=case.target,
        target_source="correction",
        rejected=case.rejected,
        split="train",
        call_id=f"trace{number:05d}:train",
        cluster=case.cluster,
        day="2026-10-28",
    )


def _adapter(training: tuple[Case, ...]) -> Adapter:
    steps = [
        CurvePoint(
            step=step,
            epoch=step / 40,
            loss=1.9 * math.exp(-step / 30) + 0.08,
            learning_rate=1e-3 * (1 - step / 130),
            seconds=step * 2.9,
            validation_loss=1.9 * math.exp(-step / 34) + 0.17 if step % 12 == 0 else None,
            score=0.88 - 0.8 * math.exp(-step / 28) if step % 12 == 0 else None,
        )
        for step in range(2, 121, 2)
    ]
    return Adapter(
        id="9be04d71" * 8,
        method="sft",
        base="c1f3a8e2" * 8,
        tokenizer="aa" * 32,
        template="bb" * 32,
        dataset="d5e8" * 16,
        recipe=Recipe(learning_rate=1e-3, epochs=3, batch_size=16),
        prompt=Prompt(name="short"),
        rows={"trained": len(training) - 2, "too_long": 2},
        tokens={"supervised": 15872, "context": 90213, "total": 106085},
        steps=120,
        curve=tuple(steps),
        checks={"parity": {"rows": 384, "largest_difference": 0.0}, "chosen_step": 108},
        seconds=351.0,
        peak_bytes=3_400_000_000,
        choices={"learning_rate": "1e-3: a model of 135M wants more than the 2e-4 of 1B and above"},
    )


def _call(case: Case) -> Call:
    return Call(
        id=case.call_id,
        trace_id=case.trace_id,
        span_id="span1",
        session_id=case.session_id,
        route="POST /desk/messages",
        start_ns=NIGHT - 2 * DAY,
        end_ns=NIGHT - 2 * DAY + 840_000_000,
        model_requested="smollm2-135m",
        input=case.messages,
        output=(say("assistant", case.rejected or ""),),
        usage=Usage(input=312, output=22),
        source=Source(format="otlp", file="exports/2026-10-30.jsonl.gz", line=int(case.id[-5:]) + 1),
    )


def _feedback(case: Case) -> Feedback:
    return Feedback(
        id=f"f-{case.id}",
        call_id=case.call_id,
        name="correction",
        value=-1.0,
        correction=json.dumps(case.expected),
        source_kind="human",
        at_ns=NIGHT - DAY,
    )


def _history(night: Night) -> tuple[HistoryPoint, ...]:
    outcomes = (
        "hold",
        "undecided",
        "promote",
        "promote",
        "hold",
        "promote",
        "invalid",
        "promote",
        "promote",
        night.outcome,
    )
    return tuple(
        HistoryPoint(
            at_ns=NIGHT - (len(outcomes) - 1 - number) * DAY,
            outcome=outcome,
            adapter=f"{number:08x}" * 8,
            means={
                PARCEL: {"base": 0.02, "prompted": 0.11 + number / 400, "tuned": 0.6 + number * 0.028},
                INSTRUCTIONS: {"base": 0.45, "tuned": 0.46 - (number == 4) * 0.11},
                CHOICES: {"base": 0.62, "tuned": 0.61 + number / 900},
            },
            clusters={label: max(0, 9 - number + index) for index, label in enumerate(LABELS)},
            report=f"{number:04d}/report.html",
        )
        for number, outcome in enumerate(outcomes)
    )


def _promotion(days: int, adapter: str, previous: str) -> Promotion:
    return Promotion(
        alias="champion",
        adapter=adapter * 5,
        verdict="3a9f" * 16,
        at_ns=NIGHT - days * DAY,
        by="ci",
        reason="promote",
        previous=previous * 5,
    )


def _waivers(cases: tuple[Case, ...]) -> tuple[Waiver, ...]:
    return (
        Waiver(
            suite=PARCEL,
            case_id=cases[0].id,
            reason="the correction itself is wrong",
            owner="mira",
            expires="2026-12-01",
        ),
        Waiver(suite=PARCEL, cluster="k2", reason="date parser being replaced", owner="jon", expires="2026-09-01"),
    )
