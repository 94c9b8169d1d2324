"""Parse Pydantic Logfire and Pydantic AI spans of older releases: `request_data`, `response_data`, `events`.

Newer ones speak the GenAI conventions, which are trusted more; these attributes then only fill gaps.
"""

from harness.ingest.formats import genai
from harness.ingest.formats._bodies import request, response
from harness.ingest.formats._draft import Draft
from harness.ingest.formats._json import Json, listing, mapping, text_of
from harness.ingest.formats._messages import choices, messages, reasoned
from harness.ingest.formats._otlp import Event, Span

TRUST = 95


def speaks(span: Span) -> bool:
    return "request_data" in span.attributes or "events" in span.attributes


def fill(span: Span, draft: Draft) -> bool:
    held = span.attributes
    asked, answered = mapping(held.get("request_data")), mapping(held.get("response_data"))
    events = _events(listing(held.get("events")))
    if not (asked.get("messages") or asked.get("input") or asked.get("prompt") or events or answered):
        return "model" in asked
    if "input" in asked and "encoding_format" in asked:  # an embedding
        return False
    genai.fill(Span(span.trace_id, span.span_id, events=_with_answer(events)), draft)
    draft.fill(**request(asked))
    if answered:
        said = answered.get("message") or answered.get("combined_chunk_content") or answered
        draft.fill(**{**response(answered), "output": choices(said)})
        draft.ended = bool(answered.get("usage"))  # which the last piece of a stream brings
    draft.fill(input=messages(held.get("all_messages_events")))
    draft.output = reasoned(draft.output, listing(held.get("gen_ai.response.finish_reasons")))
    return True


def _with_answer(events: list[Event]) -> list[Event]:
    """The events, those after the last question as the answer: calls of the Responses API have no other."""
    asked = next((place for place, event in reversed(list(enumerate(events))) if event.name != _ANSWER), len(events))
    answer = events[asked + 1 :]
    if not answer or any(event.name == genai.CHOICE for event in events):
        return events
    calls = [call for event in answer for call in listing(event.attributes.get("tool_calls"))]
    text = "".join(text_of(event.attributes.get("content")) for event in answer)
    said = {"role": "assistant", "content": text, "tool_calls": calls}
    return [*events[: asked + 1], Event(genai.CHOICE, 0, {"message": said})]


_ANSWER = "gen_ai.assistant.message"


def _events(entries: list[Json]) -> list[Event]:
    """The events; parts of a question that Logfire did not know, an event each, are one message."""
    found: list[Event] = []
    parts: list[Json] = []
    for entry in map(mapping, entries):
        if entry.get("event.name") != "gen_ai.unknown":
            parts = []
            found.append(Event(text_of(entry.get("event.name")), 0, entry))
        elif not parts:
            parts = [entry.get("data")]
            found.append(Event("gen_ai.user.message", 0, {"content": parts}))
        else:
            parts.append(entry.get("data"))
    return found
