"""Precision and recall of the detectors of agents' runs, on the runs of a parcel desk with planted failures.

    python -m benchmarks.mine_agents [--runs 600] [--seed 1]

Each run asks where a parcel is, to move its delivery, or for money back; the agent looks the order up, may check the weather or
wait for a carrier by asking the same twice, and changes something. In one run of six a failure of a known detector is
planted. One run in three has feedback on its end, and one thumb in fifty is wrong. Runs of one request come in several
trials, as people ask the same. Nothing of the texts is taken from real traffic.

Precision: of the runs that a detector flags, how many have any planted failure. Recall: of the runs planted for it, how many
it flags. First step: of those, how often the step that it names is the one that was planted. The exit code is 1 when more
than 2 % of the good runs are failed by any detector that is no hint.
"""

import argparse
import json
import random
import sys
from collections import Counter, defaultdict
from typing import Any, NamedTuple

from harness.mine.stage import mine
from harness.types import Call, Feedback, Message, TextPart, ToolCallPart, ToolResultPart

BOUND = 0.02
PLANTED, SPOKEN, WRONG_THUMB, TRIALS = 6, 0.34, 0.02, 3
START, MINUTE = 1_790_000_000 * 10**9, 60 * 10**9
SYSTEM = "You are the parcel desk. Look an order up before you change it, and notify the person of every change."
FAULTS = (
    "tool_loop",
    "wrong_arguments",
    "wrong_tool",
    "missing_tool",
    "gave_up",
    "unneeded_question",
    "too_many_steps",
)
ORDER_SCHEMA = {"type": "object", "properties": {"order_id": {"type": "string"}}, "required": ["order_id"]}
TOOLS = tuple(
    {"type": "function", "function": {"name": name, "parameters": ORDER_SCHEMA}}
    for name in ("find_order", "refund", "reschedule", "notify", "carrier_status", "weather")
)


class Made(NamedTuple):
    """One run's script: messages in order, the answer that the planted failure is in, and which detector should find it."""

    messages: list[Message]
    fault: str = ""
    wrong: int = -1
    """Place of the wrong answer among the messages."""


class Runs(NamedTuple):
    calls: list[Call]
    feedback: list[Feedback]
    planted: dict[str, tuple[str, str]]
    """Trace id to the detector that should find the run, and the id of the call that is wrong; empty where no one is."""


def say(role: str, text: str) -> Message:
    return Message(role=role, parts=(TextPart(text=text),))


class Script:
    """Writes one run."""

    def __init__(self, draw: random.Random, number: int) -> None:
        self._draw, self._number, self._calls = draw, number, 0
        self.messages: list[Message] = [say("system", SYSTEM)]

    def use(self, name: str, result: Any, **arguments: Any) -> int:
        """A tool call with its result; its place."""
        self._calls += 1
        id = f"call_{self._draw.randrange(10**9)}"
        part = ToolCallPart(id=id, name=name, arguments=json.dumps(arguments))
        self.messages.append(Message(role="assistant", parts=(part,)))
        self.messages.append(Message(role="tool", parts=(ToolResultPart(id=id, content=json.dumps(result)),)))
        return len(self.messages) - 2

    def says(self, role: str, text: str) -> int:
        self.messages.append(say(role, text))
        return len(self.messages) - 1


def run(draw: random.Random, number: int, fault: str) -> Made:
    """The script of a run, with the failure of a detector in it; empty: none."""
    request = number // TRIALS
    kind, order = ("where", "refund", "reschedule")[request % 3], f"P-{1000 + request}"
    script = Script(draw, number)
    script.says("user", f"{_ASKS[kind]} {order}.")
    wrong = _lookup(script, draw, order, fault)
    if fault == "gave_up":
        script.use("find_order", {"error": "no such order"}, order_id=order)
        return Made(script.messages, fault, script.says("assistant", "I am unable to find that order."))
    if fault == "unneeded_question":
        wrong = script.says("assistant", "What is the number of your order?")
        script.says("user", f"It is {order}, as I said.")
    if kind != "where":
        _change(script, draw, kind, order)
    if fault == "missing_tool":
        return Made(script.messages, fault, script.says("assistant", _DONE[kind]))
    script.use("notify", {"sent": True}, order_id=order)
    script.says("assistant", _DONE[kind])
    if kind == "reschedule" and not fault and draw.random() < 0.2:
        script.says("user", "Thank you, and which day is it now?")
        script.says("assistant", "It is the day after.")
    return Made(script.messages, fault, wrong)


_ASKS = {
    "where": "Where is my parcel",
    "refund": "I want my money back for",
    "reschedule": "Please come a day later with",
}
_DONE = {
    "where": "It is with the carrier.",
    "refund": "The money is on its way.",
    "reschedule": "It comes a day later.",
}


def _lookup(script: Script, draw: random.Random, order: str, fault: str) -> int:
    """Look the order up, with what good runs do beside: the weather, and asking the carrier twice."""
    wrong = -1
    found = {"order_id": order, "state": "on the way"}
    if fault == "tool_loop":
        places = [script.use("find_order", {"hits": []}, query="parcel") for _ in range(draw.randint(4, 6))]
        wrong = places[1]
    if fault == "wrong_arguments":
        wrong = script.use("find_order", {"error": "no order with this number"}, order_id=order.removeprefix("P-"))
    if fault == "wrong_tool":
        wrong = script.use("lookup_parcel", {"error": "lookup_parcel is not a valid tool"}, order_id=order)
    script.use("find_order", found, order_id=order)
    if draw.random() < 0.3:
        script.use("weather", {"sky": draw.choice(("clear", "rain"))}, city="Delft")
    for _ in range(draw.choice((0, 0, 0, 1, 2, 5))):
        script.use("carrier_status", {"state": "pending"}, order_id=order)
    if draw.random() < 0.05:
        script.use("weather", {"error": "timeout, please try again"}, city="Delft")
        script.use("weather", {"sky": "clear"}, city="Delft")
    if fault == "too_many_steps":
        for hour in range(30):
            script.use("weather", {"sky": "clear", "hour": hour}, city="Delft", hour=hour)
    return wrong


def _change(script: Script, draw: random.Random, kind: str, order: str) -> None:
    """The change, which a careful agent has confirmed first."""
    if draw.random() < 0.15:
        script.says("assistant", draw.choice((f"Shall I do that for {order}?", f"Do you mean {order} or another one?")))
        script.says("user", draw.choice((f"Yes, {order} please.", f"{order}.")))
    script.use(kind, {"done": True}, order_id=order)


def runs(size: int, seed: int) -> Runs:
    """So many runs, a minute a step, with what people said of their ends."""
    draw, made = random.Random(f"agents/{seed}"), Runs([], [], {})
    at = START
    for number in range(size):
        fault = draw.choice(FAULTS) if draw.randrange(PLANTED) == 0 else ""
        script = run(draw, number, fault)
        trace = f"run-{number:05}"
        places = [place for place, message in enumerate(script.messages) if message.role == "assistant"]
        for step, place in enumerate(places):
            at += MINUTE
            made.calls.append(_call(trace, step, script.messages[:place], script.messages[place], at))
        if fault:
            wrong = f"{trace}:{places.index(script.wrong):02}" if script.wrong >= 0 else ""
            made.planted[trace] = fault, wrong
        if draw.random() < SPOKEN:
            good = bool(fault) == (draw.random() < WRONG_THUMB)
            last = made.calls[-1]
            value = 1.0 if good else -1.0
            made.feedback.append(
                Feedback(id=f"f {trace}", call_id=last.id, trace_id=trace, name="thumb", value=value, at_ns=last.end_ns)
            )
    return made


def _call(trace: str, step: int, before: list[Message], said: Message, at: int) -> Call:
    return Call(
        id=f"{trace}:{step:02}",
        trace_id=trace,
        span_id=f"{step:02}",
        user_id=f"user {trace}",
        route="POST /parcels",
        start_ns=at,
        end_ns=at + 10**9,
        input=tuple(before),
        output=(said,),
        tools=TOOLS,
    )


class Measured(NamedTuple):
    rows: list[tuple[str, int, str, str, str]]
    """Detector, runs flagged, precision, recall, and the share of first steps that are named right."""
    recall: dict[str, float]
    false_alarms: float
    """Share of the good runs that a detector fails which is no hint."""
    hinted: float
    """Share of the good runs that a hint of these detectors flags."""


def measured(size: int, seed: int) -> Measured:
    made = runs(size, seed)
    found = mine(made.calls, made.feedback)
    flagged: dict[str, dict[str, str]] = defaultdict(dict)
    for failure in (failure for failure in found.failures if not failure.environment):
        flagged[failure.detector].setdefault(failure.call_id.partition(":")[0], failure.call_id)
    wanted = Counter(fault for fault, _ in made.planted.values())
    rows, recall = [], {}
    for name in sorted({*FAULTS, *flagged} - {"thumbs_down"}):
        hits = flagged.get(name, {})
        met = [trace for trace in hits if made.planted.get(trace, ("", ""))[0] == name]
        told = [hits[trace] == made.planted[trace][1] for trace in met if made.planted[trace][1]]
        recall[name] = len(met) / wanted[name] if wanted[name] else 1.0
        right = sum(trace in made.planted for trace in hits)
        precision = f"{right / len(hits):.3f}" if hits else "–"
        first = f"{sum(told) / len(told):.3f}" if told else "–"
        rows.append((name, len(hits), precision, f"{recall[name]:.3f}" if wanted[name] else "–", first))
    thumbed = set(flagged.get("thumbs_down", ()))
    good = {call.trace_id for call in made.calls} - made.planted.keys() - thumbed
    sure = {trace for name, hits in flagged.items() if name not in found.hints for trace in hits}
    hints = {trace for name in FAULTS if name in found.hints for trace in flagged.get(name, ())}
    return Measured(rows, recall, len(sure & good) / len(good), len(hints & good) / len(good))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    result = measured(given.runs, given.seed)
    print(f"{'detector':18} {'flagged':>7} {'precision':>9} {'recall':>7} {'first step':>10}")
    for name, flagged, precision, recall, first in result.rows:
        print(f"{name:18} {flagged:7,} {precision:>9} {recall:>7} {first:>10}")
    print(f"good runs failed: {result.false_alarms:.2%}, hinted at: {result.hinted:.2%}; the bound is {BOUND:.0%}")
    return int(result.false_alarms > BOUND)


if __name__ == "__main__":
    sys.exit(main())
