"""Rows of other tracing systems as spans and log records, so that one join reads them all.

A row becomes a span that carries the row itself under an attribute of its format, which the same format then reads.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from harness.formats._json import Json, mapping, parsed, text_of
from harness.formats._otlp import Attributes, Log, Span
from harness.formats._trace import EVALUATION
from harness.types import Source

Found = list[tuple[Span | Log, Source]]


def evaluation(trace_id: str, span_id: str, name: Json, **said: Any) -> Log:
    """Feedback on a call as the log record that OpenTelemetry would make of it. An empty trace or span id is unknown.

    `said` holds value, label, comment, correction, user_id, session_id, response_id, source_kind and at_ns.
    """
    names = {"value": "score.value", "label": "score.label", "comment": "explanation"}
    held = {f"gen_ai.evaluation.{names[key]}": said[key] for key in names if said.get(key) is not None}
    held |= {
        "gen_ai.evaluation.name": text_of(name),
        "gen_ai.response.id": said.get("response_id"),
        "session.id": said.get("session_id"),
        "user.id": said.get("user_id"),
        "source_kind": said.get("source_kind"),
        "correction": unwrapped(said.get("correction")),
    }
    return Log(
        trace_id,
        span_id,
        EVALUATION,
        said.get("at_ns") or 0,
        {key: value for key, value in held.items() if value not in (None, "")},
    )


def unwrapped(correction: Json) -> Json:
    """A correction without the wrapper that only says it is the output."""
    if isinstance(correction, dict) and len(correction) == 1:
        return next(
            (correction[key] for key in ("output", "content", "response", "value") if key in correction), correction
        )
    return correction


def context(*holders: Json) -> Attributes:
    """Session, user and tags of a row, from the first of the given maps that names them, under OpenTelemetry's names."""
    found: Attributes = {}
    for held in map(mapping, holders):
        for name, keys in _CONTEXT.items():
            value = next((held[key] for key in keys if held.get(key)), None)
            if value is not None:
                found.setdefault(name, value if name == "tag.tags" else text_of(value))
    return found


_CONTEXT = {
    "session.id": ("session_id", "thread_id", "conversation_id", "sessionId", "Helicone-Session-Id", "session"),
    "user.id": ("user_id", "userId", "end_user", "helicone_user", "Helicone-User-Id"),
    "tag.tags": ("tags", "request_tags"),
}


def folded(found: Found, key: str) -> Found:
    """Rows that came in pieces, such as a creation and its update, as one: later values win, maps are merged."""
    spans: dict[str, tuple[Span, Source]] = {}
    rest: Found = []
    for piece, source in found:
        if not isinstance(piece, Span) or key not in piece.attributes:
            rest.append((piece, source))
            continue
        if piece.span_id not in spans:
            spans[piece.span_id] = (piece, source)
            continue
        held, first = spans[piece.span_id]
        spans[piece.span_id] = (_merged(held, piece, key), first)
    return [*spans.values(), *rest]


def _merged(one: Span, two: Span, key: str) -> Span:
    row = deep_merge(one.attributes[key], two.attributes[key])
    return replace(
        one,
        parent_id=one.parent_id or two.parent_id,
        name=one.name or two.name,
        start_ns=min(filter(None, (one.start_ns, two.start_ns)), default=0),
        end_ns=max(one.end_ns, two.end_ns),
        failed=one.failed or two.failed,
        status=one.status or two.status,
        attributes={**one.attributes, **two.attributes, key: row},
    )


def deep_merge(one: Json, two: Json) -> Json:
    """`two` over `one`; maps merge key by key, and None never takes a value away."""
    if isinstance(one, dict) and isinstance(two, dict):
        merged = {key: deep_merge(one.get(key), value) for key, value in two.items()}
        return {**one, **{key: value for key, value in merged.items() if value is not None or key not in one}}
    return one if two is None else two


def rows(record: Mapping[str, Json], *keys: str) -> Iterable[dict[str, Json]]:
    """The rows of a page such as `{"data": [...]}`, or the record itself."""
    for key in keys:
        if isinstance(record.get(key), list):
            return [row for row in record[key] if isinstance(row, dict)]
    return [dict(record)]


def by_dots(row: dict[str, Json], prefix: str) -> Iterator[tuple[str, Json]]:
    """Columns `prefix.x.y` of a flattened row, each decoded when it holds JSON text."""
    for name, value in row.items():
        if name.startswith(prefix) and value is not None:
            yield name[len(prefix) :], parsed(value)
