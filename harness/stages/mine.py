"""Calls and feedback -> failures, grouped into clusters; and which calls pass.

Detectors see one session at a time. What is usual on a route (the form of a good answer, its latency) is learnt from all
calls first, so `calls` is read twice when it can be, and kept when it cannot.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from harness import plugins
from harness.answers import confirms
from harness.curation.clusters import cluster
from harness.curation.mined import Mined
from harness.curation.prompts import Prompts
from harness.detectors.norms import learn
from harness.detectors.window import Window
from harness.types import Call, Failure, Feedback, Json

VERSION = 2
"""Raise it when the same calls would be mined otherwise: what was remembered is then mined anew."""


def mine(
    calls: Iterable[Call],
    feedback: Iterable[Feedback],
    *,
    detectors: Sequence[str] = (),
    options: Mapping[str, Json] = {},
) -> Mined:
    """Run the named detectors, or all of them, over every session. Feedback has its `call_id` resolved.

    `options` goes to the detectors as it is. The result does not depend on the order of calls or feedback.
    Raises UsageError for a detector that does not exist.
    """
    modules = {name: plugins.load("detectors", name) for name in detectors or plugins.names("detectors")}
    ordered = sorted(calls, key=lambda call: (call.start_ns, call.id))
    said = by_call(feedback)
    prompts = Prompts(ordered)
    conversations = {call.id: prompts.strip(call) for call in ordered}
    norms = learn(ordered, said, conversations)
    newest = ordered[-1].start_ns if ordered else 0
    failures: list[Failure] = []
    for session in sessions(ordered):
        window = Window(
            calls=session, feedback=said, conversations=conversations, norms=norms, options=options, newest_ns=newest
        )
        for module in modules.values():
            failures += module.detect(window)
    asked = {call.id: Window(calls=(), conversations=conversations).asked(call) for call in ordered}
    marked, clusters = cluster(failures, {call.id: call for call in ordered}, asked)
    hints = {name for name, module in modules.items() if getattr(module, "HINT", False)}
    failed = {failure.call_id for failure in marked if failure.detector not in hints}
    passed = tuple(call.id for call in ordered if call.id not in failed and _praised(call, said.get(call.id, ())))
    return Mined(failures=marked, clusters=clusters, calls=len(ordered), passed=passed)


def by_call(feedback: Iterable[Feedback]) -> dict[str, tuple[Feedback, ...]]:
    """Call id to its feedback, oldest first. Feedback on no known call is left out."""
    found: dict[str, list[Feedback]] = defaultdict(list)
    for item in sorted(feedback, key=lambda item: (item.at_ns, item.id)):
        if item.call_id:
            found[item.call_id].append(item)
    return {call_id: tuple(items) for call_id, items in found.items()}


def sessions(ordered: Iterable[Call]) -> Iterator[tuple[Call, ...]]:
    """Calls of each session in order of time; a call without a session stands alone."""
    found: dict[str, list[Call]] = defaultdict(list)
    for call in ordered:
        found[call.session_id or f"call:{call.id}"].append(call)
    return (tuple(members) for members in found.values())


def _praised(call: Call, said: Sequence[Feedback]) -> bool:
    """Positive evidence: praise and nothing against it, or a correction that says what production said."""
    if not call.usable or any(item.negative for item in said):
        return False
    corrections = [item.correction for item in said if item.correction is not None]
    return all(confirms(item, call) for item in corrections) and (
        bool(corrections) or any(item.positive for item in said)
    )
