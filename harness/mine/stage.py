"""Mine calls and feedback for failures, grouped into clusters; and list the calls that pass.

Detectors see sessions, a few at a time. A detector module has `detect(window)`; one that has something to start, such as a
child process, has `opened(options)` beside it: a context manager that gives a function of many windows. What is usual on a
route (the form of a good answer, its latency) is learnt from all calls first, so the calls are read three times, and once
more where agents have runs that succeeded, and never held: memory grows with the failures, not with the traffic.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import AbstractContextManager, ExitStack
from itertools import chain
from typing import NamedTuple

from harness.core import feedback_scale, plugins
from harness.core.codec import canonical
from harness.core.differences import FieldDifference, differences
from harness.core.feedback_override import best_correction
from harness.core.options import File
from harness.core.ordered import Ordered
from harness.core.protocols import Detector
from harness.core.replies import confirms, corrected, expected_of
from harness.mine import embeddings, run_norms, shares
from harness.mine.clusters import Seen, cluster
from harness.mine.mined import Mined
from harness.mine.norms import learn
from harness.mine.traffic import Traffic, day
from harness.mine.window import Window, runs_of
from harness.types import Call, Cluster, Failure, Feedback, Json, Noun, Step, Trajectory

__all__ = ["Mined", "MineOptions", "Ordered", "by_call", "mine"]

Detect = Callable[[Sequence[Window]], Iterable[Failure]]
Open = Callable[[Mapping[str, Json]], AbstractContextManager[Detect]]
BATCH = 256
"""Calls that the detectors see at once; a longer session is a batch by itself."""
DOUBTFUL = 0.05
"""Share of praised and confirmed calls above which a detector that flags them is doubtful."""
DOUBTED = 2
"""Flagged ones among them that are always put down to a wrong thumb."""
TEXT = 500
"""Characters of a failed call's message that clustering looks at."""


class MineOptions(Noun, frozen=True):
    """Those of [mine.options] that belong to no detector."""

    embeddings: File = ""
    """Folder of a local embedding model, which parts the clusters by meaning; see `harness.mine.embeddings`."""
    random_review: str = ""
    """Name of the feedback that people give who check calls drawn at random. How many calls fail is then known from those,
    not from who complains."""


def mine(
    calls: Iterable[Call],
    feedback: Iterable[Feedback],
    *,
    detectors: Sequence[str] = (),
    options: Mapping[str, Json] = {},
    known: Sequence[Cluster] = (),
) -> Mined:
    """Run the named detectors, or all of them, over every session. Feedback has its `call_id` resolved; what has no reading
    yet is read by the scales of all of it.

    `options` holds `MineOptions`, and goes to the detectors as it is. `known` are the clusters of the night before, whose ids
    are kept. Give `Ordered` calls where they do not fit into memory; of others the order does not matter, as that of the
    feedback. Raises UsageError for a detector or an embedding model that does not exist.
    """
    encode = embeddings.load(str(options["embeddings"])) if options.get("embeddings") else None
    chosen = {name: plugins.load("detectors", name) for name in detectors or plugins.names("detectors")}
    said = by_call(feedback_scale.read(feedback))
    traffic = Traffic(calls)
    norms = learn(traffic, said, traffic.prompts.strip)
    successes = run_norms.learn(traffic, said)
    windows = (
        Window(
            calls=session,
            feedback=said,
            conversations={call.id: traffic.prompts.strip(call) for call in session},
            norms=norms,
            options=options,
            newest_ns=traffic.newest_ns,
            runs=runs_of(session, said),
            successes=successes,
        )
        for session in traffic.sessions()
    )
    with ExitStack() as stack:
        opened = {name: _opened(detector, options, stack) for name, detector in chosen.items()}
        found = _Found(chosen, opened, str(options.get("random_review", "")))
        for batch in _batches(windows):
            found.look(batch)
    marked, clusters = cluster(found.in_order(), found.seen, known, encode)
    doubtful = found.doubtful()
    decided = found.decided(doubtful)
    return Mined(
        failures=marked,
        clusters=clusters,
        calls=traffic.size,
        hints=tuple(sorted({*found.hints, *doubtful})),
        shares=shares.shares(decided.quiet, decided.failed, marked, clusters, decided.reviewed),
        passed=decided.passed,
        good=len(found.good),
        flagged_good=dict(sorted(found.flagged_good.items())),
        doubtful=doubtful,
    )


def _opened(detector: Detector, options: Mapping[str, Json], stack: ExitStack) -> Detect:
    """The detector as a function of many windows, open for as long as the stack is."""
    opened: Open | None = getattr(detector, "opened", None)
    if opened is not None:
        return stack.enter_context(opened(options))
    return lambda windows: chain.from_iterable(map(detector.detect, windows))


def _batches(windows: Iterable[Window]) -> Iterator[list[Window]]:
    """Windows of at least `BATCH` calls together; the last batch may have fewer."""
    batch, size = list[Window](), 0
    for window in windows:
        batch.append(window)
        size += len(window.calls)
        if size >= BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _wrong(call: Call, said: Sequence[Feedback]) -> tuple[FieldDifference, ...]:
    """In what the answer differs from its correction; nothing where either is missing."""
    best = best_correction(said)
    if best is None or not call.output:
        return ()
    answer = call.output[0]
    given = canonical(expected_of(answer)) if answer.tool_calls else answer.text
    return tuple(differences(expected_of(corrected(best.correction or "", call)), given)) if given else ()


class _Flagged(NamedTuple):
    """A call with failures, as far as it has to be known at the end."""

    route: str
    usable: bool
    detectors: frozenset[str]
    environment: bool


class _Decided(NamedTuple):
    """What the calls are, once all detectors are known that are doubtful."""

    passed: tuple[str, ...]
    """Ids, in order of time."""
    failed: dict[str, str]
    """Id of a call with a failure of the model's, to its route."""
    quiet: Counter[str]
    """Route to usable calls without a failure."""
    reviewed: dict[str, str]
    """Id of a call of either kind that was checked at random, to its route."""


class _Found:
    """Failures and praised calls, batch by batch. What a call is is decided at the end, when doubtful detectors are known."""

    def __init__(self, detectors: Mapping[str, Detector], opened: Mapping[str, Detect], review: str) -> None:
        self._opened = opened
        self._review = review
        self.hints = tuple(sorted(name for name, detector in detectors.items() if getattr(detector, "HINT", False)))
        self._failures: list[tuple[int, str, int, Failure]] = []
        self._earned: list[tuple[int, str]] = []
        """Start and id of the steps that led an agent to an answer with positive evidence."""
        self.good: list[tuple[int, str]] = []
        """Start and id of the calls with positive evidence."""
        self.flagged_good: Counter[str] = Counter()
        """Detector to those of them that it flags."""
        self._doubts: Counter[str] = Counter()
        """The same without calls that were only praised, where corrections bear the detector out."""
        self.seen: dict[str, Seen] = {}
        self._unflagged: Counter[str] = Counter()
        """Route to usable calls without a failure."""
        self._flagged: dict[str, _Flagged] = {}
        self._reviewed: dict[str, str] = {}
        """Id of a call that was checked at random, to its route."""

    def look(self, windows: Sequence[Window]) -> None:
        calls = {call.id: (call, window) for window in windows for call in window.calls}
        good = {call.id for call, window in calls.values() if _praised(call, window.said(call))}
        flagged: dict[str, set[str]] = defaultdict(set)
        objections: set[tuple[str, str]] = set()
        doubts: set[tuple[str, str]] = set()
        broken: set[str] = set()
        for detect in self._opened.values():
            for failure in detect(windows):
                call, window = calls[failure.call_id]
                if call.id in good:
                    objections.add((failure.detector, call.id))
                    if failure.norm != "corrections" or best_correction(window.said(call)) is not None:
                        doubts.add((failure.detector, call.id))
                    if failure.norm == "praise":
                        continue
                self._failures.append((call.start_ns, call.id, len(self._failures), failure))
                self.seen[call.id] = Seen(
                    route=call.route,
                    day=day(call),
                    text=window.asked(call)[:TEXT],
                    wrong=_wrong(call, window.said(call)),
                )
                flagged[call.id].add(failure.detector)
                if failure.environment:
                    broken.add(call.id)
        self.flagged_good.update(detector for detector, _ in objections)
        self._doubts.update(detector for detector, _ in doubts)
        self.good += [(calls[ident][0].start_ns, ident) for ident in good]
        steps = {step.call_id for window in windows for run in window.runs for step in _led_to(run, good)}
        self._earned += [
            (call.start_ns, call.id)
            for call, window in (calls[ident] for ident in steps)
            if call.usable and not any(_judges(item) for item in window.said(call))
        ]
        for call, window in calls.values():
            if names := flagged.get(call.id):
                self._flagged[call.id] = _Flagged(call.route, call.usable, frozenset(names), call.id in broken)
            elif call.usable:
                self._unflagged[call.route] += 1
            else:
                continue
            if self._review and any(_judges(item) for item in window.said(call) if item.name == self._review):
                self._reviewed[call.id] = call.route

    def doubtful(self) -> tuple[str, ...]:
        """Detectors that flag more of the praised calls than chance and a few wrong thumbs explain."""
        least = max(DOUBTED, DOUBTFUL * len(self.good))
        return tuple(sorted(name for name, count in self._doubts.items() if count > least and name not in self.hints))

    def decided(self, doubtful: Sequence[str]) -> _Decided:
        """What each call is. It fails where a detector says so that is neither a hint nor doubtful."""
        advice = {*self.hints, *doubtful}
        failing = {ident for ident, call in self._flagged.items() if call.detectors - advice}
        failed: dict[str, str] = {}
        quiet, outside = Counter(self._unflagged), set[str]()
        for ident, call in self._flagged.items():
            if ident in failing and not call.environment:
                failed[ident] = call.route
            elif call.usable and not call.environment:
                quiet[call.route] += 1
            else:
                outside.add(ident)
        return _Decided(
            passed=tuple(ident for _, ident in sorted(self.good + self._earned) if ident not in failing),
            failed=failed,
            quiet=quiet,
            reviewed={ident: route for ident, route in self._reviewed.items() if ident not in outside},
        )

    def in_order(self) -> list[Failure]:
        """By the time of the call, then as the detectors found them."""
        return [failure for *_, failure in sorted(self._failures, key=lambda item: item[:3])]


def by_call(feedback: Iterable[Feedback]) -> dict[str, tuple[Feedback, ...]]:
    """Call id to its feedback, oldest first. Feedback on no known call is left out."""
    found: dict[str, list[Feedback]] = defaultdict(list)
    for item in sorted(feedback, key=lambda item: (item.at_ns, item.id)):
        if item.call_id:
            found[item.call_id].append(item)
    return {call_id: tuple(items) for call_id, items in found.items()}


def _judges(item: Feedback) -> bool:
    """Does it say whether the answer was right?"""
    return item.positive or item.negative or item.correction is not None


def _led_to(run: Trajectory, good: Set[str]) -> Iterator[Step]:
    """Steps of a successful run that led to an answer in `good` in the same turn, and that no tool turned down."""
    last = {step.turn: place for place, step in enumerate(run.steps) if step.call_id in good}
    for place, step in enumerate(run.steps):
        if run.succeeded and place < last.get(step.turn, -1) and not step.refused and step.call_id not in good:
            yield step


def _praised(call: Call, said: Sequence[Feedback]) -> bool:
    """Positive evidence: praise and nothing against it, or a correction that says what production said."""
    if not call.usable or any(item.negative for item in said):
        return False
    corrections = [item.correction for item in said if item.correction is not None]
    return all(confirms(item, call) for item in corrections) and (
        bool(corrections) or any(item.positive for item in said)
    )
