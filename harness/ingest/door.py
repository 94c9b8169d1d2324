"""Let records into the store: fit to be stored, redacted, and where they were rejected as a short excerpt.

Redaction comes before any cut: half of a card number is found by no detector.
"""

import re
from collections import Counter
from itertools import chain
from typing import Any

import msgspec
from msgspec.structs import replace

from harness.core import codec
from harness.ingest.barrier import WINDOW, Bad, tried
from harness.redact.redaction import Redactor
from harness.types import Call, Feedback, Quarantined

EXCERPT, REASON = 200, 300
"""Characters of a rejected record and of its reason that are kept."""

MARGIN = 2048
"""Bytes at the end of a window that are not shown: a value that goes on behind it is found by no detector."""

DEPTH = 200
"""Levels of a record that is stored: what comes after ingest walks records too."""

_PROBE = Quarantined(id="", file="", reason="a card 4111 1111 1111 1111 and an address a.person@example.org")
_NOT_NUMBERS = re.compile(rb"\xcb[\x7f\xff][\xf0-\xff]")
"""How infinities and NaN begin in MessagePack."""

_NUMBERS = {
    Call: ("ttft_s", "params", "tools", "response_format", "metadata"),
    Feedback: ("value", "goodness", "scale"),
}
"""Fields that may hold numbers with a point, or JSON of any depth."""

_pack = msgspec.msgpack.Encoder().encode
_unpack = {kind: msgspec.msgpack.Decoder(kind).decode for kind in (Call, Feedback)}


class StoreDoor:
    """Lets in calls, feedback and rejected records; `redact` is None where [privacy] switches redaction off."""

    def __init__(self, redact: Redactor | None) -> None:
        self._redact = redact

    @property
    def counts(self) -> Counter[str]:
        """How many values of each kind were replaced, as counts of a batch."""
        held = self._redact.counts if self._redact else {}
        return Counter({f"redacted:{kind}": count for kind, count in held.items()})

    def call(self, made: Call | Feedback) -> Call | Feedback | Quarantined:
        """A record that a format made, or a rejected one in its place when it cannot be stored or redacted."""

        def fit() -> Call | Feedback | Quarantined:
            check(made)
            return self._redact(made) if self._redact else made

        return tried(fit, lambda reason: self._refused(made, reason), "cannot be stored")

    def bad(self, path: str, bad: Bad) -> Quarantined:
        """What could not be read, with its reason and the start of it. `path` is the file's, as shown to people."""
        record = Quarantined(
            id=codec.digest([bad.raw.decode("utf-8", "replace"), bad.reason]),
            file=path,
            line=bad.line,
            reason=bad.reason,
            excerpt=bad.raw[:WINDOW].decode("utf-8", "replace"),
        )
        clean = tried(lambda: self._redact(record) if self._redact else record, lambda _: self._blank(record))
        shown = len(clean.excerpt) if len(bad.raw) <= WINDOW else max(0, len(clean.excerpt) - MARGIN)
        return replace(clean, reason=_cut(clean.reason, REASON), excerpt=_cut(clean.excerpt[:shown], EXCERPT))

    def _refused(self, made: Call | Feedback, reason: str) -> Quarantined:
        self._works()
        named = Bad(reason, made.source.line, codec.digest(made.id).encode())
        return replace(self.bad(made.source.file, named), excerpt="")

    def _blank(self, record: Quarantined) -> Quarantined:
        """A rejected record of which nothing may be shown."""
        self._works()
        return replace(record, reason=record.reason.partition(":")[0], excerpt="")

    def _works(self) -> None:
        """Raises RedactionError when it is redaction that fails, not one record."""
        if self._redact:
            self._redact(_PROBE)


def check(record: Call | Feedback) -> None:
    """Raises an exception, of whatever kind, when a record could not be stored and read back as what it is."""
    data = _pack(record)
    _unpack[type(record)](data)
    numbers = [value for value in map(record.__getattribute__, _NUMBERS[type(record)]) if value]
    if numbers and _NOT_NUMBERS.search(_pack(numbers)):
        codec.encode(record)
    if any(deeper_than(value, DEPTH) for value in numbers):
        raise ValueError("nested too deeply")


def deeper_than(value: Any, depth: int) -> bool:
    """Whether lists and objects are nested in more levels."""
    level = [value] if isinstance(value, (dict, list, tuple)) else []
    while level and depth:
        depth -= 1
        inner = chain.from_iterable(held.values() if isinstance(held, dict) else held for held in level)
        level = [held for held in inner if isinstance(held, (dict, list, tuple))]
    return bool(level)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "\N{HORIZONTAL ELLIPSIS}"
