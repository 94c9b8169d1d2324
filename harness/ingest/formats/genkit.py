"""Parse spans of Genkit (`genkit:*`): the request and response of an action whose subtype is `model`.

Flows, tools, prompts and the steps around a model are actions too, and no calls.
"""

from harness.ingest.formats._bodies import request, response, tokens
from harness.ingest.formats._draft import Draft, cut
from harness.ingest.formats._json import mapping, text_of
from harness.ingest.formats._otlp import Span

TRUST = 38

_SUBTYPES = ("genkit:metadata:subtype", "genkit:metadata:actionType")


def speaks(span: Span) -> bool:
    return "genkit:type" in span.attributes


def fill(span: Span, draft: Draft) -> bool:
    held = span.attributes
    if next((held[name] for name in _SUBTYPES if name in held), "") != "model":
        return False
    asked, answered = mapping(held.get("genkit:input")), mapping(held.get("genkit:output"))
    draft.flags |= cut(held.get("genkit:input"), held.get("genkit:output"))
    provider, _, model = text_of(held.get("genkit:name")).rpartition("/")
    draft.fill(**request(asked))
    draft.fill(**response(answered))
    draft.fill(provider=provider.partition("/")[0], model_requested=model, usage=tokens(answered.get("usage")))
    return True
