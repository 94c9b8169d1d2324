"""Tell a call to a model from the other work that spans record, and name that work.

A producer's own operation decides. Where there is none, a model's name alone makes no call: caches, queues, guards and
servers carry it too. An answer does, or its tokens, or a client's request to a provider.
"""

import re
from collections.abc import Callable
from functools import lru_cache

from harness.ingest.formats._json import mapping, text_of
from harness.ingest.formats._otlp import CLIENT, SERVER, Attributes, Span
from harness.types import Json

OPERATION = "gen_ai.operation.name"
CALLS = frozenset({"chat", "text_completion", "generate_content", "completion"})
_OTHER = {
    "embedding": ("embed",),
    "reranking": ("rerank",),
    "tool": ("tool", "function"),
    "agent": ("agent", "handoff"),
    "workflow": ("workflow", "pipeline", "chain", "task"),
    "retrieval": ("retriev", "search", "vector"),
    "memory": ("memory",),
    "guard": ("guard", "moderat"),
    "evaluation": ("evaluat",),
    "image": ("image",),
    "speech": ("transcri", "speech", "audio", "translat"),
    "plan": ("plan",),
    "prompt": ("prompt",),
    "management": ("file", "upload", "fine_tun", "fine-tun", "list_models", "models.", "batches", "batch."),
    "scoring": ("likelihood", "logprob", "perplexity"),
    "token count": ("count_tokens", "counttokens", "tokeniz"),
}
"""Name of a kind -> what the names of its operations contain."""
_SAYS = re.compile(r"chat|complet|convers|respon|messag|generat(?!.*(?:image|speech|audio|embed))")
"""How the operation of a call to a model begins."""

WORK = {
    **dict.fromkeys(("db.system", "db.system.name", "db.statement", "db.query.text"), "database"),
    **dict.fromkeys(("messaging.system", "messaging.destination.name"), "queue"),
    "logfire.feedback.name": "annotation",
}
"""Attributes of spans that are no call, whatever else they carry."""
_DIALECTS = (
    "openinference.span.kind",
    "langfuse.observation.type",
    "mlflow.spanType",
    "traceloop.span.kind",
    "llm.request.type",
    "ai.operationId",
    "genkit:metadata:subtype",
    "genkit:type",
)
_ROWS: dict[str, Callable[[dict[str, Json]], Json]] = {
    "braintrust.row": lambda row: mapping(row.get("span_attributes")).get("type"),
    "langsmith.run": lambda row: row.get("run_type"),
    "langfuse.row": lambda row: row.get("type"),
    "litellm.payload": lambda row: row.get("call_type"),
    "opik.span": lambda row: row.get("type"),
    "weave.call": lambda row: row.get("op_name"),
}


def operation(raw: str) -> str:
    """The kind of work that an operation is; empty for a call to a model, or where nobody knows.

    >>> operation("chat.completions"), operation("invoke_agent"), operation("generate_image")
    ('', 'agent', 'image')
    """
    word = raw.strip().lower()
    if word in CALLS or _SAYS.match(word):
        return ""
    return next((kind for kind, marks in _OTHER.items() if any(mark in word for mark in marks)), "")


def is_call(held: Attributes, kind: int, says: bool) -> bool:
    """Whether a span of the GenAI conventions is a call. `says`: an event of it carries messages."""
    if not WORK.keys().isdisjoint(held):
        return False
    named = text_of(held.get(OPERATION))
    if named in CALLS or operation(named):
        return named in CALLS
    modelled = any(name in held for name in _MODELS)
    asked = any(name.startswith(_ASKED) for name in held)
    if says or asked or ((modelled or named) and any(name.startswith(_CONTENT) for name in held)):
        return True  # an output alone may be what an application returned
    if named:
        return modelled or bool(_SAYS.match(named.lower()))
    if not modelled or not _DOERS.keys().isdisjoint(held) or _embeds(held):
        return False
    asks = kind in (0, CLIENT) and ("gen_ai.system" in held or "gen_ai.provider.name" in held)
    return asks or any(name.startswith(_ANSWER) for name in held)


def _embeds(held: Attributes) -> bool:
    """Whether a model's name tells that it gives no text."""
    return bool(writes_no_text(text_of(next(held[name] for name in _MODELS if name in held))))


@lru_cache(maxsize=1024)
def writes_no_text(model: str) -> str:
    """The kind of work of a model whose name tells that it writes no answer; else empty.

    >>> writes_no_text("text-embedding-3-small"), writes_no_text("whisper-1"), writes_no_text("gpt-4o")
    ('embedding', 'speech', '')
    """
    found = _SILENT.search(model.lower())
    return found.lastgroup or "" if found else ""


_SILENT = re.compile(
    r"(?P<embedding>embed(?!ded)|\bbge-|\be5-(?:small|base|large|mistral))|(?P<reranking>rerank)"
    r"|(?P<guard>moderation|llama-?guard)|(?P<speech>whisper|transcribe|\btts\b|text-to-speech)"
    r"|(?P<image>dall-?e|gpt-image|imagen-|stable-diffusion)"
)
"""Names of models by what they give instead of an answer."""

_DOERS = {"gen_ai.tool.name": "tool", "gen_ai.agent.name": "agent"}
_MODELS = ("gen_ai.request.model", "gen_ai.response.model")
_ANSWER = ("gen_ai.response.", "gen_ai.usage.")
_ASKED = ("gen_ai.input.messages", "gen_ai.prompt")
_CONTENT = ("gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.prompt", "gen_ai.completion")


_COUNTS = ("gen_ai.usage.", "llm.usage.", "llm.token_count.")
_TELLING = frozenset([*WORK, *_ROWS, *_DIALECTS, OPERATION, *_MODELS, *_DOERS])
"""Attributes that tell of the work of a span."""


def of(span: Span) -> str:
    """The name of the work of a span that is no call."""
    held = span.attributes
    if _TELLING.isdisjoint(held):
        if any(name.startswith(_COUNTS) for name in held):
            return "token counts only"
        return "server" if span.kind == SERVER else "client" if span.kind == CLIENT else "application"
    for name, kind in WORK.items():
        if name in held:
            return kind
    row = next((read(mapping(held[name])) for name, read in _ROWS.items() if name in held), None)
    named = text_of(row) or next((text_of(held[name]) for name in (OPERATION, *_DIALECTS) if name in held), "")
    known = operation(named)
    if known:
        return known
    for name, kind in _DOERS.items():
        if name in held:
            return kind
    if any(name in held for name in _MODELS) and _embeds(held):
        return writes_no_text(text_of(next(held[name] for name in _MODELS if name in held)))
    if span.kind in (SERVER, CLIENT):
        return "server" if span.kind == SERVER else "client"
    return "a model's name only" if _MODELS[0] in held else "application"
