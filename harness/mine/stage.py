"""Mine calls and feedback for failures, grouped into clusters; and list the calls that pass.

Detectors see sessions, a few at a time. A detector module has `detect(window)`; one that has something to start, such as a
child process, has `opened(options)` beside it: a context manager that gives a function of many windows. What is usual on a
route (the form of a good answer, its latency) is learnt from all calls first, so the calls are read three times and never
held: memory grows with the failures, not with the traffic.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from itertools import chain

from harness.core import feedback_scale, plugins
from harness.core.options import File
from harness.core.ordered import Ordered
from harness.core.protocols import Detector
from harness.core.replies import confirms
from harness.mine import embeddings, shares
from harness.mine.clusters import Seen, cluster
from harness.mine.mined import Mined
from harness.mine.norms import learn
from harness.mine.traffic import Traffic, day
from harness.mine.window import Window
from harness.types import Call, Cluster, Failure, Feedback, Json, Noun

__all__ = ["Mined", "MineOptions", "Ordered", "by_call", "mine"]

Detect = Callable[[Sequence[Window]], Iterable[Failure]]
Open = Callable[[Mapping[str, Json]], AbstractContextManager[Detect]]
BATCH = 256
"""Calls that the detectors see at once; a longer session is a batch by itself."""
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
    windows = (
        Window(
            calls=session,
            feedback=said,
            conversations={call.id: traffic.prompts.strip(call) for call in session},
            norms=norms,
            options=options,
            newest_ns=traffic.newest_ns,
        )
        for session in traffic.sessions()
    )
    with ExitStack() as stack:
        opened = {name: _opened(detector, options, stack) for name, detector in chosen.items()}
        found = _Found(chosen, opened, str(options.get("random_review", "")))
        for batch in _batches(windows):
            found.look(batch)
    marked, clusters = cluster(found.in_order(), found.seen, known, encode)
    passed = tuple(call_id for _, call_id in sorted(found.passed))
    return Mined(
        failures=marked,
        clusters=clusters,
        calls=traffic.size,
        hints=found.hints,
        shares=shares.shares(found.quiet, found.failed, marked, clusters, found.reviewed),
        passed=passed,
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


class _Found:
    """Failures and passing calls, batch by batch."""

    def __init__(self, detectors: Mapping[str, Detector], opened: Mapping[str, Detect], review: str) -> None:
        self._opened = opened
        self._review = review
        self.hints = tuple(sorted(name for name, detector in detectors.items() if getattr(detector, "HINT", False)))
        self._failures: list[tuple[int, str, int, Failure]] = []
        self.passed: list[tuple[int, str]] = []
        self.seen: dict[str, Seen] = {}
        self.quiet: Counter[str] = Counter()
        """Route to usable calls without a failure."""
        self.failed: dict[str, str] = {}
        """Id of a usable call with a failure of the model's, to its route."""
        self.reviewed: dict[str, str] = {}
        """Id of such a call, or of one without a failure, that was checked at random, to its route."""

    def look(self, windows: Sequence[Window]) -> None:
        calls = {call.id: (call, window) for window in windows for call in window.calls}
        failed: set[str] = set()
        broken: set[str] = set()
        for detect in self._opened.values():
            for failure in detect(windows):
                call, window = calls[failure.call_id]
                self._failures.append((call.start_ns, call.id, len(self._failures), failure))
                self.seen[call.id] = Seen(route=call.route, day=day(call), text=window.asked(call)[:TEXT])
                if failure.detector not in self.hints:
                    failed.add(call.id)
                if failure.environment:
                    broken.add(call.id)
        for call, window in calls.values():
            if call.id not in failed and _praised(call, window.said(call)):
                self.passed.append((call.start_ns, call.id))
            if call.id in failed - broken:
                self.failed[call.id] = call.route
            elif call.usable and call.id not in broken:
                self.quiet[call.route] += 1
            else:
                continue
            if self._review and any(_judges(item) for item in window.said(call) if item.name == self._review):
                self.reviewed[call.id] = call.route

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


def _praised(call: Call, said: Sequence[Feedback]) -> bool:
    """Positive evidence: praise and nothing against it, or a correction that says what production said."""
    if not call.usable or any(item.negative for item in said):
        return False
    corrections = [item.correction for item in said if item.correction is not None]
    return all(confirms(item, call) for item in corrections) and (
        bool(corrections) or any(item.positive for item in said)
    )
