"""Know the spans of one trace as a tree: which is above which, in time that grows with the number of spans alone.

A trace may be a chain of thousands of spans, so nothing here walks from each span to the root: a span's place in a
depth-first walk tells what is above it (Tarjan 1972), and what is inherited is handed down once.
"""

from collections.abc import Iterable, Iterator, Mapping

from harness.ingest.formats._otlp import Span
from harness.types import Source

NEAREST = 64
"""Spans above one that are looked at one by one."""


class SpanTree:
    """The spans of one trace by id. Where parents go round in a circle, one of them counts as a root."""

    def __init__(self, spans: Iterable[tuple[Span, Source]] = ()) -> None:
        self.found = {span.span_id: (span, source) for span, source in spans}
        self.order: list[str] = []
        """Ids of all spans, each behind the one above it."""
        self._enter: dict[str, int] = {}
        self._leave: dict[str, int] = {}
        self._parents: dict[str, Span] = {}
        self._walk()

    def parent(self, span: Span) -> Span | None:
        """The span right above, where it was recorded."""
        return self._parents.get(span.span_id)

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
        roots: list[str] = []
        for id, (span, _) in self.found.items():
            if span.parent_id in self.found:
                below.setdefault(span.parent_id, []).append(id)
            else:
                roots.append(id)
        for root in roots:
            self._walk_from(root, below)
        if len(self.order) < len(self.found):
            for id in self.found:  # parents that go round in a circle
                self._walk_from(id, below)

    def _walk_from(self, root: str, below: Mapping[str, list[str]]) -> None:
        waiting = [root] if root not in self._enter else []
        while waiting:
            id = waiting.pop()
            if id in self._enter:
                self._leave[id] = len(self.order)
                continue
            self._enter[id] = len(self.order)
            self.order.append(id)
            waiting.append(id)
            for child in below.get(id, ()):
                if child not in self._enter:
                    self._parents[child] = self.found[id][0]
                    waiting.append(child)
