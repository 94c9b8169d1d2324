"""Which call of a trace answered the user: the spans above each call, those that returned its output, and what it was
made for where that was something else.

Feedback on a trace is about what the user saw. The application's own span often recorded that; where it did, the call
with the same output gave it, and the call that wrote the title of the chat afterwards did not.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from harness.core.codec import canonical
from harness.core.feedback_words import tokens
from harness.core.replies import fold, json_object
from harness.ingest.formats._draft import Draft
from harness.ingest.formats._inherited import HandedDown
from harness.ingest.formats._json import Json, decoded, mapping
from harness.ingest.formats._otlp import Attributes, Span
from harness.ingest.formats._tree import SpanTree
from harness.types import Source

OUTPUTS = (
    "output.value",
    "langfuse.trace.output",
    "langfuse.observation.output",
    "mlflow.spanOutputs",
    "traceloop.entity.output",
    "gen_ai.output.messages",
    "ai.response.text",
    "final_result",
    "output",
    "response",
    "answer",
)
"""Attributes in which an application's span keeps what it returned."""
ROWS = {"langfuse.row": "output", "langsmith.run": "outputs", "braintrust.row": "output", "weave.call": "output"}
"""Attributes that hold a row of another system, and the row's own name for what was returned."""
MOST = 500
"""Texts of one output that are compared: a state with the whole history has its newest messages last."""
DEEPEST = 12
"""Levels of an output that are looked through."""
NEAR = 6
"""Spans between a call and the one that says what it was for."""

PURPOSES = {
    "title": "title headline naming",
    "guard": "guard guardrail guardrails moderation moderate moderator jailbreak safety shield prompt_injection",
    "router": "router routing route_query classify classifier classification intent triage dispatcher",
    "rewrite": "rewrite rewriter condense contextualize hyde query_expansion reformulate query_rewrite multi_query",
    "summary": "compaction compact_history memory summarize_history summarise_history summarize_conversation",
    "judge": "judge grader evaluator evaluation critic scorer verifier self_check",
    "suggestions": "suggestion suggestions followup followups follow_up follow_ups",
    "embedding": "embedding embeddings embed rerank reranker",
}
_WORDS = {word: purpose for purpose, names in PURPOSES.items() for word in names.split()}
_KINDS = {"GUARDRAIL": "guard", "EVALUATOR": "judge", "EMBEDDING": "embedding", "RERANKER": "embedding"}
_ASKED = (
    (
        "title",
        r"\b(write|generate|create|give|suggest|come up with|make|provide)\b.{0,60}\b(title|headline|name for th)",
    ),
    (
        "guard",
        r"\b(is|are|whether|if|decide|check)\b.{0,80}\b(unsafe|harmful|jailbreak|prompt injection|inappropriate)\b",
    ),
    (
        "router",
        r"\b(classify|categori[sz]e|route|decide which|determine which|identify the intent|detect the intent)\b",
    ),
    ("rewrite", r"\b(rewrite|rephrase|reformulate|condense)\b.{0,80}\b(question|query|search)"),
    ("summary", r"\bsummari[sz]e\b.{0,40}\b(conversation|chat history|dialogue so far|messages above)"),
    ("suggestions", r"\b(suggest|generate|propose)\b.{0,40}\bfollow[- ]?up"),
)
_PROMPTS = tuple((purpose, re.compile(pattern, re.IGNORECASE | re.DOTALL)) for purpose, pattern in _ASKED)
READ = 400
"""Characters of a prompt in which its purpose is looked for."""

Found = tuple[Draft, Span, str, Source]
Answered = tuple[Draft, str]
"""A call and its answer as it is compared."""
Above = tuple[Span, tuple[str, ...]]
"""A span above a call, and the ids that feedback may name it by."""


def mark(calls: Sequence[Found], tree: SpanTree, facts: Mapping[str, HandedDown]) -> None:
    """Fill `above`, `answers` and `purpose` of the calls of one trace."""
    lines = [_line(span, tree, facts) for _, span, _, _ in calls]
    for (draft, span, _, _), line in zip(calls, lines, strict=True):
        if line:
            draft.above = tuple(name for _, names in line for name in names)
        draft.purpose = _named_purpose(span, line)
    if len(calls) < 2:
        return
    below: dict[str, list[Answered]] = {}
    for (draft, _, _, _), line in zip(calls, lines, strict=True):
        draft.purpose = draft.purpose or _asked_purpose(draft)
        answer = _normal(draft.output[0].text) if line and draft.output else ""
        for above, _ in line:
            below.setdefault(above.span_id, []).append((draft, answer))
    for span_id, answered in below.items():
        span, source = tree.found[span_id]
        for draft in _returned(_output(span.attributes), answered):
            draft.answers = (*draft.answers, *_names(span, source))


def kept(attributes: Attributes) -> Attributes:
    """What of an application's outermost span tells which call answered."""
    return {name: attributes[name] for name in OUTPUTS if name in attributes}


def _line(span: Span, tree: SpanTree, facts: Mapping[str, HandedDown]) -> list[Above]:
    """The recorded spans above, the nearest first; of very many the nearest, and the outermost."""
    above = list(tree.above(span))
    top = facts[above[-1].span_id].top if above else None
    if top and top is not above[-1]:
        above.append(top)
    return [(held, _names(held, tree.found[held.span_id][1])) for held in above]


def _names(span: Span, source: Source) -> tuple[str, ...]:
    return source.span_ids or (span.span_id,)


def _output(attributes: Attributes) -> Json:
    for name, field in ROWS.items():
        if name in attributes:
            return mapping(attributes[name]).get(field)
    return next((attributes[name] for name in OUTPUTS if attributes.get(name) not in (None, "")), None)


def _returned(output: Json, answered: Sequence[Answered]) -> list[Draft]:
    """The calls whose answer the output ends with; of several in it, the last."""
    if output in (None, "") or not any(answer for _, answer in answered):
        return []
    objects = any(answer.startswith("{") for _, answer in answered)
    last = {text: at for at, text in enumerate(list(_texts(decoded(output), objects))[-MOST:])}
    places = [last.get(answer, -1) if answer else -1 for _, answer in answered]
    newest = max(places)
    return [draft for place, (draft, _) in zip(places, answered, strict=True) if place == newest >= 0]


def _texts(value: Json, objects: bool, depth: int = 0) -> Iterator[str]:
    """Texts of an output in their order and, if `objects`, each object in it as the text that a model writes."""
    if isinstance(value, str):
        yield _normal(value)
    inner = decoded(value) if isinstance(value, str) else value
    if depth > DEEPEST or not isinstance(inner, (dict, list)):
        return
    for held in inner.values() if isinstance(inner, dict) else inner:
        yield from _texts(held, objects, depth + 1)
    if objects and isinstance(inner, dict):
        yield canonical(inner)


def _normal(text: str) -> str:
    found = json_object(text) if text.lstrip()[:1] == "{" else None
    return fold(text) if found is None else canonical(found)


def _named_purpose(span: Span, line: Sequence[Above]) -> str:
    """From the kinds and names of the call's span and of those near above it; the outermost names the application."""
    for near in (span, *(above for above, _ in line[:-1][:NEAR])):
        found = _of_kind(near.attributes) or _of_name(near.name)
        if found:
            return found
    return ""


def _of_kind(held: Attributes) -> str:
    kind = held.get("openinference.span.kind") or held.get("langfuse.observation.type")
    if kind is None and "langfuse.row" in held:
        kind = mapping(held["langfuse.row"]).get("type")
    return _KINDS.get(str(kind).upper(), "") if kind else ""


@lru_cache(maxsize=4096)
def _of_name(name: str) -> str:
    words = tokens(name)
    pairs = (f"{one}_{two}" for one, two in zip(words, words[1:], strict=False))
    return next((_WORDS[word] for word in (*words, *pairs) if word in _WORDS), "")


def _asked_purpose(draft: Draft) -> str:
    """From what the call was told to do, where that is not a conversation with the user."""
    system = next((said.text for said in draft.input if said.role in ("system", "developer")), "")
    users = [said.text for said in draft.input if said.role == "user"]
    told = system or (users[0] if len(users) == 1 else "")
    return next((purpose for purpose, pattern in _PROMPTS if pattern.search(told[:READ])), "")
