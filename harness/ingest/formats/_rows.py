"""Turn rows of other tracing systems into spans and log records, so that one join reads them all.

A row becomes a span that carries the row itself under an attribute of its format, which the same format then reads.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import reduce
from typing import Any

import msgspec
from msgspec.structs import replace

from harness.ingest.formats import _trace
from harness.ingest.formats._fates import aside
from harness.ingest.formats._json import Json, mapping, parsed, text_of
from harness.ingest.formats._otlp import Attributes, Log, Span
from harness.ingest.formats._trace import EVALUATION, FEEDBACK
from harness.types import Call, Feedback, Source

Found = list[tuple[Span | Log, Source]]


OWN = ("key", "changed_ns", "overrides", "withdrawn", "scale", "expectation")


def evaluation(trace_id: str, span_id: str, name: Json, **said: Any) -> Log:
    """Feedback on a call as the log record that OpenTelemetry would make of it. An empty trace or span id is unknown.

    `said` holds value, label, comment, correction, user_id, session_id, response_id, source_kind and at_ns, and the
    further fields of `Feedback` that `OWN` names.
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
        FEEDBACK: {key: said[key] for key in OWN if said.get(key)} or None,
    }
    return Log(
        trace_id,
        span_id,
        EVALUATION,
        said.get("at_ns") or 0,
        {key: value for key, value in held.items() if value not in (None, "")},
    )


def distinct(found: Iterable[tuple[Json, Source]]) -> list[tuple[Json, Source]]:
    """The rows, each once, however often it was read."""
    once: dict[bytes, tuple[Json, Source]] = {}
    for row, source in found:
        once.setdefault(_ordered(row), (row, source))
    return list(once.values())


_ordered = msgspec.json.Encoder(order="deterministic").encode


def unwrapped(correction: Json) -> Json:
    """A correction without the wrapper that only says it is the output."""
    if isinstance(correction, dict) and len(correction) == 1:
        return next(
            (correction[key] for key in ("output", "content", "response", "value", "corrected") if key in correction),
            correction,
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
    "tag.tags": ("tags", "request_tags", "trace_tags"),
}


def folded(found: Found, key: str) -> tuple[Found, Counter[str], int]:
    """Rows that came in pieces, such as a creation and its update, as one: later values win, maps are merged.

    Also how often a row came again just as it was, by its id, and how many pieces went into others.
    """
    pieces: dict[str, dict[bytes, tuple[Span, Source]]] = {}
    rest: Found = []
    repeated: Counter[str] = Counter()
    for piece, source in found:
        if not isinstance(piece, Span) or key not in piece.attributes:
            rest.append((piece, source))
            continue
        held = pieces.setdefault(piece.span_id, {})
        repeated[piece.span_id] += held.setdefault(_trace.content(piece), (piece, source))[0] is not piece
    joined = sum(len(held) - 1 for held in pieces.values())
    return [*(_as_one([*held.values()], key) for held in pieces.values()), *rest], repeated, joined


def read(found: Found, key: str, options: Mapping[str, Any]) -> Iterator[Call | Feedback | _trace.Count]:
    """What the rows of one trace say together, those that came in pieces as one."""
    whole, repeated, joined = folded(found, key)
    return counted(_trace.read(whole, options), repeated, joined)


def counted(
    found: Iterable[Call | Feedback | _trace.Count], repeated: Counter[str], joined: int
) -> Iterator[Call | Feedback | _trace.Count]:
    """What was found, and a `repeated_calls` for each row of a call that came again."""
    yield "repeated_spans", repeated.total()
    for item in found:
        yield item
        if isinstance(item, Call):
            yield "repeated_calls", sum(repeated.pop(id, 0) for id in {item.span_id, *item.source.span_ids})
    yield aside("repeated row of no call"), repeated.total()
    yield aside("part of a row"), joined


def _as_one(held: list[tuple[Span, Source]], key: str) -> tuple[Span, Source]:
    """The pieces of a row in the order they were sent, whatever order they were read in."""
    if len(held) == 1:
        return held[0]
    ordered = sorted(held, key=lambda pair: _sent(pair[0].attributes[key], pair[0]))
    pieces = [span for span, _ in ordered]
    row = deep_merge([span.attributes[key] for span in pieces])
    whole = reduce(_merged, pieces)
    attributes = {name: value for span in pieces for name, value in span.attributes.items()}
    return replace(whole, attributes={**attributes, key: row}), ordered[0][1]


def _sent(row: dict[str, Json], span: Span) -> tuple[bool, bool, str, str]:
    """Creations come before updates: an update says so, or has an end and no start."""
    update = bool(row.get("_is_merge")) or not span.start_ns
    return update, bool(span.end_ns), text_of(row.get("_xact_id") or row.get("updated_at")), text_of(row)


def _merged(one: Span, two: Span) -> Span:
    return replace(
        one,
        trace_id=one.trace_id or two.trace_id,
        scope=max(one.scope, two.scope, key=len),
        parent_id=one.parent_id or two.parent_id,
        name=one.name or two.name,
        start_ns=min(filter(None, (one.start_ns, two.start_ns)), default=0),
        end_ns=max(one.end_ns, two.end_ns),
        failed=one.failed or two.failed,
        status=one.status or two.status,
    )


def deep_merge(values: Sequence[Json]) -> Json:
    """Values of one place, the newest last, as one: maps merge key by key, and None never takes a value away.

    >>> deep_merge([{"a": 1, "b": {"c": 2}}, {"a": None, "b": {"d": 3}}])
    {'a': 1, 'b': {'c': 2, 'd': 3}}
    """
    told = [value for value in values if value is not None]
    if not told or not isinstance(told[-1], dict):
        return told[-1] if told else None
    held: dict[str, list[Json]] = {}
    start = max((place for place, value in enumerate(told) if not isinstance(value, dict)), default=-1)
    for value in told[start + 1 :]:
        for name, inner in value.items():
            held.setdefault(name, []).append(inner)
    return {name: deep_merge(inner) for name, inner in held.items()}


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
