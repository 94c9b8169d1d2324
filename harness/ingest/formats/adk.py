"""Read spans of Google's Agent Development Kit: the request and response of Gemini in `gcp.vertex.agent.llm_request` and
`.llm_response`. On spans of tools both are empty maps."""

from harness.ingest.formats import _kinds
from harness.ingest.formats._bodies import request, response
from harness.ingest.formats._draft import Draft, cut
from harness.ingest.formats._json import mapping, text_of
from harness.ingest.formats._otlp import Span

TRUST = 35

_ASKED, _ANSWERED = "gcp.vertex.agent.llm_request", "gcp.vertex.agent.llm_response"


def speaks(span: Span) -> bool:
    return _ASKED in span.attributes


def fill(span: Span, draft: Draft) -> bool:
    held = span.attributes
    asked, answered = mapping(held[_ASKED]), mapping(held.get(_ANSWERED))
    draft.flags |= cut(held[_ASKED], held.get(_ANSWERED))
    if not (asked or answered or draft.flags) or _kinds.operation(text_of(held.get(_kinds.OPERATION))):
        return False
    draft.fill(**request(asked))
    draft.fill(**response(answered))
    return True
