"""Unite recordings of one call under different ids: by two libraries, or by a gateway and its client.

Within one trace the formats see to it themselves. Across traces and formats it is done here: LangChain's callbacks set no
current span, so the client below them starts a trace of its own, and a gateway's log knows no trace at all. Two
recordings are one call when different producers made them, their times overlap, and they have the same response id; or,
where one has none, when one lies within the other and they say the same. Two calls of the same text, one after the
other, stay two. Memory: about 0.5 KB a call; the calls themselves wait in a temporary file.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import reduce
from itertools import combinations
from typing import NamedTuple, TypeVar

import msgspec

from harness.core.recordings import same_call, united
from harness.types import Call

T = TypeVar("T")

NEAR = 64
"""Running calls that one is compared with, those that began last."""

MEMORY = 64 * 2**20
"""Bytes of waiting calls that are held before they go to the disk."""

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(Call).decode


class Facts(NamedTuple):
    """What tells two recordings of one call apart from two calls; texts as their hashes."""

    id: str
    producer: str
    response: str
    start_ns: int
    end_ns: int
    asked: int
    answered: int
    """0: nothing was recorded."""


def merged(found: Iterable[Call | T], on_double: Callable[[], None] = lambda: None) -> Iterator[Call | T]:
    """What was found, each call once. All else is passed on at once; calls come at the end, in the order they came."""
    facts: list[Facts] = []
    with tempfile.SpooledTemporaryFile(MEMORY, prefix="trueup-") as file:
        for item in found:
            if not isinstance(item, Call):
                yield item
                continue
            packed = _pack(item)
            file.write(len(packed).to_bytes(4, "big") + packed)
            facts.append(facts_of(item))
        groups = _groups(facts)
        file.seek(0)
        waiting: dict[int, list[Call]] = {}
        for number in range(len(facts)):
            call = _unpack(file.read(int.from_bytes(file.read(4), "big")))
            group = groups.get(number)
            if group is None:
                yield call
                continue
            held = waiting.setdefault(group[0], [])
            held.append(call)
            if number == group[-1]:
                for _ in held[1:]:
                    on_double()
                yield reduce(united, waiting.pop(group[0]))


def facts_of(call: Call) -> Facts:
    asked = call.input[-1].text if call.input else ""
    answered = "".join(said.text for said in call.output)
    producer = f"{call.source.format} {call.source.producer}"
    hashes = (hash(text) if text else 0 for text in (asked, answered))
    return Facts(call.id, producer, call.response_id, call.start_ns, call.end_ns, *hashes)


def same(one: Facts, two: Facts) -> bool:
    """Whether two recordings are of one call."""
    if one.id == two.id or one.producer == two.producer or not (one.start_ns and two.start_ns):
        return False
    return same_call(one, two, (one.response, two.response), lambda: _alike(one, two))


def _alike(one: Facts, two: Facts) -> bool:
    return one.asked == two.asked != 0 and (one.answered == two.answered or not one.answered * two.answered)


def _groups(facts: list[Facts]) -> dict[int, list[int]]:
    """Number of a call to the numbers of all recordings of it; calls that were recorded once are left out."""
    leader: dict[int, int] = {}
    told: dict[int, set[str]] = {}
    """Who recorded the call that a number leads: each producer records a call once."""
    for one, two in _candidates(facts):
        first, second = sorted((_root(leader, one), _root(leader, two)))
        if first == second or not same(facts[one], facts[two]):
            continue
        mine, theirs = (told.get(number, {facts[number].producer}) for number in (first, second))
        if mine.isdisjoint(theirs):
            leader[second] = first
            told[first] = mine | theirs
    groups: dict[int, list[int]] = {}
    for number in sorted(leader):
        groups.setdefault(_root(leader, number), []).append(number)
    return {number: [root, *rest] for root, rest in groups.items() for number in (root, *rest)}


def _root(leader: dict[int, int], number: int) -> int:
    while number in leader:
        number = leader[number]
    return number


def _candidates(facts: list[Facts]) -> Iterator[tuple[int, int]]:
    """Pairs with the same response id, then pairs with the same question at the same time."""
    by_response: dict[str, list[int]] = {}
    by_question: dict[int, list[int]] = {}
    for number, fact in enumerate(facts):
        if fact.response:
            by_response.setdefault(fact.response, []).append(number)
        if fact.asked:
            by_question.setdefault(fact.asked, []).append(number)
    for numbers in by_response.values():
        yield from _overlapping(facts, numbers)
    for numbers in by_question.values():
        yield from _overlapping(facts, numbers)


def _overlapping(facts: list[Facts], numbers: list[int]) -> Iterator[tuple[int, int]]:
    if len(numbers) == 2:
        yield from combinations(numbers, 2)
        return
    running: list[int] = []
    for number in sorted(numbers, key=lambda number: facts[number].start_ns):
        running = [other for other in running[-NEAR:] if facts[other].end_ns >= facts[number].start_ns]
        yield from ((other, number) for other in running)
        running.append(number)
