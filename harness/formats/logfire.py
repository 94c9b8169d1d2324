"""Pydantic Logfire and Pydantic AI spans of older releases: `request_data`, `response_data`, `events`.

Newer ones speak the GenAI conventions, which are trusted more; these attributes then only fill gaps.
"""

from harness.formats import genai
from harness.formats._bodies import request, response
from harness.formats._draft import Draft
from harness.formats._json import Json, listing, mapping, text_of
from harness.formats._messages import choices, messages
from harness.formats._otlp import Event, Span

TRUST = 95


def speaks(span: Span) -> bool:
    return "request_data" in span.attributes or "events" in span.attributes


def fill(span: Span, draft: Draft) -> bool:
    held = span.attributes
    asked, answered = mapping(held.get("request_data")), mapping(held.get("response_data"))
    events = [_event(entry) for entry in listing(held.get("events")) if isinstance(entry, dict)]
    if not (asked.get("messages") or asked.get("input") or asked.get("prompt") or events or answered):
        return "model" in asked
    if "input" in asked and "encoding_format" in asked:  # an embedding
        return False
    genai.fill(Span(span.trace_id, span.span_id, events=events), draft)
    draft.fill(**request(asked))
    if answered:
        said = answered.get("message") or answered.get("combined_chunk_content") or answered
        draft.fill(**{**response(answered), "output": choices(said)})
    draft.fill(input=messages(held.get("all_messages_events")))
    return True


def _event(entry: dict[str, Json]) -> Event:
    return Event(text_of(entry.get("event.name")), 0, entry)
