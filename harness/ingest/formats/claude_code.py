"""Read spans of Claude Code's own telemetry: `span.type` tells requests to the model, which carry counts and no content."""

from harness.ingest.formats._bodies import tokens
from harness.ingest.formats._draft import Draft
from harness.ingest.formats._json import is_true, number, text_of
from harness.ingest.formats._otlp import Span
from harness.types import CallError

TRUST = 80

_KIND = "span.type"


def speaks(span: Span) -> bool:
    return _KIND in span.attributes and "input_tokens" in span.attributes


def fill(span: Span, draft: Draft) -> bool:
    held = span.attributes
    if held[_KIND] != "llm_request":
        return False
    counts = {name.removesuffix("_tokens"): held[name] for name in held if name.endswith("_tokens")}
    first = number(held.get("ttft_ms"))
    draft.fill(
        model_requested=text_of(held.get("model")),
        response_id=text_of(held.get("request_id")),
        usage=tokens({**counts, "cache_write_tokens": counts.get("cache_creation")}),
        ttft_s=None if first is None else first / 1000,
    )
    if not is_true(held.get("success", True)):
        draft.fill(error=CallError(type="error", message=text_of(held.get("error"))))
    return True
