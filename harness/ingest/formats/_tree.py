"""Know the spans of one trace as a tree: which is above which, in time that grows with the number of spans alone.

A trace may be a chain of thousands of spans, so nothing here walks from each span to the root: a span's place in a
depth-first walk tells what is above it (Tarjan 1972), and what is inherited is handed down once.
"""

from collections.abc import Iterable, Iterator

from harness.ingest.formats._otlp import Span
from harness.types import Source

NEAREST = 64
"""Spans above one that are looked at one by one."""


class Tree:
    """The spans of one trace by id. Where parents go round in a circle, one of them counts as a root."""

    def __init__(self, spans: Iterable[tuple[Span, Source]] = ()) -> None:
        self.found = {span.span_id: (span, source) for span, source in spans}
        self.order: list[str] = []
        """Ids of all spans, each behind the one above it."""
        self._enter: dict[str, int] = {}
        self._leave: dict[str, int] = {}
        self._walk()

    def parent(self, span: Span) -> Span | None:
        """The span right above, where it was recorded."""
        held = self.found.get(span.parent_id)
        if held is None or self._enter[span.parent_id] >= self._enter.get(span.span_id, len(self.order)):
            return None
        return held[0]

    def above(self, span: Span) -> Iterator[Span]:
        """The `NEAREST` spans above one, from the nearest on."""
        for _ in range(NEAREST):
            found = self.parent(span)
            if found is None:
                return
            yield found
            span = found

    def is_above(self, one: Span, two: Span) -> bool:
        start, end = self._enter.get(one.span_id), self._leave.get(one.span_id, 0)
        here = self._enter.get(two.span_id)
        return start is not None and here is not None and start < here < end

    def _walk(self) -> None:
        below: dict[str, list[str]] = {}
        for id, (span, _) in self.found.items():
            if span.parent_id in self.found and span.parent_id != id:
                below.setdefault(span.parent_id, []).append(id)
        roots = [id for id, (span, _) in self.found.items() if span.parent_id not in self.found]
        for root in (*roots, *self.found):
            waiting = [root] if root not in self._enter else []
            while waiting:
                id = waiting.pop()
                if id not in self._enter:
                    self._enter[id] = len(self.order)
                    self.order.append(id)
                    inner = [child for child in below.get(id, ()) if child not in self._enter]
                    waiting += [id, *inner] if inner else []
                    if inner:
                        continue
                self._leave[id] = len(self.order)
