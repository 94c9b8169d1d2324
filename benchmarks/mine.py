"""Precision and recall of the detectors on traffic of five kinds with planted failures.

    python -m benchmarks.mine [--calls 600] [--seed 1]

The kinds: one JSON object with fixed keys, one with sparse keys, a union of objects and lists of objects, prose in several
languages, and an agent with tools that writes prose beside JSON. In each, one call in eight has a planted failure of a known
detector; a quarter of the good calls are praised, a quarter of the failed ones get a thumb or a correction, and one thumb in
fifty is wrong. Nothing of the messages or answers is taken from real traffic.

Precision: of the calls that a detector flags, how many have any planted failure. Recall: of the calls planted for it, how
many it flags. The exit code is 1 when more than 2 % of the good calls of a kind are failed.
"""

import argparse
import json
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from harness.mine.stage import mine
from harness.types import Call, Feedback, Message, RefusalPart, TextPart, ToolCallPart, ToolResultPart, Usage

BOUND = 0.02
PLANTED, SPOKEN, WRONG_THUMB = 8, 0.25, 0.02
START, MINUTE = 1_790_000_000 * 10**9, 60 * 10**9
DAYS = ("Monday", "Tuesday", "Friday", "Sunday", "the 4th", "tomorrow", "next week")
TIMES = ("7 pm", "noon", "8:30", "half past six", "9 in the morning")
NAMES = ("Ada", "Noor", "Mei", "Tomas", "Ines", "Olu", "Petra", "Yuki")
DISHES = ("soup", "pasta", "salad", "risotto", "curry", "ramen", "stew", "pie")
SAYINGS = (
    ("Where can I leave my bicycle when I come to you?", "There is a rack beside the door, and it is lit all night."),
    (
        "Kann ich bei euch auch draußen sitzen, wenn es warm ist?",
        "Ja, im Hof stehen zwölf Tische, und sie sind nie reserviert.",
    ),
    (
        "Est-ce que vous avez une salle pour un groupe de vingt personnes ?",
        "Oui, la salle du fond est libre tous les soirs de la semaine.",
    ),
    (
        "¿Puedo llevar a mi perro cuando voy a comer con vosotros?",
        "Claro que sí, los perros pueden entrar y siempre tienen agua.",
    ),
)


class Planted(NamedTuple):
    """A made-up call before it is one: what was asked, the right answer, and how each detector's failure would look."""

    asked: str
    right: str
    wrong: dict[str, str]
    """Detector to a wrong answer that it should find."""
    tools: tuple[Any, ...] = ()


Make = Callable[[random.Random, int], Planted]


def fixed(draw: random.Random, number: int) -> Planted:
    """One JSON object, always with the same keys, `null` for what the message does not say; or a question back."""
    slots = {"date": draw.choice(DAYS), "time": draw.choice(TIMES), "name": draw.choice(NAMES)}
    asked = f"Please book {slots['date']} at {slots['time']} for {slots['name']}, request {number}"
    if number % 17 == 0:
        return Planted(f"I would like to come, request {number}", "Which day would you like?", {"incomplete": ""})
    if number % 3 == 0:
        slots, asked = {**slots, "time": None}, f"Please book {slots['date']} for {slots['name']}, request {number}"
    other = {**slots, "name": draw.choice([name for name in NAMES if name != slots["name"]])}
    short = {key: value for key, value in slots.items() if key != "name"}
    return Planted(asked, json.dumps(slots), {"schema_break": json.dumps(short), "ungrounded": json.dumps(other)})


def sparse(draw: random.Random, number: int) -> Planted:
    """One JSON object with the keys that the message mentions, from none to five, one of them rare."""
    slots = {
        "date": draw.choice(DAYS),
        "time": draw.choice(TIMES),
        "name": draw.choice(NAMES),
        "dish": draw.choice(DISHES),
    }
    kept = {key: value for key, value in slots.items() if draw.random() < 0.4}
    kept |= {"allergy": "nuts"} if draw.random() < 0.03 else {}
    asked = f"I write about {', '.join(kept.values()) or 'nothing'} as in note {number}"
    wrong = {"schema_break": f"It is about {', '.join(kept.values()) or 'nothing'}."}
    if kept:
        name = draw.choice(sorted(kept))
        invented = draw.choice([word for word in (*NAMES, *DISHES) if word not in asked])
        wrong["ungrounded"] = json.dumps({**kept, name: invented})
    return Planted(asked, json.dumps(kept), wrong)


def union(draw: random.Random, number: int) -> Planted:
    """An order, a question, or a list of dishes with their counts and now and then a note."""
    dish, count = draw.choice(DISHES), draw.randint(1, 9)
    if number % 3 == 0:
        right: Any = {"action": "order", "dish": dish, "count": count}
        bad: Any = {"action": "order", "count": count}
    elif number % 3 == 1:
        right, bad = {"action": "ask", "question": f"How many of {dish}?"}, {"action": "ask"}
    else:
        notes = [{"note": "no salt"} if draw.random() < 0.2 else {} for _ in range(3)]
        right = [{"dish": draw.choice(DISHES), "count": count, **note} for note in notes[: draw.randint(0, 3)]]
        bad = [{"dish": dish}]
    return Planted(f"{count} times {dish} please, slip {number}", json.dumps(right), {"schema_break": json.dumps(bad)})


def prose(draw: random.Random, number: int) -> Planted:
    """Questions and answers in four languages."""
    asked, right = SAYINGS[number % len(SAYINGS)]
    wrong = {
        "incomplete": "",
        "refusal": "I'm sorry, but as an AI I cannot help with bookings.",
        "loop": "we are open " * 12,
        "language": SAYINGS[(number + 1) % len(SAYINGS)][1],
    }
    return Planted(f"{asked} ({number})", f"{right} ({draw.choice(NAMES)})", wrong)


FIND = {"type": "function", "function": {"name": "find_table", "parameters": {"type": "object"}}}


def agent(draw: random.Random, number: int) -> Planted:
    """An agent with a tool; what it says has JSON in it, or is prose."""
    seats, name = draw.randint(1, 8), draw.choice(NAMES)
    right = f'There is a table. {{"seats": {seats}, "name": "{name}"}} Shall I book it?'
    if number % 5 == 0:
        return Planted(f"Is it loud where you are? Ticket {number}", "Only on Fridays.", {"incomplete": ""}, (FIND,))
    wrong = {
        "schema_break": f'There is a table. {{"seats": {seats}}} Shall I book it?',
        "incomplete": "",
    }
    return Planted(f"A table for {seats}, the name is {name}, ticket {number}", right, wrong, (FIND,))


KINDS: dict[str, Make] = {"fixed keys": fixed, "sparse keys": sparse, "union": union, "prose": prose, "agent": agent}


class Traffic(NamedTuple):
    calls: list[Call]
    feedback: list[Feedback]
    planted: dict[str, str]
    """Call id to the detector that should find it."""


def say(role: str, text: str) -> Message:
    return Message(role=role, parts=(TextPart(text=text),) if text else ())


def traffic(kind: str, size: int, seed: int) -> Traffic:
    """Calls of one kind, a minute apart, with what people said of them."""
    draw, made = random.Random(f"{kind}/{seed}"), Traffic([], [], {})
    for number in range(size):
        case = KINDS[kind](draw, number)
        fault = draw.choice(sorted(case.wrong)) if draw.randrange(PLANTED) == 0 else ""
        call = _call(kind, number, case, case.wrong.get(fault, case.right))
        made.calls.append(call)
        if fault:
            made.planted[call.id] = fault
        made.feedback.extend(_said(draw, call, case, bool(fault)))
    return made


def _call(kind: str, number: int, case: Planted, answer: str) -> Call:
    asked = say("user", case.asked)
    if case.tools:  # the table was looked for before the answer
        called = Message(role="assistant", parts=(ToolCallPart(id="1", name="find_table", arguments='{"seats": 4}'),))
        context: tuple[Message, ...] = (
            asked,
            called,
            Message(role="tool", parts=(ToolResultPart(id="1", content="free"),)),
        )
    else:
        context = (asked,)
    declined = answer.startswith("I'm sorry")
    output = Message(role="assistant", parts=(RefusalPart(text=answer),)) if declined else say("assistant", answer)
    start = START + number * MINUTE
    return Call(
        id=f"{kind}:{number}",
        session_id=f"{kind} session {number}",
        user_id=f"user {number % 97}",
        route=f"POST /{kind}",
        start_ns=start,
        end_ns=start + 10**9,
        input=(say("system", f"You answer about {kind}."), *context),
        output=(output,),
        tools=case.tools,
        usage=Usage(input=50, output=max(1, len(answer) // 4)),
    )


def _said(draw: random.Random, call: Call, case: Planted, failed: bool) -> Iterator[Feedback]:
    if draw.random() >= SPOKEN:
        return
    wrong_thumb = draw.random() < WRONG_THUMB
    correction = case.right if failed and draw.random() < 0.5 else None
    value = -1.0 if failed != wrong_thumb else 1.0
    yield Feedback(
        id=f"f {call.id}", call_id=call.id, name="thumb", value=value, correction=correction, at_ns=call.end_ns
    )


def measured(kind: str, size: int, seed: int) -> tuple[list[tuple[str, int, str, str]], float]:
    """Detector, calls flagged, precision and recall of each that flags or should flag; and the share of good calls that fail."""
    made = traffic(kind, size, seed)
    found = mine(made.calls, made.feedback)
    thumbed = {item.call_id for item in found.failures if item.detector in ("thumbs_down", "correction")}
    flagged: dict[str, set[str]] = {}
    for failure in found.failures:
        flagged.setdefault(failure.detector, set()).add(failure.call_id)
    wanted = Counter(made.planted.values())
    rows = []
    for name in sorted({*flagged, *wanted} - set(found.hints)):
        hits = flagged.get(name, set())
        right = sum(call in made.planted for call in hits)
        met = sum(made.planted.get(call) == name for call in hits)
        precision = f"{right / len(hits):.3f}" if hits else "–"
        rows.append((name, len(hits), precision, f"{met / wanted[name]:.3f}" if wanted[name] else "–"))
    good = {call.id for call in made.calls} - made.planted.keys() - thumbed
    failing = {call for name, calls in flagged.items() if name not in found.hints for call in calls}
    return rows, len(failing & good) / len(good)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    worst = 0.0
    print(f"{'kind':12} {'detector':14} {'flagged':>7} {'precision':>9} {'recall':>7}")
    for kind in KINDS:
        rows, share = measured(kind, given.calls, given.seed)
        for name, flagged, precision, recall in rows:
            print(f"{kind:12} {name:14} {flagged:7,} {precision:>9} {recall:>7}")
        print(f"{kind:12} good calls failed: {share:.2%}")
        worst = max(worst, share)
    print(f"at most {worst:.2%} of the good calls of a kind are failed; the bound is {BOUND:.0%}")
    return int(worst > BOUND)


if __name__ == "__main__":
    sys.exit(main())
