"""Parse Langfuse: the spans of its SDK (version 3 and later), and its own exports."""

from harness.ingest.formats import _langfuse
from harness.ingest.formats._clock import nanoseconds
from harness.ingest.formats._draft import Draft
from harness.ingest.formats._json import mapping, parsed, text_of
from harness.ingest.formats._messages import reasoned
from harness.ingest.formats._otlp import Span
from harness.types import CallError

TRUST = 10

_TYPE = "langfuse.observation.type"


def speaks(span: Span) -> bool:
    return _TYPE in span.attributes


def fill(span: Span, draft: Draft) -> bool:
    held = {name[21:]: value for name, value in span.attributes.items() if name.startswith("langfuse.observation.")}
    if text_of(held.get("type")).lower() != "generation":
        return False
    _langfuse.fill(
        draft, held.get("input"), held.get("output"), held.get("model.parameters"), held.get("usage_details")
    )
    first = nanoseconds(text_of(parsed(held.get("completion_start_time"))))
    streamed = first > span.start_ns > 0
    draft.fill(
        model_requested=text_of(parsed(held.get("metadata.ls_model_name"))),
        model_served=text_of(held.get("model.name")),
        provider=text_of(parsed(held.get("metadata.ls_provider"))),
        ttft_s=(first - span.start_ns) / 1e9 if streamed else None,
        params={"stream": True} if streamed else {},
        metadata={
            name[24:]: parsed(value)
            for name, value in span.attributes.items()
            if name.startswith("langfuse.trace.metadata.")
        },
    )
    if held.get("level") == "ERROR":
        draft.fill(error=CallError(type="error", message=text_of(held.get("status_message"))))
    draft.ended = "metadata.ls_provider" in held  # LangChain reports a stream that broke as an error
    why = parsed(held.get("metadata.finish_reason")) or mapping(held.get("metadata")).get("finish_reason")
    draft.output = reasoned(draft.output, [why])
    return True
