"""Walk through one record: every string, key and large number, whatever it is nested in."""

from typing import Any, NamedTuple

import msgspec

from harness.types import Json

IDS = frozenset(
    [
        "id",
        "call_id",
        "trace_id",
        "span_id",
        "parent_span_id",
        "response_id",
        "source",
        "type",
        "start_ns",
        "end_ns",
        "at_ns",
        "file",
        "line",
    ]
)
"""Fields of a noun that join and order records, and say where they were read: random ids, times, the user's file names."""

OTLP_IDS = frozenset(
    [
        "traceId",
        "spanId",
        "parentSpanId",
        "timeUnixNano",
        "startTimeUnixNano",
        "endTimeUnixNano",
        "observedTimeUnixNano",
    ]
)
"""The same of an OTLP request."""

DEPTH = 100
"""Levels of lists and objects that are walked one by one."""


class Find(NamedTuple):
    start: int
    end: int
    kind: str
    """Empty for a pseudonym that stands there already."""
    value: bytes
    order: tuple[int, int]
    """Where two finds overlap the lower one stays: first what reads deepest, then the detector's rank."""


class Walk:
    """Every string of one record; `found` tells whether anything was, or had been, replaced."""

    def __init__(self, redactor: Any, ids: frozenset[str]) -> None:
        self._redactor, self._ids, self.found, self._depth = redactor, ids, False, 0

    def value(self, value: Json, key: str = "") -> Json:
        if isinstance(value, str):
            return self._text(value, key)
        if isinstance(value, (dict, list, tuple)):
            if self._depth == DEPTH:  # what no conversation nests is kept as JSON text, and searched as one
                return self._text(msgspec.json.encode(value).decode(), key)
            self._depth += 1
            clean = self._object(value) if isinstance(value, dict) else self._list(value, key)
            self._depth -= 1
            return clean
        if isinstance(value, int) and abs(value) >= 10**11:  # a card number need not be a text
            return value if (text := self._text(str(value), key)) == str(value) else text
        return value

    def _object(self, value: dict[str, Json]) -> Json:
        if value.keys() == {"key", "value"} and isinstance(value["key"], str):  # an attribute of OTLP
            return {"key": self._text(value["key"]), "value": self._any_value(value["value"], value["key"])}
        return {
            self._text(key): inner if key in self._ids and self._ids is OTLP_IDS else self.value(inner, key)
            for key, inner in value.items()
        }

    def _any_value(self, value: Json, key: str) -> Json:
        """An AnyValue; where its number was replaced it has become a text."""
        if not isinstance(value, dict) or len(value) != 1:
            return self.value(value, key)
        ((arm, inner),) = value.items()
        clean = self.value(inner, key)
        return {arm if clean == inner or isinstance(inner, (dict, list)) else "stringValue": clean}

    def _list(self, value: list[Json] | tuple[Json, ...], key: str) -> Json:
        items = [self.value(item, key) for item in value]
        texts = [at for at, item in enumerate(items) if isinstance(item, dict) and isinstance(item.get("text"), str)]
        return self._across(items, texts) if len(texts) > 1 else items

    def _across(self, items: list[Json], texts: list[int]) -> list[Json]:
        """Text parts in which a find lies across several: it is replaced in the first, and cut out of the others."""
        held = [items[at]["text"].encode("utf-8", "surrogatepass") for at in texts]
        cuts = [0, *(sum(map(len, held[: n + 1])) for n in range(len(held)))]
        for find in reversed(self._redactor.finds(b"".join(held))):
            if not find.kind:
                continue
            self.found = True
            for number in range(len(held) - 1, -1, -1):
                start, end = max(find.start, cuts[number]), min(find.end, cuts[number + 1])
                if start < end:
                    instead = self._redactor.pseudonym(find) if start == find.start else b""
                    part = held[number]
                    held[number] = part[: start - cuts[number]] + instead + part[end - cuts[number] :]
        for at, data in zip(texts, held, strict=True):
            items[at] = {**items[at], "text": data.decode("utf-8", "replace")}
        return items

    def _text(self, text: str, key: str = "") -> str:
        if len(text) < 6:
            return text
        whole = self._redactor.called(key, text) if key else None
        data = text.encode("utf-8", "surrogatepass")
        found = [whole] if whole else self._redactor.finds(data, key)
        if not found:
            return text
        self.found = True
        return self._redactor.replaced(data, found).decode("utf-8", "replace")
