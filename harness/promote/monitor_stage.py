"""Compare the calls since a promotion with those before it.

A held-out set says what a model would have done; only the traces of the days after say what it did. Compared are the
share of calls that failed by the model's own fault, the share of thumbs down among rated calls, each failure cluster
and each route, and the questions that were asked on both sides, in pairs. A person (a session or a call where no user is
known) is one voice however much they call, so that nobody alone decides. It is no experiment: other things may have changed on the same day, and the sentences do not say otherwise.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from statistics import fmean, median
from typing import Any, Literal

from harness.core import feedback_scale
from harness.core.codec import digest
from harness.core.near_duplicates import normalise
from harness.gate.statistics.paired import paired
from harness.gate.statistics.rates import change
from harness.mine.mined import Mined
from harness.mine.traffic import Traffic, day_of
from harness.types import Call, Feedback, Finding, Noun

DAY_NS = 86_400 * 10**9
LEAST = 30
"""Calls on either side below which no rate is compared."""
FEW = 10
"""Failures, over both sides, from which a cluster is looked at, and questions from which pairs are."""
MOST_LAG = 7 * DAY_NS
LAG_SHARE = 0.9
"""The newest calls, whose thumbs have not come yet, are left out: those younger than this share of thumbs took."""


class Moment(Noun, frozen=True):
    """What changed, and when."""

    at_ns: int
    """Unix nanoseconds of the change."""
    since_ns: int = 0
    """Nothing before this is looked at: the change before it, or the start of the days that are compared."""
    what: str = ""
    """Who serves since then, for the sentence."""


class Monitoring(Noun, frozen=True):
    outcome: Literal["confirmed", "contradicted", "open"]
    sentence: str
    next: str = ""
    """What to type or do next; empty when nothing is to be done."""
    findings: tuple[Finding, ...] = ()
    before: int = 0
    after: int = 0
    """Calls compared on either side; those that the environment broke are not among them."""
    environment: tuple[int, int] = (0, 0)
    """Calls that the environment broke, before and after."""
    unsettled: int = 0
    """Newest calls left out, since their feedback may still come."""
    models: tuple[dict[str, int], dict[str, int]] = ({}, {})
    """Model names in the traces and their calls, before and after."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """What is kept of a call."""

    person: str
    question: str
    route: str
    model: str
    failed: bool
    clusters: frozenset[str]
    thumb: bool | None
    """False for a thumb down; None when nobody rated it."""
    seconds: float | None
    tokens: int | None


Side = list[_Seen]


def monitor(
    calls: Iterable[Call], feedback: Iterable[Feedback], mined: Mined, moment: Moment, alpha: float = 0.05
) -> Monitoring:
    """Compare the calls of `moment.since_ns` to `moment.at_ns` with those since. Feedback has its `call_id` resolved.

    `alpha` is the chance of naming a change where there is none: once for the share of failed calls, and once more for
    all clusters together, and for all routes together (Bonferroni).
    """
    rated = _thumbs(feedback_scale.read(feedback))
    watched = _Watched(mined, rated)
    traffic = Traffic(calls)
    newest = traffic.newest_ns - _lag(traffic, rated)
    before, after, broken, unsettled = watched.sides(traffic, moment, newest)
    known: dict[str, Any] = {
        "before": len(before),
        "after": len(after),
        "environment": broken,
        "unsettled": unsettled,
        "models": (_models(before), _models(after)),
    }
    if min(len(before), len(after)) < LEAST:
        return Monitoring(**known, **_too_few(before, after, unsettled, moment))
    main = _rates("failed calls", before, after, lambda call: call.failed, alpha)
    extra = [
        *_thumbs_down(before, after, alpha),
        *_groups(mined, before, after, alpha),
        *_routes(before, after, alpha),
        *_same_questions(before, after, alpha),
        *_costs(before, after),
    ]
    return Monitoring(findings=(main, *extra), **known, **_conclusion(main, extra, moment))


# ---------------------------------------------------------------- the two sides


class _Watched:
    """What is known of each call by its id."""

    def __init__(self, mined: Mined, rated: Mapping[str, tuple[int, bool]]) -> None:
        self._rated = rated
        self._clusters: dict[str, set[str]] = defaultdict(set)
        self._environment = {failure.call_id for failure in mined.failures if failure.environment}
        for failure in mined.failures:
            if failure.detector not in mined.hints and not failure.environment:
                self._clusters[failure.call_id].add(failure.cluster)

    def sides(self, traffic: Traffic, moment: Moment, newest: int) -> tuple[Side, Side, tuple[int, int], int]:
        """Calls before, calls after, how many of each the environment broke, and how many are too new to count."""
        sides: tuple[Side, Side] = ([], [])
        broken, unsettled = [0, 0], 0
        for call in traffic:
            if call.start_ns < max(moment.since_ns, 1):
                continue
            late = call.start_ns >= moment.at_ns
            if late and call.start_ns > newest:
                unsettled += 1
            elif call.id in self._environment:
                broken[late] += 1
            else:
                sides[late].append(self._seen(call, traffic))
        return *sides, (broken[0], broken[1]), unsettled

    def _seen(self, call: Call, traffic: Traffic) -> _Seen:
        clusters = self._clusters.get(call.id)
        asked = " ".join(message.text for message in traffic.prompts.strip(call))
        return _Seen(
            person=call.user_id or call.session_id or call.id,
            question=digest([call.route, normalise(asked)]) if asked else "",
            route=call.route,
            model=call.model_served or call.model_requested,
            failed=clusters is not None,
            clusters=frozenset(clusters or ()),
            thumb=self._rated[call.id][1] if call.id in self._rated else None,
            seconds=call.seconds,
            tokens=call.usage.output,
        )


def _thumbs(feedback: Iterable[Feedback]) -> dict[str, tuple[int, bool]]:
    """Call id to when it was rated first, and whether nobody objected."""
    rated: dict[str, tuple[int, bool]] = {}
    for item in feedback:
        if item.call_id and (item.negative or item.positive):
            at, fine = rated.get(item.call_id, (item.at_ns, True))
            rated[item.call_id] = (min(at, item.at_ns), fine and not item.negative)
    return rated


def _lag(traffic: Traffic, rated: Mapping[str, tuple[int, bool]]) -> int:
    """Nanoseconds after which most of a call's feedback has come."""
    waits = sorted(
        rated[call.id][0] - call.start_ns
        for call in traffic
        if call.id in rated and 0 < call.start_ns < rated[call.id][0]
    )
    return min(waits[int(LAG_SHARE * (len(waits) - 1))], MOST_LAG) if waits else 0


def _models(side: Side) -> dict[str, int]:
    return dict(Counter(call.model for call in side if call.model).most_common())


# ---------------------------------------------------------------- what is compared


def _rates(metric: str, before: Side, after: Side, event: Callable[[_Seen], bool], alpha: float) -> Finding:
    """The change of the share of a person's calls for which `event` holds; a pass when it fell, a fail when it rose."""
    old, new = _by_person(before, event), _by_person(after, event)
    shift = change([*old.values()], [*new.values()], 1 - alpha)
    low, high = shift.interval.low, shift.interval.high
    outcome: Literal["pass", "fail", "unresolved"] = "pass" if high < 0 else "fail" if low > 0 else "unresolved"
    return Finding(
        rule="monitor",
        suite="",
        metric=metric,
        outcome=outcome,
        sentence=f"{metric}: {shift.before:.1%} before ({len(before):,} calls, {len(old):,} people), "
        f"{shift.after:.1%} since ({len(after):,} calls, {len(new):,} people); "
        f"{_points(shift.after - shift.before, low, high)}",
        baseline="before",
        candidate="since",
        estimate=shift.after - shift.before,
        bound=0.0,
        interval=shift.interval,
        formula="newcombe, mean over people",
        counts={"before": len(before), "before_people": len(old), "after": len(after), "after_people": len(new)},
    )


def _thumbs_down(before: Side, after: Side, alpha: float) -> list[Finding]:
    old, new = ([call for call in side if call.thumb is not None] for side in (before, after))
    if min(len(old), len(new)) < FEW:
        return []
    return [_rates("thumbs down of rated calls", old, new, lambda call: call.thumb is False, alpha)]


def _groups(mined: Mined, before: Side, after: Side, alpha: float) -> list[Finding]:
    """Each failure cluster of some size, largest first."""
    size = Counter(name for call in (*before, *after) for name in call.clusters)
    chosen = [cluster for cluster in mined.clusters if size[cluster.id] >= FEW]
    return [
        _rates(
            f"{cluster.detector}: {cluster.label} ({cluster.id[:8]})",
            before,
            after,
            _in(cluster.id),
            alpha / len(chosen),
        )
        for cluster in sorted(chosen, key=lambda cluster: (-size[cluster.id], cluster.id))
    ]


def _by_person(side: Side, event: Callable[[_Seen], bool]) -> dict[str, float]:
    """Person to the share of their calls for which `event` holds."""
    outcomes: dict[str, list[bool]] = defaultdict(list)
    for call in side:
        outcomes[call.person].append(event(call))
    return {person: fmean(events) for person, events in outcomes.items()}


def _in(cluster: str) -> Callable[[_Seen], bool]:
    return lambda call: cluster in call.clusters


def _routes(before: Side, after: Side, alpha: float) -> list[Finding]:
    """Failed calls on each route that has enough calls on both sides; nothing where there is one route only."""
    names = {call.route for call in before} | {call.route for call in after}
    on = {
        name: tuple([call for call in side if call.route == name] for side in (before, after)) for name in sorted(names)
    }
    chosen = {name: (old, new) for name, (old, new) in on.items() if min(len(old), len(new)) >= LEAST}
    if len(names) < 2:
        return []
    return [
        _rates(f"failed calls on {name or 'no route'}", old, new, lambda call: call.failed, alpha / len(chosen))
        for name, (old, new) in chosen.items()
    ]


def _same_questions(before: Side, after: Side, alpha: float) -> list[Finding]:
    """What was asked on both sides, in pairs: traffic that became easier cannot look like a better model here."""
    old, new = _by_question(before), _by_question(after)
    both = sorted(old.keys() & new.keys())
    if len(both) < FEW:
        return []
    evidence = paired([old[question] for question in both], [new[question] for question in both], both, alpha / 2)
    low, high = evidence.interval.low, evidence.interval.high
    shown = not evidence.weakness
    return [
        Finding(
            rule="monitor",
            suite="",
            metric="same questions, answered well",
            outcome="pass" if shown and low > 0 else "fail" if shown and high < 0 else "unresolved",
            sentence=f"the same {len(both):,} questions, answered well: {_points(evidence.estimate, low, high)}",
            baseline="before",
            candidate="since",
            estimate=evidence.estimate,
            bound=0.0,
            interval=evidence.interval,
            formula=evidence.formula,
            counts=evidence.counts,
        )
    ]


def _by_question(side: Side) -> dict[str, float]:
    """Question to the share of its calls that did not fail."""
    answers: dict[str, list[bool]] = defaultdict(list)
    for call in side:
        if call.question:
            answers[call.question].append(not call.failed)
    return {question: fmean(passed) for question, passed in answers.items()}


def _costs(before: Side, after: Side) -> list[Finding]:
    """Medians of time and answer length: shown, and no ground for a conclusion."""
    findings = []
    for metric, unit, read in (("latency", " s", attrgetter("seconds")), ("output tokens", "", attrgetter("tokens"))):
        old, new = ([value for call in side if (value := read(call)) is not None] for side in (before, after))
        if old and new:
            findings.append(
                Finding(
                    rule="monitor",
                    suite="",
                    metric=metric,
                    outcome="info",
                    sentence=f"{metric}, median: {median(old):.4g}{unit} before, {median(new):.4g}{unit} since",
                    baseline="before",
                    candidate="since",
                    estimate=median(new) - median(old),
                    counts={"before": len(old), "after": len(new)},
                )
            )
    return findings


# ---------------------------------------------------------------- what follows


def _too_few(before: Side, after: Side, unsettled: int, moment: Moment) -> dict[str, Any]:
    side, count = ("since", len(after)) if len(after) < LEAST else ("before", len(before))
    more = f"; {unsettled:,} more are so new that feedback may still come" if unsettled and side == "since" else ""
    todo = "ingest newer exports, then trueup monitor" if side == "since" else "trueup monitor --days 60"
    return {
        "outcome": "open",
        "sentence": f"Open: {count} calls {side} {day_of(moment.at_ns)}, {LEAST} are needed{more}.",
        "next": todo,
    }


def _conclusion(main: Finding, extra: Sequence[Finding], moment: Moment) -> dict[str, Any]:
    worse = [finding for finding in extra if finding.outcome == "fail"]
    seen = f"{main.sentence}, {_when(moment)}"
    if main.outcome == "fail":
        return {
            "outcome": "contradicted",
            "sentence": f"Production contradicts it: {seen}.",
            "next": "trueup promote --undo",
        }
    if main.outcome == "pass" and not worse:
        return {"outcome": "confirmed", "sentence": f"Production confirms it: {seen}."}
    if worse:
        named = "; ".join(finding.sentence for finding in worse[:2])
        return {"outcome": "open", "sentence": f"Open: {seen}; but worse is {named}.", "next": "trueup mine"}
    return {
        "outcome": "open",
        "sentence": f"Open: no change is shown: {seen}.",
        "next": "ingest newer exports, then trueup monitor",
    }


def _when(moment: Moment) -> str:
    return f"{moment.what} serves since {day_of(moment.at_ns)}" if moment.what else day_of(moment.at_ns)


def _points(share: float, low: float, high: float) -> str:
    return f"{share * 100:+.1f} points [{low * 100:+.1f}, {high * 100:+.1f}]"
