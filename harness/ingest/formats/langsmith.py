"""Parse LangSmith runs and feedback: `list_runs` as JSON lines, batches of creations and updates, bulk exports."""

from collections.abc import Iterator, Mapping
from typing import Any

from harness.ingest.barrier import Bad, each
from harness.ingest.formats import _ratings, _rows, _trace
from harness.ingest.formats._bodies import params, request, response, tokens
from harness.ingest.formats._clock import nanoseconds
from harness.ingest.formats._draft import Draft, cut
from harness.ingest.formats._json import Json, listing, mapping, number, parsed, text_of
from harness.ingest.formats._messages import messages
from harness.ingest.formats._otlp import Log, Span
from harness.types import Call, CallError, Feedback, Source

RANK, TRUST = 30, 15
Piece = Span | Log
Options = _trace.Options

RUN = "langsmith.run"
_KINDS = {"app": "human", "api": "app", "model": "judge"}


def claims(record: dict[str, Json]) -> bool:
    keys = record.keys()
    if isinstance(record.get("post"), list) or isinstance(record.get("patch"), list):
        return True
    if isinstance(record.get("multipart"), list):
        return any(str(part[0]).startswith(("post.", "patch.", "feedback.")) for part in record["multipart"])
    if {"feedback_key", "feedback_config"} <= keys:
        return True
    run = "run_type" in keys and bool({"dotted_order", "trace_id"} & keys) and bool({"inputs", "outputs"} & keys)
    return run or _is_feedback(record)


def _is_feedback(record: dict[str, Json]) -> bool:
    said = {"score", "value", "correction", "feedback_source"} & record.keys()
    return {"run_id", "key"} <= record.keys() and bool(said)


def pieces(record: dict[str, Json]) -> Iterator[tuple[str | None, Piece | Bad]]:
    runs = [*listing(record.get("post")), *listing(record.get("patch")), *_parts(record)] or [record]
    yield from each(runs, _row)


def _row(raw: Json) -> Iterator[tuple[str, Piece]]:
    run = mapping(raw)
    if "feedback_key" in run:
        yield f"feedback:{run['feedback_key']}", _config(run)
    else:
        piece = _feedback(run) if _is_feedback(run) else _span(run)
        yield piece.trace_id, piece


def join(found: list[tuple[Piece, Source]], options: Mapping[str, Any]) -> Iterator[Call | Feedback | tuple[str, int]]:
    return _rows.read(found, RUN, options)


def _parts(record: dict[str, Json]) -> list[Json]:
    """Runs of a multipart body: `post.<id>` holds a run, `post.<id>.inputs` and its like one field of it."""
    made: dict[str, dict[str, Json]] = {}
    for name, value in listing(record.get("multipart")):
        what, _, rest = text_of(name).partition(".")
        id, _, field = rest.partition(".")
        if what in ("post", "patch", "feedback"):
            made.setdefault(f"{what}.{id}", {}).update({field: value} if field else mapping(value))
    return list(made.values())


def _span(run: dict[str, Json]) -> Span:
    """A run; one of an update may lack its id, which then stands at the end of its dotted order."""
    order = text_of(run.get("dotted_order"))
    last, first = order.rpartition(".")[2][-36:], order.partition(".")[0][-36:]
    metadata = mapping(mapping(run.get("extra")).get("metadata"))
    held = {**_rows.context(metadata, {"tags": run.get("tags")}), RUN: run}
    return Span(
        trace_id=text_of(run.get("trace_id")) or first or text_of(run.get("id")),
        span_id=text_of(run.get("id")) or last,
        parent_id=text_of(run.get("parent_run_id")),
        name=text_of(run.get("name")),
        start_ns=nanoseconds(run.get("start_time")),
        end_ns=nanoseconds(run.get("end_time")),
        attributes=held,
        scope="langsmith",
    )


def _feedback(raw: dict[str, Json]) -> Log:
    source, key = mapping(raw.get("feedback_source")), text_of(raw.get("key"))
    value, score = raw.get("value"), raw.get("score")
    said = _ratings.rated(
        value if score is None else score, value if isinstance(value, str) and score is not None else None
    )
    return _rows.evaluation(
        text_of(raw.get("trace_id") or raw.get("run_id")),
        text_of(raw.get("run_id")),
        key,
        **said,
        comment=raw.get("comment"),
        correction=parsed(raw.get("correction")),
        user_id=source.get("user_id") or mapping(source.get("metadata")).get("user"),
        source_kind=_KINDS.get(text_of(source.get("type"))),
        at_ns=nanoseconds(raw.get("created_at")),
        key=raw.get("id"),
        changed_ns=nanoseconds(raw.get("modified_at")),
        scale=_scale(key, raw.get("feedback_config")),
    )


def _config(raw: dict[str, Json]) -> Log:
    """The scale that a project declares for a feedback key."""
    key, lower = text_of(raw["feedback_key"]), raw.get("is_lower_score_better")
    declared = _scale(key, raw["feedback_config"], "low" if lower else "", "high" if lower is False else "")
    changed = nanoseconds(raw.get("modified_at"))
    return _rows.evaluation("", "", key, scale=declared, changed_ns=changed)


def _scale(key: str, raw: Json, better: str = "", usually: str = "") -> dict[str, Json]:
    held = mapping(raw)
    return _ratings.scale(
        key,
        better=better,
        usually=usually,
        low=number(held.get("min")),
        high=number(held.get("max")),
        labels=_ratings.categories(held.get("categories")),
    )


def speaks(span: Span) -> bool:
    return RUN in span.attributes


def fill(span: Span, draft: Draft) -> bool:
    run = mapping(span.attributes[RUN])
    if run.get("run_type") != "llm" or "mbed" in span.name:
        return False
    asked, answered = parsed(run.get("inputs")), parsed(run.get("outputs"))
    extra = mapping(run.get("extra"))
    metadata, sent = mapping(extra.get("metadata")), mapping(extra.get("invocation_params"))
    draft.flags |= cut(run.get("inputs"), run.get("outputs"))
    draft.fill(**request(asked))
    if mapping(answered).get("output", ...) is not None:  # {"output": null}: the call failed
        draft.fill(**response(answered))
    draft.fill(
        input=messages(asked),
        provider=text_of(metadata.get("ls_provider")),
        model_requested=text_of(metadata.get("ls_model_name") or sent.get("model")),
        params={**params(sent), **params(metadata.get("ls_invocation_params"))},
        tools=tuple(listing(sent.get("tools"))),
        usage=_usage(run, answered, metadata),
        ttft_s=_ttft(run),
        metadata=_own(metadata),
    )
    if run.get("error"):
        draft.fill(error=_error(text_of(run["error"])))
        draft.flags |= {"partial_stream"} if any(said.parts for said in draft.output) else set()
    return True


def _usage(run: dict[str, Json], answered: Json, metadata: dict[str, Json]) -> dict[str, int]:
    plain = {"prompt_tokens": run.get("prompt_tokens"), "completion_tokens": run.get("completion_tokens")}
    llm, said = mapping(mapping(answered).get("llm_output")), _generated(answered)
    holders = (mapping(answered).get("usage_metadata"), metadata.get("usage_metadata"), said.get("usage_metadata"))
    return next((found for held in (*holders, llm.get("token_usage"), plain) if (found := tokens(held))), {})


def _generated(answered: Json) -> dict[str, Json]:
    """The message of LangChain's first generation."""
    first = next(iter(listing(mapping(answered).get("generations"))), None)
    inner = next(iter(first), None) if isinstance(first, list) else first
    return mapping(mapping(mapping(inner).get("message")).get("kwargs"))


def _ttft(run: dict[str, Json]) -> float | None:
    first, start = nanoseconds(run.get("first_token_time")), nanoseconds(run.get("start_time"))
    return (first - start) / 1e9 if first >= start > 0 else None


def _own(metadata: dict[str, Json]) -> dict[str, Json]:
    """What the application put there itself."""
    known = ("session_id", "thread_id", "conversation_id", "user_id", "usage_metadata")
    return {
        k: v for k, v in metadata.items() if k not in known and not k.startswith(("ls_", "LANGSMITH_", "LANGCHAIN_"))
    }


def _error(text: str) -> CallError:
    first = text.strip().partition("\n")[0]
    kind, _, rest = first.partition("(")
    return CallError(type=kind if kind.isidentifier() else "error", message=rest.rstrip(")").strip("'\"") or first)
