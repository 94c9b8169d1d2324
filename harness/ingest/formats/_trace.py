"""Join the pieces of one trace into calls and feedback: copies collapse, log records find their span, calls inherit.

Session, user, tags and route often stand on the server span only, so a call takes them from its nearest ancestor.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from types import ModuleType
from typing import Any

import msgspec
from msgspec.structs import replace

from harness.core import plugins
from harness.ingest.formats import _annotations, _answer, _kinds, _tool_runs, _twins, genai
from harness.ingest.formats._draft import Draft, feedback
from harness.ingest.formats._fates import INNER, aside
from harness.ingest.formats._inherited import INHERITED, SESSION, USER, handed_down, inherit, named
from harness.ingest.formats._json import Json, mapping, number, text_of
from harness.ingest.formats._otlp import Attributes, Event, Log, Span
from harness.ingest.formats._tree import SpanTree
from harness.types import SERVED, SHADOW, Call, CallError, Feedback, Noun, Source

EVALUATION = _annotations.EVALUATION
CORRECTIONS = ("correction", "corrected_output", "corrected", "expected_output")
"""Last part of the names of attributes that may hold a corrected answer, such as `app.correction`: no convention names
one. The option `corrections` lists whole names instead."""


class Options(Noun, frozen=True):
    """Keys under [ingest] options of the formats that hold spans."""

    corrections: tuple[str, ...] = ()
    """Attributes of an evaluation event that hold a corrected answer; empty: those whose last part says so."""


FEEDBACK = "trueup.feedback"
"""Attribute of a log record made from another system's row: fields of `Feedback` that OpenTelemetry has no name for."""

Count = tuple[str, int]
"""A name of what was counted, and how many."""

Found = tuple[Draft, Span, str, Source]
"""A call in the making, its span, the convention it was read by, and its place."""


@cache
def dialects() -> tuple[ModuleType, ...]:
    """The formats that read spans, most trusted first."""
    modules = [plugins.load("formats", name) for name in plugins.names("formats")]
    return tuple(sorted((m for m in modules if hasattr(m, "speaks")), key=lambda m: getattr(m, "TRUST", 50)))


_spoken: dict[tuple[str, ...], tuple[ModuleType, ...]] = {}
MOST_SHAPES = 4096
"""Sets of names that are remembered."""


def speaking(span: Span) -> tuple[ModuleType, ...]:
    """The dialects that the span speaks, most trusted first. Few sets of names are met in one export."""
    names = (*span.attributes, "", *[event.name for event in span.events])
    found = _spoken.get(names)
    if found is None:
        if len(_spoken) >= MOST_SHAPES:
            _spoken.clear()
        found = _spoken[names] = tuple(dialect for dialect in dialects() if dialect.speaks(span))
    return found


def lean(span: Span) -> Span:
    """The span without what no call needs: an application span keeps only what its calls inherit, and feedback."""
    if speaking(span) or _tool_runs.is_tool(span):
        return span
    kept = {name: value for name, value in span.attributes.items() if name in _LEAN} | _annotations.kept(
        span.attributes
    )
    if not span.parent_id:
        kept |= _answer.kept(span.attributes)
    told = [event for event in span.events if event.name == EVALUATION]
    return replace(span, attributes=kept, events=told, scope="", version="")


_LEAN = INHERITED | _kinds.WORK.keys()


def matters(log: Log) -> bool:
    return log.name == EVALUATION or genai.is_content(log.name)


def read(found: Iterable[tuple[Span | Log, Source]], options: Mapping[str, Any]) -> Iterator[Call | Feedback | Count]:
    """Everything that the pieces of one trace say together, and counts of what was met."""
    spans = _Copies()
    logs: dict[str, list[tuple[Log, Source]]] = {}
    told: Counter[str] = Counter()
    for piece, source in found:
        if isinstance(piece, Span):
            spans.add(piece, source)
        else:
            logs.setdefault(piece.span_id, []).append((piece, source))
            told[MESSAGE_EVENT] += piece.name != EVALUATION
    kept, copies = spans.kept, spans.repeated.total()
    yield "spans", len(kept)
    tree = SpanTree(kept)
    calls, others = _calls(kept, logs, told)
    once = _twins.merged(calls, tree) if len(calls) > 1 else calls
    ran: list[Span] = []
    for span, known in others:
        kind = known or _kinds.of(span)
        told[kind] += 1 + spans.repeated.pop(span.span_id, 0)
        if kind == "tool":
            ran.append(span)
    if copies or len(once) < len(calls):
        yield "repeated_spans", copies
        yield "repeated_calls", spans.repeated.total() + len(calls) - len(once)
    yield from ((aside(kind), count) for kind, count in told.items() if count)
    own = _twins.without_totals(once, tree) if len(once) > 2 else once
    if len(own) < len(once):
        yield aside("total of several calls"), len(once) - len(own)
    facts = handed_down(tree)
    _answer.mark(own, tree, facts)
    _tool_runs.attach(own, ran, tree)
    for draft, span, convention, source in own:
        inherit(draft, span, tree, facts)
        yield _finished(draft, span, convention, source)
    said = [(log, source) for records in logs.values() for log, source in records if log.name == EVALUATION]
    yield from _once(_feedback(log, source, options) for log, source in said)
    for span, source in kept:
        told_by = list(_annotations.logs(span))
        if span.events or told_by:
            yield from _inner(_once(_on_span(span, told_by, source, options)))


MESSAGE_EVENT = "message event"


def _inner(records: Iterable[Feedback | Count]) -> Iterator[Feedback | Count]:
    """Records that stand inside a span."""
    for record in records:
        yield INNER, 1
        yield record


class _Copies:
    """Spans, each once. A fuller copy replaces a poorer one; copies that contradict each other both stay."""

    def __init__(self) -> None:
        self._by_id: dict[str, list[tuple[Span, Source]]] = {}
        self._known: dict[str, set[bytes]] = {}
        """Digests of the copies of a span that came in very many versions."""
        self.repeated: Counter[str] = Counter()

    def add(self, span: Span, source: Source) -> None:
        held = self._by_id.setdefault(span.span_id, [])
        if len(held) >= MOST_VERSIONS:
            self._add_to_many(span, source, held)
            return
        for place, (other, _) in enumerate(held):
            if _says_all_of(other, span) or _says_all_of(span, other):
                self.repeated[span.span_id] += 1
                if not _says_all_of(other, span):
                    held[place] = (span, source)
                return
        held.append((span, source))

    def _add_to_many(self, span: Span, source: Source, held: list[tuple[Span, Source]]) -> None:
        known = self._known.get(span.span_id)
        if known is None:
            known = self._known[span.span_id] = {content(other) for other, _ in held}
        mark = content(span)
        if mark in known:
            self.repeated[span.span_id] += 1
        else:
            known.add(mark)
            held.append((span, source))

    @property
    def kept(self) -> list[tuple[Span, Source]]:
        return [pair for held in self._by_id.values() for pair in held]


MOST_VERSIONS = 16
"""Copies of one span that are compared with each other in what they say; of more only equal ones are one."""


def content(piece: Span | Log) -> bytes:
    """What makes two pieces the same, in a few bytes."""
    return hashlib.sha256(msgspec.msgpack.encode(piece)).digest()


def _says_all_of(span: Span, other: Span) -> bool:
    if span == other:
        return True
    same = all(span.attributes.get(name, ...) == value for name, value in other.attributes.items())
    return same and span.end_ns >= other.end_ns and all(event in span.events for event in other.events)


def _calls(
    spans: list[tuple[Span, Source]], logs: dict[str, list[tuple[Log, Source]]], told: Counter[str]
) -> tuple[list[Found], list[tuple[Span, str]]]:
    """The calls of a trace, and the spans that are none, with the kind of their work where it is known."""
    orphans = dict(logs)
    calls: list[Found] = []
    others: list[tuple[Span, str]] = []
    for span, source in spans:
        events = [genai.as_event(log) for log, _ in _in_order(orphans.pop(span.span_id, ()))]
        whole = replace(span, events=[*events, *span.events]) if events else span
        draft, convention = draft_of(whole) if speaking(span) else (None, "")
        if draft:
            calls.append((draft, whole, convention, source))
        else:
            others.append((span, convention))
    for span_id, records in orphans.items():
        if span_id and any(genai.is_content(log.name) for log, _ in records):
            told[MESSAGE_EVENT] -= 1  # which stands for the span
            calls.append(_orphan(span_id, records))
    return calls, others


def _in_order(records: Iterable[tuple[Log, Source]]) -> list[tuple[Log, Source]]:
    """Content events by time, each once; those of one moment as they were read."""
    said = [(log, source) for log, source in records if genai.is_content(log.name)]
    if len(said) < 2:
        return said
    once: dict[bytes, tuple[Log, Source]] = {}
    for log, source in said:
        once.setdefault(content(log), (log, source))
    return sorted(once.values(), key=lambda pair: pair[0].at_ns)


def _orphan(span_id: str, records: list[tuple[Log, Source]]) -> Found:
    """The content of a call whose span is in none of the files: kept, and never learnt from."""
    ordered = _in_order(records)
    first, source = ordered[0]
    events = [genai.as_event(log) for log, _ in ordered]
    span = Span(first.trace_id, span_id, start_ns=first.at_ns, end_ns=ordered[-1][0].at_ns, events=events)
    draft = Draft(flags={"span_missing"})
    genai.fill(span, draft)
    return draft, span, "genai", source


def draft_of(span: Span) -> tuple[Draft | None, str]:
    """What all conventions that the span speaks say of the call, and the first of them; None when it is no call, with
    the kind of its work where only the model tells that.

    The first decides, or a later one where those before it found nothing that was said.
    """
    spoken = speaking(span)
    draft = Draft()
    for order, dialect in enumerate(spoken):
        if not dialect.fill(span, draft) and (order == 0 or not (draft.input or draft.output or draft.response_id)):
            return None, ""
    draft.error = draft.error or _error(span)
    silent = _kinds.writes_no_text(draft.model_served or draft.model_requested)
    if silent:
        return None, silent
    return (draft, spoken[0].__name__.rsplit(".", 1)[-1]) if spoken else (None, "")


def _finished(draft: Draft, span: Span, convention: str, source: Source) -> Call:
    draft.trace_id, draft.span_id = draft.trace_id or span.trace_id, draft.span_id or span.span_id
    draft.parent_span_id = draft.parent_span_id or span.parent_id
    draft.start_ns, draft.end_ns = draft.start_ns or span.start_ns, draft.end_ns or span.end_ns
    if span.dropped:
        draft.flags |= {"attributes_dropped"}
    draft.fill(metadata={name: span.attributes[name] for name in (SERVED, SHADOW) if name in span.attributes})
    place = Source(
        format=source.format,
        convention=convention,
        producer=f"{span.scope} {span.version}".strip(),
        file=source.file,
        line=source.line,
        span_ids=source.span_ids or (span.span_id,),
    )
    return draft.call(f"{span.trace_id}:{span.span_id}", place)


def _error(span: Span) -> CallError | None:
    raised: Attributes = next((event.attributes for event in span.events if event.name == "exception"), {})
    kind = text_of(span.attributes.get("error.type"))
    if not span.failed and not kind:
        return None
    return CallError(
        type=kind or text_of(raised.get("exception.type")) or "error",
        message=text_of(raised.get("exception.message")) or span.status,
    )


def _on_span(span: Span, logs: list[Log], source: Source, options: Mapping[str, Any]) -> Iterator[Feedback]:
    """Feedback in the events and attributes of a span."""
    yield from (_feedback(log, source, options) for log in logs)
    for event in span.events:
        if event.name == EVALUATION:
            yield _feedback(_as_log(span, event), source, options)


def _as_log(span: Span, event: Event) -> Log:
    return Log(span.trace_id, span.span_id, event.name, event.at_ns, event.attributes)


def _feedback(log: Log, source: Source, options: Mapping[str, Any]) -> Feedback:
    held = {**log.attributes, **mapping(log.body)}
    own = mapping(held.get(FEEDBACK))
    return feedback(
        replace(source, convention="genai", producer=f"{log.scope} {log.version}".strip()),
        trace_id=log.trace_id,
        span_id=log.span_id,
        response_id=text_of(held.get("gen_ai.response.id")),
        session_id=named(held, SESSION),
        user_id=named(held, USER),
        name=text_of(held.get("gen_ai.evaluation.name")),
        value=number(held.get("gen_ai.evaluation.score.value")),
        label=text_of(held.get("gen_ai.evaluation.score.label")),
        comment=text_of(held.get("gen_ai.evaluation.explanation")),
        correction=_correction(held, options),
        source_kind=text_of(held.get("source_kind")),
        at_ns=log.at_ns,
        **own,
    )


def _correction(held: Attributes, options: Mapping[str, Any]) -> Json:
    names = options.get("corrections") or [name for name in held if name.rpartition(".")[2] in CORRECTIONS]
    return next((held[name] for name in names if held.get(name) not in (None, "")), None)


def _once(records: Iterable[Feedback]) -> Iterator[Feedback | Count]:
    seen = set[str]()
    for record in records:
        if record.id in seen:
            yield "repeated_feedback", 1
        else:
            seen.add(record.id)
            yield record
