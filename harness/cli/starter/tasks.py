"""Infer the form of each route's good answers: JSON, labels, numbers, tool calls or free text.

A good answer is a correction, an answer that was praised and that no detector faults; where a route has too few of
these, one that no detector faults. Everything is counted, so that a person can see how far to trust the guess.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Literal

from msgspec import Struct

from harness.cli.starter.toolbox import toolbox
from harness.core.replies import fold, json_object
from harness.types import Json, Message, Usage

Kind = Literal["json", "labels", "number", "tools", "text"]

ENOUGH = 5
"""Good answers from which a form is guessed."""
NEARLY_ALL = 0.9
SOME = 0.2
"""Share of answers that call tools from which calling tools is the task."""
MOST_LABELS, LABEL_WORDS = 20, 4
TIMES_SEEN = 4
"""How often each label has been seen on average before a set of answers is taken for labels."""
ALWAYS = 0.98
SELDOM = 0.02
"""Share of the objects that have a key below which it is taken for a slip of the model."""


class Good(Struct, frozen=True):
    """One good answer, and what it answered."""

    route: str
    case_id: str
    messages: tuple[Message, ...]
    answer: Message
    tools: tuple[Json, ...] = ()
    usage: Usage = Usage()
    session_id: str = ""
    evidence: bool = True
    """A person or a program said that it is good; else nothing speaks against it."""
    today: bool = True
    """It is what production answered, not what it should have."""


class Field(Struct, frozen=True):
    """One key of the JSON objects."""

    name: str
    kind: Literal["number", "date", "text", "flag", "list", "object"]
    share: float
    """Of the objects in which it is there and not null, 0 to 1."""
    present: float
    """Of the objects that have the key at all."""


class StarterTask(Struct, frozen=True):
    """What one route does, as far as its good answers show."""

    route: str
    kind: Kind
    good: tuple[Good, ...]
    share: float
    """Of the good answers that have this form, 0 to 1."""
    fields: tuple[Field, ...] = ()
    labels: tuple[str, ...] = ()
    """Commonest first."""
    tools: tuple[tuple[str, int], ...] = ()
    """Name and number of calls, commonest first."""
    toolbox: tuple[Json, ...] = ()
    """Definitions of these, guessed where the calls bring none."""
    max_tokens: int = 256
    """Half as much again as the longest good answer seems to need."""
    sessions: bool = False
    """Most calls name a session, so cases of one are not independent."""


def guess(good: Iterable[Good]) -> tuple[StarterTask, ...]:
    """The task of each route with enough good answers, the busiest first."""
    by_route: dict[str, list[Good]] = defaultdict(list)
    for one in good:
        by_route[one.route].append(one)
    found = [_task(route, _trusted(members)) for route, members in by_route.items() if len(members) >= ENOUGH]
    return tuple(sorted(found, key=lambda task: (-len(task.good), task.route)))


def _trusted(members: Sequence[Good]) -> list[Good]:
    """Those with evidence, if there are enough of them."""
    proven = [one for one in members if one.evidence]
    return proven if len(proven) >= ENOUGH else list(members)


def _task(route: str, good: list[Good]) -> StarterTask:
    texts = [one.answer.text.strip() for one in good]
    objects = [value for text in texts if (value := json_object(text)) is not None]
    calling = [one for one in good if one.answer.tool_calls]
    labels = () if objects else _labels(texts)
    numbers = sum(_is_number(text) for text in texts)
    kind: Kind = "text"
    count = len(good)
    if len(calling) >= SOME * len(good):
        kind, count = "tools", len(calling)
    elif len(objects) >= NEARLY_ALL * len(good):
        kind, count = "json", len(objects)
    elif labels:
        kind = "labels"
    elif numbers >= NEARLY_ALL * len(good):
        kind, count = "number", numbers
    called = Counter(call.name for one in calling for call in one.answer.tool_calls)
    return StarterTask(
        route=route,
        kind=kind,
        good=tuple(good),
        share=count / len(good),
        fields=_fields(objects) if kind == "json" else (),
        labels=labels if kind == "labels" else (),
        tools=tuple(called.most_common()),
        toolbox=toolbox(one.answer for one in good) if kind == "tools" and not any(one.tools for one in good) else (),
        max_tokens=_max_tokens(good),
        sessions=sum(bool(one.session_id) for one in good) > len(good) / 2,
    )


def _labels(texts: Sequence[str]) -> tuple[str, ...]:
    """The set of labels that the answers are, if they are; spelled as most of them are."""
    spelled: dict[str, Counter[str]] = defaultdict(Counter)
    for text in texts:
        spelled[fold(text)][text] += 1
    short = all(0 < len(text.split()) <= LABEL_WORDS for text in texts)
    if not short or not 2 <= len(spelled) <= MOST_LABELS or len(texts) < TIMES_SEEN * len(spelled):
        return ()
    if all(_is_number(text) for text in texts):
        return ()
    ranked = sorted(spelled.values(), key=lambda counts: (-counts.total(), counts.most_common(1)[0][0]))
    return tuple(counts.most_common(1)[0][0] for counts in ranked)


def _fields(objects: Sequence[dict[str, Json]]) -> tuple[Field, ...]:
    counts = Counter(name for value in objects for name in value)
    names = [name for name, count in counts.items() if count >= SELDOM * len(objects)]
    return tuple(_field(name, [value[name] for value in objects if name in value], len(objects)) for name in names)


def _field(name: str, values: Sequence[Json], objects: int) -> Field:
    known = [value for value in values if value is not None]
    kinds = Counter(_kind(value) for value in known)
    if kinds and kinds["date"] < NEARLY_ALL * len(known):
        kinds["text"] += kinds.pop("date", 0)
    kind = kinds.most_common(1)[0][0] if kinds else "text"
    return Field(name=name, kind=kind, share=len(known) / objects, present=len(values) / objects)


def _kind(value: Json) -> Literal["number", "date", "text", "flag", "list", "object"]:
    if isinstance(value, bool):
        return "flag"
    if isinstance(value, (int, float)):
        return "number"
    if isinstance(value, list):
        return "list"
    if isinstance(value, dict):
        return "object"
    return "date" if _is_date(value) else "text"


def _is_date(text: str) -> bool:
    """Only what is certainly one: an ISO date, with or without a time."""
    for kind in (date, datetime):
        try:
            kind.fromisoformat(text.strip())
            return len(text.strip()) >= 10
        except ValueError:
            continue
    return False


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text.replace(",", "")))
    except ValueError:
        return False


def _max_tokens(good: Sequence[Good]) -> int:
    """A multiple of 32. Where no tokens were counted, three characters are taken for one."""
    longest = max(one.usage.output or len(_written(one.answer)) / 3 for one in good)
    return max(32, math.ceil(1.5 * longest / 32) * 32)


def _written(answer: Message) -> str:
    return answer.text + "".join(call.name + call.arguments for call in answer.tool_calls)


def named(route: str) -> str:
    """A route as a person reads it."""
    return route or "calls without a route"


def sentence(task: StarterTask, calls: int) -> str:
    """What was guessed, and from how much."""
    said = "said to be good" if task.good[0].evidence else "that nothing speaks against"
    basis = f"{len(task.good):,} answers {said}, of {calls:,} calls"
    form = {
        "json": "JSON objects with " + ", ".join(f"{one.name} ({one.kind}, {one.share:.0%})" for one in task.fields),
        "labels": f"one of {len(task.labels)} labels: " + ", ".join(task.labels),
        "number": "a number",
        "tools": "tool calls: " + ", ".join(f"{name} ({count:,})" for name, count in task.tools[:8]),
        "text": "free text",
    }[task.kind]
    guessed = (
        f"; the calls do not say which tools there were, so `tools` of the cases lists the {len(task.toolbox):,} that were "
        "called, without descriptions: put the real ones there"
    )
    missing = guessed if task.toolbox else ""
    return f"{named(task.route)}: {task.share:.0%} are {form}; from {basis}{missing}"
