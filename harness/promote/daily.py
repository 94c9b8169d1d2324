"""Count by day what is watched: what came in, what was answered, and what came of it.

A person (a session or a call where no user is known) is counted once a day for each thing that any of their calls had, so one
loud user moves no share.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from itertools import groupby
from typing import Literal

from harness.core import feedback_scale
from harness.curate.dataset_facts import language
from harness.mine.forms import LIST, OBJECT, parse
from harness.mine.mined import Mined
from harness.mine.traffic import Traffic, day
from harness.types import Call, Feedback, Noun

Kind = Literal["clusters", "inputs", "answers", "outcomes"]
LENGTHS = (64, 256, 1024, 4096)
"""Characters beyond which a message, or an answer, counts as long: four shares each."""
LANGUAGE_SHARE = 0.2
"""Share of calls whose language is told, drawn by id: telling it takes a millisecond."""
MOST_LANGUAGE = 1 << 32


class DailyShare(Noun, frozen=True):
    """One share by day: people who had it, of the people who could."""

    kind: Kind
    name: str
    """In words, such as `route POST /orders` or `answers longer than 256 characters`."""
    events: tuple[int, ...]
    """One entry for each day."""
    trials: tuple[int, ...]
    cluster: str = ""
    """Id of the cluster that it is of."""
    value: str = ""
    """The route, or the language, that it is of."""


class Daily(Noun, frozen=True):
    days: tuple[str, ...]
    """ISO dates (UTC) with calls, the oldest first."""
    calls: int
    shares: tuple[DailyShare, ...]
    """In the order in which each was first met: what comes later gets a smaller part of alpha."""


Thing = tuple[Kind, str, str, str]
"""Kind, name, cluster and value of a share."""
People = Mapping[str, set[Thing | str]]
ALL, LANGUAGES, RATED = "all", "languages", "rated"
"""Whom a share is a share of: people who called, whose language was told, who rated."""


def count(traffic: Traffic, feedback: Iterable[Feedback], mined: Mined, start_ns: int = 0) -> Daily:
    """All shares of all days with calls from `start_ns` on. Feedback has its `call_id` resolved."""
    reader = _Reader(mined, feedback)
    days: list[str] = []
    calls = 0
    met: dict[Thing, dict[int, int]] = {}
    pools: list[Counter[str]] = []
    for today, number, people in _by_day(traffic, reader, start_ns):
        calls += number
        days.append(today)
        had = Counter(thing for things in people.values() for thing in things if not isinstance(thing, str))
        pools.append(Counter(pool for things in people.values() for pool in things if isinstance(pool, str)))
        for thing, amount in had.items():
            met.setdefault(thing, {})[len(days) - 1] = amount
    places = range(len(days))
    shares = tuple(
        DailyShare(
            kind=kind,
            name=name,
            cluster=cluster,
            value=value,
            events=tuple(met[kind, name, cluster, value].get(place, 0) for place in places),
            trials=tuple(pools[place][_pool(kind, name)] for place in places),
        )
        for kind, name, cluster, value in met
    )
    return Daily(days=tuple(days), calls=calls, shares=shares)


def _pool(kind: Kind, name: str) -> str:
    return LANGUAGES if name.startswith("language ") else RATED if name == "thumbs down" else ALL


def _by_day(traffic: Traffic, reader: "_Reader", start_ns: int) -> Iterator[tuple[str, int, People]]:
    """Each day with its calls and its people, and what each of them had. Calls come in order of time."""
    dated = (call for call in traffic if call.start_ns >= max(start_ns, 1))
    for today, calls in groupby(dated, key=day):
        people: dict[str, set[Thing | str]] = defaultdict(set)
        number = 0
        for call in calls:
            number += 1
            people[call.user_id or call.session_id or call.id].update(reader.read(call))
        yield today, number, people


class _Reader:
    """What is known of each call by its id."""

    def __init__(self, mined: Mined, feedback: Iterable[Feedback]) -> None:
        self._label = {cluster.id: f"{cluster.detector}: {cluster.label}" for cluster in mined.clusters}
        self._clusters: dict[str, set[str]] = defaultdict(set)
        self._broken, self._refused = set[str](), set[str]()
        for failure in mined.failures:
            if failure.detector == "refusal":
                self._refused.add(failure.call_id)
            if failure.environment:
                self._broken.add(failure.call_id)
            if failure.detector not in mined.hints and failure.cluster in self._label:
                self._clusters[failure.call_id].add(failure.cluster)
        self._fine: dict[str, bool] = {}
        for item in feedback_scale.read(feedback):
            if item.call_id and (item.negative or item.positive):
                self._fine[item.call_id] = self._fine.get(item.call_id, True) and not item.negative

    def read(self, call: Call) -> Iterator[Thing | str]:
        """What a call had, and the pools that it is in."""
        yield ALL
        yield from self._input(call)
        yield from self._answer(call)
        for cluster in self._clusters.get(call.id, ()):
            yield "clusters", self._label[cluster], cluster, ""
        if call.id in self._broken:
            yield "outcomes", "calls that the environment broke", "", ""
        elif call.id in self._clusters:
            yield "outcomes", "failed calls", "", ""
        if call.id in self._fine:
            yield RATED
            if not self._fine[call.id]:
                yield "outcomes", "thumbs down", "", ""

    def _input(self, call: Call) -> Iterator[Thing | str]:
        if call.route:
            yield "inputs", f"route {call.route}", "", call.route
        asked = next((message.text for message in reversed(call.input) if message.role == "user"), "")
        yield from (("inputs", f"messages longer than {bound} characters", "", "") for bound in _passed(asked))
        if asked and _drawn(call.id):
            yield LANGUAGES
            code = language(asked)
            yield "inputs", f"language {code}", "", code

    def _answer(self, call: Call) -> Iterator[Thing | str]:
        said = call.reply
        served = call.model_served or call.model_requested
        if served:
            yield "answers", f"answered by {served}", "", ""
        if call.id in self._refused:
            yield "answers", "refusals", "", ""
        if said and parse(said).kind in (OBJECT, LIST):
            yield "answers", "answers in JSON", "", ""
        yield from (("answers", f"answers longer than {bound} characters", "", "") for bound in _passed(said))


def _passed(text: str) -> list[int]:
    return [bound for bound in LENGTHS if len(text) > bound]


def _drawn(ident: str) -> bool:
    """Whether the language of a call is told: one in five, by its id alone."""
    number = int.from_bytes(blake2b(ident.encode(), digest_size=4).digest(), "big")
    return number < LANGUAGE_SHARE * MOST_LANGUAGE
