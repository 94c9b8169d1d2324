"""Turn the calls of a canary into units to compare: a person's calls of one day, in the arm that the day's first call fell to.

A person (a session or a call where no user is known) is one voice however much they call. The split is drawn for each session, and
so a person may meet both arms. The arm of a unit is that of its first call, whose session must be new: only that was drawn
independently of all before. A day after its first call a unit is closed for good, with the feedback that had come until then, so
a later look changes nothing that an earlier one has seen.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping
from statistics import fmean
from typing import NamedTuple

from harness.core import feedback_scale
from harness.mine.mined import Mined
from harness.promote.served_by import Arms, Side, digest_of, is_shadow
from harness.promote.split import key_of
from harness.types import Call, Canary, CanaryMetric, Feedback

DAY_NS = 86_400 * 10**9
SKEW_NS = 5 * 60 * 10**9
"""By which clocks may differ before it is said."""
MOST_NAMES = 20
"""Names of who else answered that are counted apart; the rest is counted together."""
OTHERS = "others"

Values = dict[CanaryMetric, float]


class JudgedUnit(NamedTuple):
    is_candidate: bool
    values: Values
    """Metric to the share of the unit's calls that had it; a metric that none of them tells is left out."""


class CanaryUnits(NamedTuple):
    """All that a canary's calls say."""

    units: list[JudgedUnit]
    """In order of their first call; in shadow, of the candidate only."""
    pairs: list[tuple[Values, Values]]
    """Candidate's and control's values of units that both answered; in shadow only."""
    calls: Counter[str]
    """Arm to its calls since the start."""
    left_out: Counter[str]
    """Why calls of either arm are not judged, in words."""
    unknown: Counter[str]
    """Who else answered since the start: a digest, or a model's name."""
    early: int
    """Calls of the candidate from before the start."""
    fresh: int
    """New sessions of the control since the candidate's newest call."""
    waiting: int
    """Units that are not closed yet."""


class _Open:
    """A unit that still takes calls."""

    def __init__(self, person: str, side: Side, opened_ns: int) -> None:
        self.person, self.side, self.opened_ns = person, side, opened_ns
        self.own: dict[CanaryMetric, list[bool]] = defaultdict(list)
        self.mirrored: dict[CanaryMetric, list[bool]] = defaultdict(list)
        self.shown: dict[str, Mapping[CanaryMetric, bool]] = {}
        """Trace id to what the shown answer had, until its mirrored one is met."""

    @property
    def closes_ns(self) -> int:
        return self.opened_ns + DAY_NS


class CallReader:
    """What each call had, by metric."""

    def __init__(self, canary: Canary, mined: Mined, feedback: Iterable[Feedback]) -> None:
        self._canary = canary
        self._broken = {failure.call_id for failure in mined.failures if failure.environment}
        named = [one for one in mined.failures if one.detector not in mined.hints and not one.environment]
        self._failed = {failure.call_id for failure in named}
        self._guarded = {one.call_id for one in mined.failures if one.detector in canary.guards}
        self._ratings: dict[str, list[tuple[int, bool]]] = defaultdict(list)
        for item in feedback_scale.read(feedback):
            if item.call_id and (item.negative or item.positive):
                self._ratings[item.call_id].append((item.at_ns, item.negative))

    def read(self, call: Call, until_ns: int) -> Mapping[CanaryMetric, bool]:
        """What is known of a call; of its feedback, what had come before `until_ns`."""
        broken = call.error is not None or call.id in self._broken
        held: dict[CanaryMetric, bool] = {"errors": broken}
        if not broken:
            held |= {"failures": call.id in self._failed, "guards": call.id in self._guarded}
        ratings = [is_down for at_ns, is_down in self._ratings.get(call.id, ()) if at_ns <= until_ns]
        if ratings:
            held["thumbs_down"] = any(ratings)
        if self._canary.slow_s is not None and call.seconds is not None:
            held["slow"] = call.seconds > self._canary.slow_s
        if self._canary.costly_tokens is not None and call.usage.output is not None:
            held["costly"] = call.usage.output > self._canary.costly_tokens
        return held


def gather(calls: Iterable[Call], reader: CallReader, canary: Canary, newest_ns: int) -> CanaryUnits:
    """`calls` in order of time. Units are closed as far as `newest_ns`, the newest moment that the traces are known to cover."""
    gathering = _Gathering(reader, canary, newest_ns)
    for call in calls:
        gathering.take(call)
    return gathering.done()


class _Gathering:
    def __init__(self, reader: CallReader, canary: Canary, newest_ns: int) -> None:
        self._reader, self._canary, self._newest, self._arms = reader, canary, newest_ns, Arms(canary)
        self._open: dict[str, _Open] = {}
        self._queue: deque[_Open] = deque()
        self._known: set[str] = set()
        self._seen = CanaryUnits([], [], Counter(), Counter(), Counter(), 0, 0, 0)
        self._early = self._fresh = 0

    def take(self, call: Call) -> None:
        side, seen = self._arms.side(call), self._seen
        if not call.start_ns:
            seen.left_out["without a time"] += bool(side)
        elif call.start_ns < self._canary.start_ns:
            self._early += side == "candidate"
        elif call.start_ns > self._newest + SKEW_NS:
            seen.left_out["later than now, by the clock of what traced them"] += bool(side)
        elif not side:
            self._count_unknown(call)
        else:
            seen.calls[side] += 1
            self._fresh *= side == "control"
            self._close(call.start_ns)
            self._join(call, side)

    def done(self) -> CanaryUnits:
        self._close(self._newest)
        return self._seen._replace(early=self._early, fresh=self._fresh, waiting=len(self._open))

    def _count_unknown(self, call: Call) -> None:
        name = digest_of(call) or call.model_served or call.model_requested or "no model named"
        unknown = self._seen.unknown
        unknown[name if name in unknown or len(unknown) < MOST_NAMES else OTHERS] += 1

    def _join(self, call: Call, side: Side) -> None:
        left_out = self._seen.left_out
        if self._canary.shadow and is_shadow(call) != (side == "candidate"):
            left_out["answered by the candidate and shown, in shadow"] += 1
            return
        unit = self._unit(call, side)
        if unit is None:
            left_out["in a session that went on for more than a day"] += 1
        elif self._canary.shadow:
            self._pair(unit, call, side)
        elif unit.side != side:
            left_out["of people who had met the other arm that day"] += 1
        else:
            _add(unit.own, self._reader.read(call, unit.closes_ns))

    def _unit(self, call: Call, side: Side) -> _Open | None:
        """The open unit of the call's person, or a new one where its session is new; else none."""
        person, key = call.user_id or call.session_id or call.id, key_of(call)
        is_new = key not in self._known
        self._known.add(key)
        self._fresh += is_new and side == "control"
        if person not in self._open and is_new:
            self._open[person] = _Open(person, side, call.start_ns)
            self._queue.append(self._open[person])
        return self._open.get(person)

    def _pair(self, unit: _Open, call: Call, side: Side) -> None:
        """Both answers to one request are in one trace; a shown answer that was not mirrored is not compared."""
        held = self._reader.read(call, unit.closes_ns)
        if side == "control":
            unit.shown[call.trace_id or call.id] = held
        elif call.trace_id in unit.shown:
            shown = unit.shown.pop(call.trace_id)
            both = held.keys() & shown.keys()
            _add(unit.own, {metric: shown[metric] for metric in both})
            _add(unit.mirrored, {metric: held[metric] for metric in both})
        else:
            self._seen.left_out["mirrored, without the answer that was shown"] += 1

    def _close(self, now_ns: int) -> None:
        """Close the units whose day is over."""
        while self._queue and self._queue[0].closes_ns <= now_ns:
            unit = self._queue.popleft()
            del self._open[unit.person]
            own, mirrored = _means(unit.own), _means(unit.mirrored)
            if not self._canary.shadow:
                self._seen.units.append(JudgedUnit(unit.side == "candidate", own))
            elif own and mirrored:
                self._seen.pairs.append((mirrored, own))


def _add(into: dict[CanaryMetric, list[bool]], held: Mapping[CanaryMetric, bool]) -> None:
    for metric, had in held.items():
        into[metric].append(had)


def _means(held: Mapping[CanaryMetric, list[bool]]) -> Values:
    return {metric: fmean(values) for metric, values in held.items()}
