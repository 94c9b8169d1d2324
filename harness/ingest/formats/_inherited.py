"""Inherit from the spans above a call and from its resource: session, user, tags and route."""

from collections.abc import Iterable, Iterator

from harness.ingest.formats._draft import Draft
from harness.ingest.formats._json import listing, parsed, text_of
from harness.ingest.formats._otlp import SERVER, Attributes, Span

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
    "session_id",
    "conversation_id",
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


def inherit(draft: Draft, span: Span, tree: dict[str, Span]) -> None:
    """Fill the gaps of a call from its nearest ancestor that knows; `tree` holds the spans of its trace by id."""
    line = list(_ancestors(span, tree))
    for held in (*(above.attributes for above in line), span.resource):
        if not INHERITED.isdisjoint(held):
            draft.fill(
                session_id=named(held, SESSION),
                user_id=named(held, USER),
                tags=tuple(text_of(tag) for name in TAGS for tag in listing(held.get(name))),
            )
    above = line[1:]
    server = next((other for other in above if other.kind == SERVER), above[-1] if above else None)
    if server:
        draft.fill(route=_route(server))
    if not draft.user_id:
        draft.user_id = text_of(draft.params.get("user") or span.attributes.get("llm.user"))


def _ancestors(span: Span, tree: dict[str, Span]) -> Iterator[Span]:
    seen = set[str]()
    here: Span | None = span
    while here and here.span_id not in seen:
        yield here
        seen.add(here.span_id)
        here = tree.get(here.parent_id)


def named(held: Attributes, names: Iterable[str]) -> str:
    """The first of the names that has a value, as text."""
    found = (text_of(parsed(held.get(name))) for name in names)  # Langfuse writes metadata as JSON texts
    return next((text for text in found if text and not text.startswith("[Scrubbed")), "")


def _route(span: Span) -> str:
    method = text_of(span.attributes.get("http.request.method") or span.attributes.get("http.method"))
    path = text_of(span.attributes.get("http.route"))
    return f"{method} {path}" if method and path else span.name
