"""Redact records: replace secrets and personal data by pseudonyms.

One RE2 pass over a record's JSON text tells whether it may hold anything; it is linear in the text, whatever a trace holds.
Only then is the record walked, string by string, keys, numbers and nested arguments too, and each detector's candidates are
confirmed by a checksum, a parser, entropy or what stands before them (`harness/redact/redactors/`, one kind a file). A string is also
read as it would be shown (`harness/redact/redactors/_views.py`), so that escapes, base64 and invisible characters hide nothing.

What was found becomes a pseudonym such as `<EMAIL_3fa9c1d2>`, a keyed hash (HMAC, RFC 2104) under the store's salt: the same
value is the same pseudonym, so a conversation stays readable and a correction still fits its call. Redacting twice changes
nothing.
"""

import hashlib
import hmac
import math
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from types import ModuleType, SimpleNamespace, TracebackType
from typing import Any, TypeVar, cast

import msgspec
import re2
from msgspec.structs import replace

from harness.core.plugins import load, names
from harness.errors import TrueupError, UsageError
from harness.redact.redactors import _views
from harness.redact.redactors._walk import IDS, OTLP_IDS, Find, Walk
from harness.types import Call, Json, Noun

T = TypeVar("T", bound=Noun)
Key = TypeVar("Key", str, tuple[str, str])
Known = TypeVar("Known")

REDACTED = "redacted"
"""Flag of a call in which something was replaced."""

PSEUDONYM = r"<[A-Z][A-Z0-9_]{1,15}_[0-9a-f]{8}>"

PARTS = b'"},{"type":"text"'
"""Between two text parts of one message: a secret may lie across."""

SHORTEST = 6
"""Characters of the shortest text that may hold anything."""

MOST_KEYS, LONGEST_KEY = 10_000, 200
"""Names of keys of which it is remembered what they say, and the characters of the longest of them."""

SHORT_VALUE = 40
"""Characters of the longest value of which it is remembered that it holds nothing."""

DEEPEST = 2
"""Levels of base64 in base64."""

ENCODED = "encoded"
"""Stands for what may be base64 or hexadecimal, beside the kinds."""


class RedactionError(TrueupError):
    """Redaction could not run; nothing of the record may be stored."""


class RedactionTooSlow(RedactionError):
    """A text takes more processor time than there is for it; the same text will again."""


class Redactor:
    """Redacts records; `counts` tells how many values of each kind were replaced."""

    def __init__(
        self,
        kinds: Iterable[str] = (),
        salt: str = "",
        keep: Iterable[str] = (),
        patterns: Mapping[str, str] = {},
        budget_s: float = math.inf,
    ) -> None:
        """`kinds`: names of detectors, by default all that are not optional. `salt` keys the pseudonyms. `keep`: RE2
        patterns of whole values that are never replaced; `patterns`: name to RE2 pattern of further kinds. `budget_s`:
        seconds of processor time that one call of `json` may take.

        Raises UsageError for an unknown kind or a pattern that RE2 refuses.
        """
        self._detectors = {**_own(patterns), **_chosen(tuple(kinds))}
        self._keep = re2.compile(_any(keep, "keep").encode())
        self._compiled = {
            name: re2.compile(d.PATTERN.encode()) for name, d in self._detectors.items() if hasattr(d, "PATTERN")
        }
        self._unsearched = {
            name: re2.compile(d.NOT_UNDER.encode()) for name, d in self._detectors.items() if hasattr(d, "NOT_UNDER")
        }
        self._named = {name: d for name, d in self._detectors.items() if hasattr(d, "named")}
        self._naming: dict[str, tuple[str, ...]] = {}
        self._plain: dict[str, bool] = {}
        self._plain_values: dict[tuple[str, str], bool] = {}
        self._finders = [name for name, d in self._detectors.items() if hasattr(d, "find")]
        # Without \b a pattern finds more: what comes before a candidate may be an escape that ends in a letter.
        hints = [
            getattr(d, "HINT", "") or d.PATTERN.replace(r"\b", "")
            for d in self._detectors.values()
            if hasattr(d, "PATTERN")
        ]
        self._gate = _gate([PSEUDONYM, _views.TRIGGER, *hints])
        self._which = _Which([PSEUDONYM, _views.ENCODED, *hints], ["", ENCODED, *self._compiled])
        self._pseudonym = re2.compile(PSEUDONYM.encode())
        self._salt = salt.encode()
        self.budget_s, self._until = budget_s, math.inf
        self.counts: Counter[str] = Counter()

    def __call__(self, record: T) -> T:
        """The record without what was found. Raises RedactionError when that cannot be told."""
        with _failing_closed():
            doubtful = self._doubtful(record)
            if not doubtful:
                return record
            walk = Walk(self, IDS)
            changed = walk.value(doubtful)
            if not walk.found:
                return record
            clean = msgspec.convert({**msgspec.to_builtins(record), **changed}, type(record))
            if isinstance(clean, Call) and REDACTED not in clean.flags:
                return cast(T, replace(clean, flags=tuple(sorted({*clean.flags, REDACTED}))))
            return clean

    def json(self, value: Json) -> Json:
        """An OTLP request as JSON value without what was found.

        Raises RedactionError when that cannot be told, RedactionTooSlow when it takes more than `budget_s`.
        """
        with _failing_closed():
            self._until = time.thread_time() + self.budget_s
            try:
                walk = Walk(self, OTLP_IDS)
                changed = walk.value(value)
            finally:
                self._until = math.inf
            return changed if walk.found else value

    def text(self, text: str, name: str = "") -> str:
        """A text with pseudonyms in place of what was found; `name` is the key it stands under."""
        data = text.encode("utf-8", "surrogatepass")
        found = self.finds(data, name)
        if not found:
            return text
        return self.replaced(data, found).decode("utf-8", "replace")

    def _doubtful(self, record: Noun) -> dict[str, Json]:
        """The fields of a record that may hold something, as plain values."""
        found: dict[str, Json] = {}
        for name in record.__struct_fields__:
            value = getattr(record, name)
            if not value or name in IDS or (isinstance(value, str) and self.is_known_plain(value, name)):
                continue
            text = msgspec.json.encode(value)
            if self._finders or PARTS in text or self._may_hold(text):
                found[name] = msgspec.to_builtins(value)
            elif isinstance(value, str):
                self.remember_plain(value, name)
        return found

    def _may_hold(self, text: bytes) -> bool:
        """Whether anything that is looked for, or its code, is in JSON text, in any way to read it."""
        raw = _views.from_json(text)
        return bool(self._gate.search(raw)) and any(self._which.any(way[-1].text) for way in _views.views(raw))

    # ------------------------------------------------------------ what the walk asks

    def is_known_plain(self, text: str, key: str) -> bool:
        """Whether a short text was looked through before and nothing was found: models, roles, reasons come again."""
        return (key, text) in self._plain_values

    def remember_plain(self, text: str, key: str) -> None:
        if len(text) <= SHORT_VALUE and len(key) <= LONGEST_KEY:
            _remember(self._plain_values, (key, text), True)

    def is_plain(self, key: str) -> bool:
        """Whether the name of a key is nothing to be replaced; remembered, as the same keys come in every record."""
        plain = self._plain.get(key)
        if plain is None:
            plain = len(key) < SHORTEST or not self.finds(key.encode("utf-8", "surrogatepass"))
            _remember(self._plain, key, plain)
        return plain

    def finds(self, data: bytes, name: str = "", depth: int = 0) -> list[Find]:
        """What is to be replaced in a text, from left to right, without overlaps."""
        if len(data) < SHORTEST or not (self._finders or self._gate.search(data)):
            return []
        found = list[Find]()
        for deep, chain in enumerate(_views.views(data)):
            for find in self._in_view(chain[-1].text, name, depth):
                start, end = _views.origin(chain, find.start, find.end)
                found.append(find._replace(start=start, end=end, order=(-deep, find.order[1])))
        return _without_overlaps(found, len(data))

    def called(self, key: str, value: str) -> Find | None:
        """The whole value, when its key says what it is."""
        kinds = self._naming.get(key)
        if kinds is None:
            kinds = self._named_by(key)
        if not kinds:
            return None
        name, data = key.encode("utf-8", "surrogatepass"), value.encode("utf-8", "surrogatepass")
        if self._pseudonym.search(data):
            return None
        kind = next((kind for kind in kinds if self._named[kind].named(name, data)), "")
        return Find(0, len(data), kind, data, (0, 0)) if kind and not self._keep.fullmatch(data) else None

    def replaced(self, data: bytes, found: list[Find]) -> bytes:
        pieces, end = list[bytes](), 0
        for find in found:
            pieces += [data[end : find.start], self.pseudonym(find)]
            end = find.end
        return b"".join(pieces) + data[end:]

    def pseudonym(self, find: Find) -> bytes:
        if not find.kind:
            return find.value
        self.counts[find.kind] += 1
        plain = bytes(byte for byte in find.value.lower() if byte not in b" -.()/") or find.value
        mark = hmac.new(self._salt, plain, hashlib.sha256).hexdigest()[:8]
        return f"<{find.kind.upper()}_{mark}>".encode()

    # ------------------------------------------------------------ small print

    def _named_by(self, key: str) -> tuple[str, ...]:
        """The kinds that a value may be called by this key; remembered."""
        name = key.encode("utf-8", "surrogatepass")
        found = tuple(kind for kind, detector in self._named.items() if detector.KEY.search(name))
        _remember(self._naming, key, found)
        return found

    def _in_view(self, text: bytes, name: str, depth: int) -> Iterator[Find]:
        which = self._which.of(text)
        if "" in which:
            for match in self._pseudonym.finditer(text):
                yield Find(match.start(), match.end(), "", match.group(), (0, -1))
        for kind, pattern in self._compiled.items():
            if kind in which and not self._is_unsearched(kind, name):
                yield from self._candidates(kind, pattern, text)
        for kind in self._finders:
            yield from (self._find(kind, text, start, end) for start, end in self._detectors[kind].find(text))
        if depth < DEEPEST and ENCODED in which:
            for start, end, inner in _views.encoded(text):
                hidden = [find for find in self.finds(inner, depth=depth + 1) if find.kind]
                if hidden:
                    yield Find(start, end, hidden[0].kind, text[start:end], (0, hidden[0].order[1]))

    def _is_unsearched(self, kind: str, name: str) -> bool:
        pattern = self._unsearched.get(kind) if name else None
        return pattern is not None and bool(pattern.search(name.encode("utf-8", "replace")))

    def _candidates(self, kind: str, pattern: Any, text: bytes) -> Iterator[Find]:
        detector, at = self._detectors[kind], 0
        confirm, overlapping = getattr(detector, "confirm", None), getattr(detector, "OVERLAPPING", False)
        while match := pattern.search(text, at):
            if self._until < math.inf and time.thread_time() > self._until:
                raise RedactionTooSlow(f"redaction takes more than {self.budget_s:g} s", next="send it in parts")
            start, end = match.span()
            part = confirm(text, start, end) if confirm else (start, end)
            if part and not self._keep.fullmatch(text[part[0] : part[1]]):
                yield self._find(kind, text, *part)
            # Another candidate may start inside one that was refused; long ones are not tried twice (linear time).
            again = overlapping and not part and end - start <= 64
            at = start + 1 if again else part[1] if part else end

    def _find(self, kind: str, text: bytes, start: int, end: int) -> Find:
        return Find(start, end, kind, text[start:end], (0, self._detectors[kind].RANK))


def _remember(memory: dict[Key, Known], key: Key, value: Known) -> None:
    if len(key) <= LONGEST_KEY:
        if len(memory) >= MOST_KEYS:
            memory.clear()
        memory[key] = value


class _Which:
    """Tells in one pass over a text which of several patterns may match in it."""

    def __init__(self, patterns: list[str], names: list[str]) -> None:
        self._names = names
        self._any = _gate(patterns)
        self._set = re2.Set.SearchSet(_roomy())
        for pattern in patterns:
            self._set.Add(pattern.encode())
        self._set.Compile()

    def of(self, text: bytes) -> Iterable[str]:
        found = self._set.Match(text)
        if found:
            return [self._names[number] for number in found]
        # An automaton without room for its states says the same as one that finds nothing.
        return self._names if self.any(text) else ()

    def any(self, text: bytes) -> bool:
        return bool(self._any.search(text))


class _failing_closed:
    """Whatever goes wrong inside, nothing unredacted gets out."""

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception) and not isinstance(error, (UsageError, RedactionTooSlow)):
            raise RedactionError(
                f"redaction failed: {type(error).__name__}", next="report it; nothing was stored"
            ) from error


def of(options: Mapping[str, Any]) -> Redactor | None:
    """The redactor of ingest's options `redact` (kinds, or false), `salt`, `keep`, `patterns`; None when switched off."""
    kinds = options.get("redact", True)
    if kinds is False or kinds == []:
        return None
    return Redactor(
        () if kinds is True else tuple(kinds),
        str(options.get("salt", "")),
        options.get("keep", ()),
        options.get("patterns", {}),
    )


def kinds() -> tuple[str, ...]:
    """Names of the detectors that run unless told otherwise."""
    return tuple(name for name in names("redactors") if not getattr(load("redactors", name), "OPTIONAL", False))


def _chosen(wanted: tuple[str, ...]) -> dict[str, ModuleType]:
    unknown = sorted(set(wanted) - set(names("redactors")))
    if unknown:
        raise UsageError(f"cannot redact {unknown[0]!r}", next=f"known kinds: {', '.join(names('redactors'))}")
    found = {name: load("redactors", name) for name in wanted or kinds()}
    return dict(sorted(found.items(), key=lambda pair: pair[1].RANK))


def _own(patterns: Mapping[str, str]) -> dict[str, Any]:
    for name, pattern in patterns.items():
        if not (name.isidentifier() and len(name) <= 16):
            raise UsageError(
                f"{name[:40]!r} cannot name a kind", where="[privacy.patterns]", next="use up to 16 letters"
            )
        if re2.search(_any([pattern], f"patterns.{name}").encode(), b""):
            raise UsageError("the pattern matches the empty text", where=f"[privacy.patterns] {name}", next="fix it")
    return {name: SimpleNamespace(RANK=0, PATTERN=pattern) for name, pattern in patterns.items()}


def _any(patterns: Iterable[str], where: str) -> str:
    """One pattern that matches what any of them does; nothing when there are none."""
    for pattern in patterns:
        try:
            re2.compile(pattern.encode())
        except re2.error as error:
            raise UsageError(f"not a pattern: {error}", where=f"[privacy] {where}", next="RE2 syntax") from error
    return "|".join(f"(?:{pattern})" for pattern in patterns) or r"[^\s\S]"


def _gate(patterns: list[str]) -> Any:
    """One automaton that tells whether any pattern matches; with room for all its states."""
    return re2.compile("|".join(f"(?:{pattern})" for pattern in patterns).encode(), _roomy())


def _roomy() -> Any:
    options = re2.Options()
    options.max_mem = 64 << 20
    return options


def _without_overlaps(found: list[Find], size: int) -> list[Find]:
    """The finds that win where several overlap. Linear: every byte of a text of `size` bytes is taken once."""
    taken, kept = bytearray(size), list[Find]()
    for find in sorted(found, key=lambda find: (find.order, find.start - find.end, find.start)):
        if taken.find(1, find.start, find.end) < 0:
            taken[find.start : find.end] = b"\1" * (find.end - find.start)
            kept.append(find)
    return sorted(kept)
