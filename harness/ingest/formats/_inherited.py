"""Inherit from the spans above a call and from its resource: session, user, tags and route."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from harness.ingest.formats._draft import Draft
from harness.ingest.formats._json import listing, parsed, text_of
from harness.ingest.formats._otlp import SERVER, Attributes, Span
from harness.ingest.formats._tree import SpanTree

SESSION = (
    "session.id",
    "gen_ai.conversation.id",
    "langfuse.session.id",
    "langfuse.observation.metadata.langfuse_session_id",
    "traceloop.association.properties.session_id",
    "traceloop.association.properties.conversation_id",
    "ai.telemetry.metadata.sessionId",
    "ai.settings.context.sessionId",
    "ai.telemetry.metadata.conversationId",
    "mlflow.trace.session",
    "gcp.vertex.agent.session_id",
    "session_id",
    "conversation_id",
    "thread_id",
    "thread.id",
    "conversation.id",
)
USER = (
    "user.id",
    "enduser.id",
    "gen_ai.user.id",
    "langfuse.user.id",
    "langfuse.observation.metadata.langfuse_user_id",
    "traceloop.association.properties.user_id",
    "ai.telemetry.metadata.userId",
    "ai.settings.context.userId",
    "mlflow.trace.user",
    "user_id",
)
TAGS = (
    "tag.tags",
    "langfuse.trace.tags",
    "langfuse.observation.metadata.langfuse_tags",
    "app.tags",
    "ai.telemetry.metadata.tags",
    "logfire.tags",
)
_ROUTE = ("http.request.method", "http.method", "http.route")
INHERITED = frozenset((*SESSION, *USER, *TAGS, *_ROUTE))


class HandedDown(NamedTuple):
    """What a span hands down to those below it."""

    session_id: str = ""
    user_id: str = ""
    tags: tuple[str, ...] = ()
    server: Span | None = None
    """The nearest span of a server."""
    top: Span | None = None
    """The outermost span."""


NOTHING = HandedDown()


def handed_down(tree: SpanTree) -> dict[str, HandedDown]:
    """What each span of a trace hands down, by id."""
    found: dict[str, HandedDown] = {}
    for id in tree.order:
        span = tree.found[id][0]
        above = tree.parent(span)
        known = found[above.span_id] if above else HandedDown(top=span)
        if span.kind == SERVER or not INHERITED.isdisjoint(span.attributes):
            known = _over(span, known)
        found[id] = known
    return found


def inherit(draft: Draft, span: Span, tree: SpanTree, facts: Mapping[str, HandedDown]) -> None:
    """Fill the gaps of a call from its own span, its nearest ancestor that knows, and its resource."""
    parent = tree.parent(span)
    above = facts[parent.span_id] if parent else NOTHING
    for known in (_own(span.attributes), above, _own(span.resource) if span.resource else NOTHING):
        draft.session_id = draft.session_id or known.session_id
        draft.user_id = draft.user_id or known.user_id
        draft.tags = draft.tags or known.tags
    server = above.server or above.top
    if server and not draft.route:
        draft.route = _route(server)
    if not draft.user_id:
        draft.user_id = text_of(draft.params.get("user") or span.attributes.get("llm.user"))


def _own(held: Attributes) -> HandedDown:
    if INHERITED.isdisjoint(held):
        return NOTHING
    tags = tuple(text_of(tag) for name in TAGS if name in held for tag in listing(held[name]))
    return HandedDown(named(held, SESSION), named(held, USER), tags)


def _over(span: Span, above: HandedDown) -> HandedDown:
    own = _own(span.attributes)
    return HandedDown(
        own.session_id or above.session_id,
        own.user_id or above.user_id,
        own.tags or above.tags,
        span if span.kind == SERVER else above.server,
        above.top,
    )


def named(held: Attributes, names: Iterable[str]) -> str:
    """The first of the names that has a value, as text."""
    for name in names:
        if name in held:
            text = text_of(parsed(held[name]))  # Langfuse writes metadata as JSON texts
            if text and not text.startswith("[Scrubbed"):
                return text
    return ""


def _route(span: Span) -> str:
    method = text_of(span.attributes.get("http.request.method") or span.attributes.get("http.method"))
    path = text_of(span.attributes.get("http.route"))
    return f"{method} {path}" if method and path else span.name
