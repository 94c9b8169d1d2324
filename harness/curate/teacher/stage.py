"""Select those of a teacher's answers that may be learnt from.

An answer is accepted when at least one eval function could judge it without gold, none of them objects, and no detector
that looks at the answer alone does. Of the accepted answers to one call the commonest is taken: what a model says most
often is right more often than what it says first (X. Wang et al., "Self-Consistency Improves Chain of Thought Reasoning",
2022).
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from msgspec.structs import replace

from harness.core import plugins
from harness.core.codec import canonical
from harness.core.replies import comparable
from harness.evaluate.recorded import EvalFiles, recorded
from harness.mine.window import Norms, Window
from harness.types import Call, Message, Noun, Part, ReasoningPart, Reply, TextPart


class TaughtTargets(Noun, frozen=True):
    answers: dict[str, Message]
    """Call id to the accepted answer."""
    refused: dict[str, int]
    """Reason to answers that were not accepted."""


def teach(
    calls: Sequence[Call],
    conversations: Mapping[str, tuple[Message, ...]],
    replies: Mapping[str, Sequence[Reply]],
    suites: Sequence[str],
    norms: Mapping[str, Norms] = {},
) -> TaughtTargets:
    """Judge each call's `replies` (by call id). `suites`: paths of eval files. Raises UsageError for one that is none."""
    answers, refused = {}, Counter[str]()
    with EvalFiles(suites) as files:
        for call in calls:
            accepted = []
            for reply in replies.get(call.id, ()):
                message = _message(reply)
                reason = next(objections(call, message, conversations[call.id], files, norms), "")
                if reason:
                    refused[reason] += 1
                else:
                    accepted.append(message)
            if accepted:
                answers[call.id] = _commonest(accepted)
    return TaughtTargets(answers=answers, refused=dict(refused.most_common()))


def says(reply: Reply, target: Message) -> bool:
    """Does the reply say what the target says?"""
    return _key(_message(reply)) == _key(target)


def _message(reply: Reply) -> Message:
    thoughts: list[Part] = [ReasoningPart(text=reply.reasoning)] if reply.reasoning else []
    texts: list[Part] = [TextPart(text=reply.text)] if reply.text else []
    return Message(role="assistant", parts=(*thoughts, *texts, *reply.tool_calls), finish_reason=reply.finish_reason)


def objections(
    call: Call,
    message: Message,
    conversation: tuple[Message, ...],
    files: EvalFiles,
    norms: Mapping[str, Norms] = {},
) -> Iterator[str]:
    """Why the answer may not be learnt from, by name of the detector or eval function."""
    said = replace(call, output=(message,), error=None, flags=(), usage=type(call.usage)())
    window = Window(calls=(said,), conversations={call.id: conversation}, norms=norms)
    for name in plugins.names("detectors"):
        detector = plugins.load("detectors", name)
        if getattr(detector, "ANSWER_ALONE", False) and any(True for _ in detector.detect(window)):
            yield name
    (verdicts,) = files.verdicts([recorded(said, conversation)])
    yield from (name for name, verdict in verdicts.items() if verdict)
    if all(verdict is None for verdict in verdicts.values()):
        yield "no eval function could judge it"


def _commonest(messages: Sequence[Message]) -> Message:
    keys = [_key(message) for message in messages]
    counts = Counter(keys)
    best = max(range(len(keys)), key=lambda at: (counts[keys[at]], -at))
    return replace(messages[best], finish_reason=None)


def _key(message: Message) -> str:
    called = [[part.name, comparable(part.arguments)] for part in message.tool_calls]
    return canonical([comparable(message.text), called])
