"""Parse Amazon Bedrock's model-invocation logs, as they lie in S3 and CloudWatch: Converse and InvokeModel.

Bodies above 100 KB and media lie in objects beside the log; what is only there is marked and never fetched.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from harness.ingest.formats._bodies import params, request, response
from harness.ingest.formats._clock import nanoseconds
from harness.ingest.formats._draft import Draft
from harness.ingest.formats._fates import aside
from harness.ingest.formats._json import Json, listing, mapping, text_of, whole
from harness.ingest.formats._rows import context, distinct
from harness.ingest.formats._streams import put_together
from harness.types import Call, CallError, Source

RANK = 30

_CALLS = ("InvokeModel", "Converse")


def claims(record: dict[str, Json]) -> bool:
    named = record.get("schemaType") == "ModelInvocationLog"
    return named or ({"modelId", "operation", "requestId", "input"} <= record.keys())


def pieces(record: dict[str, Json]) -> Iterator[tuple[str, Json]]:
    yield text_of(record.get("requestId")), record


def join(found: list[tuple[Json, Source]], options: Mapping[str, Any]) -> Iterator[Call | tuple[str, int]]:
    once = distinct(found)
    yield "repeated_calls", len(found) - len(once)
    for record, source in once:
        if text_of(record.get("operation")).startswith(_CALLS) and not _embeds(record):
            yield _call(record, source)
        else:
            yield aside("embedding" if _embeds(record) else "operation of the service"), 1


def _embeds(record: dict[str, Json]) -> bool:
    return "embed" in text_of(record.get("modelId"))


def _call(record: dict[str, Json], source: Source) -> Call:
    read, written = mapping(record.get("input")), mapping(record.get("output"))
    asked, answered = mapping(read.get("inputBodyJson")), _answer(written.get("outputBodyJson"))
    stream = "Stream" in text_of(record.get("operation"))
    draft = Draft(model_requested=text_of(record.get("modelId")), provider="aws.bedrock")
    draft.fill(**request(asked))
    draft.fill(params={**params(asked.get("inferenceConfig")), **({"stream": True} if stream else {})})
    draft.fill(tools=tuple(listing(mapping(asked.get("toolConfig")).get("tools"))))
    draft.fill(**response(answered) if answered else {})
    counts = {"input": whole(read.get("inputTokenCount")), "output": whole(written.get("outputTokenCount"))}
    draft.fill(usage={side: count for side, count in counts.items() if count is not None})
    held = context(record.get("requestMetadata"))
    draft.fill(session_id=held.get("session.id", ""), user_id=held.get("user.id", ""))
    at = nanoseconds(record.get("timestamp"))
    draft.fill(start_ns=at, end_ns=at, metadata=mapping(record.get("requestMetadata")))
    if record.get("errorCode"):
        draft.fill(error=CallError(type=text_of(record["errorCode"])))
    if any(side.get(name) for side, name in ((read, "inputBodyS3Path"), (written, "outputBodyS3Path"))):
        draft.flags |= {"media_external"}
    return draft.call(text_of(record.get("requestId")), source)


def _answer(body: Json) -> dict[str, Json]:
    """A response; one that was streamed from a Claude model is logged as its events, which are put together."""
    return put_together(body) if isinstance(body, list) else mapping(body)
