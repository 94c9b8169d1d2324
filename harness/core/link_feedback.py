"""Link each feedback record to the call that it is about."""

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from harness.types import Call, Feedback


def link(calls: Iterable[Call], feedback: Iterable[Feedback]) -> Iterator[Feedback]:
    """Each feedback record with its `call_id`, or empty where no call is known that it can be about.

    By exact id first, then by response id, then as the last call right below the span that it was given on, of its
    trace, or of its session, that ended before. Feedback may have been read before its call, so link when reading.
    """
    records = list(feedback)
    index = _CallIndex(calls, {key for record in records for key in _keys(record)})
    for record in records:
        found = index.find(record)
        yield record if found == record.call_id else replace(record, call_id=found)


class _CallIndex:
    """Those facts of all calls that some feedback asks for, so that memory grows with the feedback, not the traffic."""

    def __init__(self, calls: Iterable[Call], wanted: set[str]) -> None:
        self._ids: dict[str, str] = {}
        self._responses: dict[str, str] = {}
        self._below: dict[str, list[tuple[int, str]]] = {}
        for call in calls:
            if call.id in wanted:
                self._ids[call.id] = call.id
            for key in _spans(call):
                if key in wanted:
                    self._ids.setdefault(key, call.id)
            if call.response_id in wanted:
                self._responses.setdefault(call.response_id, call.id)
            for above in _above(call):
                if above in wanted:
                    self._below.setdefault(above, []).append((call.end_ns, call.id))
        for held in self._below.values():
            held.sort()

    def find(self, record: Feedback) -> str:
        exact = self._ids.get(record.call_id) or self._ids.get(f"{record.trace_id}:{record.span_id}")
        if exact:
            return exact
        if record.response_id and record.response_id in self._responses:
            return self._responses[record.response_id]
        for above in _reach(record):
            if above in self._below:
                return _last(self._below[above], record.at_ns)
        return ""


def _keys(record: Feedback) -> Iterator[str]:
    """All that `find` may look up for a record."""
    yield from (record.call_id, f"{record.trace_id}:{record.span_id}", record.response_id, *_reach(record))


def _spans(call: Call) -> Iterator[str]:
    for span_id in (call.span_id, *call.source.span_ids):
        if ":" in span_id:  # of another trace, where the call was recorded too
            yield span_id
            yield f":{span_id.partition(':')[2]}"
        elif span_id:
            yield f"{call.trace_id}:{span_id}"
            yield f":{span_id}"  # feedback that names the span only


def _above(call: Call) -> Iterator[str]:
    for span_id in call.source.span_ids:
        if ":" in span_id:
            yield f"trace:{span_id.partition(':')[0]}"
    if call.trace_id:
        yield f"trace:{call.trace_id}"
        if call.parent_span_id:
            yield f"span:{call.trace_id}:{call.parent_span_id}"
            yield f"span::{call.parent_span_id}"
    if call.session_id:
        yield f"session:{call.session_id}"


def _reach(record: Feedback) -> Iterator[str]:
    if record.span_id:
        yield f"span:{record.trace_id}:{record.span_id}"
    if record.trace_id:
        yield f"trace:{record.trace_id}"
    elif record.session_id:
        yield f"session:{record.session_id}"


def _last(calls: list[tuple[int, str]], at_ns: int) -> str:
    """The last call that ended before the feedback; the last of all when its time is unknown or before any."""
    before = [id for end_ns, id in calls if end_ns <= at_ns] if at_ns else []
    return before[-1] if before else calls[-1][1]
