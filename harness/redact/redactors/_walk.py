"""Walk through one record: every string, key and large number, whatever it is nested in."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

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
        "above",
        "answers",
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

LEAST_NUMBER = 10**6
"""Smaller numbers are counts, whatever they stand under."""

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


class Redacting(Protocol):
    """What a walk asks of a `harness.redact.redaction.Redactor`."""

    def called(self, key: str, value: str, /) -> Find | None: ...
    def finds(self, data: bytes, name: str = ..., /) -> list[Find]: ...
    def replaced(self, data: bytes, finds: list[Find], /) -> bytes: ...
    def pseudonym(self, find: Find, /) -> bytes: ...
    def is_plain(self, key: str, /) -> bool: ...
    def is_known_plain(self, text: str, key: str, /) -> bool: ...
    def remember_plain(self, text: str, key: str, /) -> None: ...


class Walk:
    """Every string of one record; `found` tells whether anything was, or had been, replaced."""

    def __init__(self, redactor: Redacting, ids: frozenset[str]) -> None:
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
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= LEAST_NUMBER:
            return self._number(value, key)
        return value

    def _number(self, value: int, key: str) -> Json:
        """A card or phone number need not be a text: it is read behind its key, as in a sentence."""
        text = str(value)
        start = len(key.encode("utf-8", "surrogatepass")) + 2
        whole = self._redactor.called(key, text) if key else None
        finds = [whole] if whole else self._redactor.finds(f"{key}: {text}".encode("utf-8", "surrogatepass"), key)
        find = next((find for find in finds if find.kind and find.end > start or find is whole), None)
        if not find:
            return value
        self.found = True
        pseudonym = self._redactor.pseudonym(find._replace(value=text.encode()))
        return pseudonym.decode()

    def _object(self, value: dict[str, Json]) -> Json:
        if value.keys() == {"key", "value"} and isinstance(value["key"], str):  # an attribute of OTLP
            return {"key": self._key(value["key"]), "value": self._any_value(value["value"], value["key"])}
        return {
            self._key(key): inner if key in self._ids and self._ids is OTLP_IDS else self.value(inner, key)
            for key, inner in value.items()
        }

    def _key(self, key: str) -> str:
        return key if self._redactor.is_plain(key) else self._text(key)

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
        finds = [find for find in self._redactor.finds(b"".join(held)) if find.kind]
        if finds:
            self.found = True
            for at, data in zip(texts, self._cut(held, finds), strict=True):
                items[at] = {**items[at], "text": data.decode("utf-8", "replace")}
        return items

    def _cut(self, held: list[bytes], finds: list[Find]) -> Iterator[bytes]:
        """Each part without what was found in it. Parts and finds are both gone through once."""
        whole, end, next_find = b"".join(held), 0, 0
        for part in held:
            at, end, pieces = end, end + len(part), list[bytes]()
            while next_find < len(finds) and finds[next_find].start < end:
                find = finds[next_find]
                if find.start >= at:
                    pieces += [whole[at : find.start], self._redactor.pseudonym(find)]
                at = max(at, min(find.end, end))
                if find.end > end:
                    break
                next_find += 1
            yield b"".join([*pieces, whole[at:end]])

    def _text(self, text: str, key: str = "") -> str:
        if len(text) < 6 or self._redactor.is_known_plain(text, key):
            return text
        whole = self._redactor.called(key, text) if key else None
        data = text.encode("utf-8", "surrogatepass")
        found = [whole] if whole else self._redactor.finds(data, key)
        if not found:
            self._redactor.remember_plain(text, key)
            return text
        self.found = True
        return self._redactor.replaced(data, found).decode("utf-8", "replace")
