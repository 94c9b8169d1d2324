"""What the synthetic night is made of: its suites, its cases and their texts."""

import json
import random
from dataclasses import dataclass, field
from itertools import product

from harness.types import Calibration, Case, Guard, Message, Suite, Target, TextPart

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


JUDGE = Calibration(
    name="followed", judge="7b" * 32, kappa=0.81, true_pass=31, false_fail=3, false_pass=2, true_fail=24, attacks=64
)
"""The judge of the instructions: it agrees well with people, and no attack fools it."""


def suites_of(night: Night) -> tuple[Suite, ...]:
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
            judge=JUDGE,
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


def case_of(night: Night, suite: str, number: int) -> Case:
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
        text = f"{draw.choice(OPENINGS)} {trouble}. {chatter(draw) if night.chatter else ''}{draw.choice(CLOSINGS)}"
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
            f"{draw.choice(ORDERS)} {draw.choice(THINGS)} (variant {number}) {chatter(draw) if night.chatter else ''}"
        )
        return Case(id=f"instruction-{number:05d}", messages=(say("user", text),), expected="followed")
    text = f"Which word names {draw.choice(THINGS)} best? (question {number})"
    return Case(id=f"choice-{number:05d}", messages=(say("user", text),), expected=draw.choice(THINGS))


def chatter(draw: random.Random) -> str:
    """A few sentences of words whose frequencies fall as those of a language do (Zipf)."""
    count = draw.randrange(30, 90)
    words = [WORDS[min(len(WORDS) - 1, int(draw.paretovariate(0.55)))] for _ in range(count)]
    return " ".join(words).capitalize() + ". "
