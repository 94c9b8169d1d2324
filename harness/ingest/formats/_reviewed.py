"""Read what annotation tools export: which call a task is about, and which of the answers to it is a correction."""

from collections.abc import Mapping, Sequence

from harness.core.feedback_words import tokens
from harness.ingest.formats import _ratings
from harness.ingest.formats._json import Json, mapping, text_of

_IDS = {
    "call_id": ("call_id", "callId"),
    "trace_id": ("trace_id", "traceId"),
    "span_id": ("span_id", "spanId", "observation_id", "observationId", "run_id"),
    "response_id": ("response_id", "responseId", "completion_id", "message_id", "messageId"),
    "session_id": ("session_id", "sessionId", "conversation_id", "thread_id", "chat_id"),
}
_ANSWERS = (
    "response",
    "answer",
    "output",
    "completion",
    "generation",
    "prediction",
    "model_answer",
    "assistant",
    "reply",
)


def linked(*holders: Json, own: Json = None) -> dict[str, str]:
    """The ids of the call that a task is about, from the first map that names each; `own`: the task's id, where none does."""
    held = list(map(mapping, holders))
    found: dict[str, str] = {}
    for field, names in _IDS.items():
        value = next((place[name] for place in held for name in names if place.get(name)), None)
        if value is not None:
            found[field] = text_of(value)
    return found or ({"call_id": text_of(own)} if own not in (None, "") else {})


def answer_in(fields: Mapping[str, Json]) -> str:
    """The text of the field that holds the answer that was shown; empty where no field's name says so."""
    return next((fields[name] for name in _ANSWERS if isinstance(fields.get(name), str)), "")


def corrects(answers: Mapping[str, Json], shown: Sequence[str], *, typed: bool = False) -> str:
    """The question whose answer is a correction; empty where none is.

    One whose name says that it is the right answer; else the only text that rewrites an answer that was shown. `typed`: texts
    are known to be written by a person, so that a plain `answer` is no label.
    """
    texts = {name: value for name, value in answers.items() if isinstance(value, str) and value.strip()}
    named = [name for name, text in texts.items() if _is_right_answer(name, typed or len(text.split()) > 1)]
    if named:
        return named[0]
    rewrites = [name for name, text in texts.items() if any(_rewrites(text, before) for before in shown)]
    return rewrites[0] if len(rewrites) == 1 else ""


def _is_right_answer(name: str, written: bool) -> bool:
    words = frozenset(tokens(name))
    if words & _TALKS or not _ratings.is_answer(name) and not words & _RIGHT:
        return False
    return written or bool(words & _RIGHT and words & _ratings.ANSWERS - _RIGHT)


_RIGHT = frozenset(
    [
        "corrected",
        "correction",
        "ideal",
        "expected",
        "gold",
        "golden",
        "better",
        "rewrite",
        "rewritten",
        "edited",
        "improved",
        "fixed",
    ]
)
_TALKS = frozenset(
    [
        "note",
        "notes",
        "comment",
        "comments",
        "reason",
        "reasons",
        "feedback",
        "quality",
        "rationale",
        "explanation",
        "why",
        "rating",
        "score",
        "correctness",
        "is",
        "preference",
        "ranking",
        "helpfulness",
        "accuracy",
    ]
)
"""Words of questions about an answer, which ask for none."""


def _rewrites(text: str, before: str) -> bool:
    """Whether a text says anew what another said: half of its words, at least two, are the other's, and not all."""
    words, others = set(text.lower().split()), set(before.lower().split())
    return text.strip() != before.strip() and len(words & others) >= max(2, len(words | others) / 3)
