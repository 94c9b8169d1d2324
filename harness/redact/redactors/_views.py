"""Normalise a text, with the way back: escapes, entities, invisible and look-alike characters undone.

A key that is broken up by a zero-width space, or an address whose `@` is `\\u0040` or `%40`, is found in the view, and what is
replaced is the part of the text that it came from. So the text around keeps its form, to the byte: arguments of a tool call
stay as the model wrote them.
"""

import base64
import binascii
import html
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from functools import cached_property, lru_cache

import re2

INVISIBLE = "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u206a-\u206f\ufe00-\ufe0f\ufeff"
LOOKALIKE = "\u00a0\u2000-\u200a\u2010-\u2015\u202f\u205f\u2212\u3000\uff01-\uff5e\ufe6b\U0001d7ce-\U0001d7ff"

ENCODED = r"[A-Za-z0-9+/_-]{24,}={0,2}"
"""What may be base64 or hexadecimal of something: of 16 bytes and more, or a model's name would be one."""

TRIGGER = rf"[{INVISIBLE}{LOOKALIKE}]|\\[nrtu]|%[0-9A-Fa-f]{{2}}|&#?[A-Za-z0-9]{{2,8}};|{ENCODED}"
"""A text without any of these reads as it is written. RE2 syntax."""

LEVELS = 4
"""How often a text is undone: JSON text in JSON text in JSON text."""

_ESCAPE = re.compile(
    rf"[\\%&{INVISIBLE}{LOOKALIKE}](?:"
    r"(?<=\\)(?:u[0-9a-fA-F]{4}|[\"\\/bfnrt])|(?<=%)[0-9A-Fa-f]{2}|(?<=&)#?[A-Za-z0-9]{2,8};"
    rf"|(?<=[{INVISIBLE}])[{INVISIBLE}]*|(?<=[{LOOKALIKE}]))"
)
"""It begins with one set of characters, which `re` looks for many times as fast as for five alternatives."""
_RARE = re2.compile(rf"[{INVISIBLE}{LOOKALIKE}]|\\u[0-9a-fA-F]{{4}}|%[0-9A-Fa-f]{{2}}|&#?[A-Za-z0-9]{{2,8}};".encode())
"""All of them but the short escapes of JSON."""
_BYTES = re.compile(ENCODED.encode())
_SHORT = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b" ", b"f": b" ", b'"': b'"', b"/": b"/", b"\\": b"\\"}
"""What the short escapes of JSON mean, as far as it matters to what is looked for."""
_SHORT_ESCAPE = re.compile(rb'\\(["\\/bfnrt])')


class View:
    """A way to read a text. The way back is worked out only where something was found in it."""

    def __init__(self, text: bytes, before: bytes | None = None) -> None:
        """`before`: the text that this one was made from; None for the text itself."""
        self.text, self._before = text, before

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """The part of the original that a part of the view came from."""
        if self._before is None:
            return start, end
        starts, origins = self._way_back
        first, last = bisect_right(starts, start) - 1, bisect_right(starts, end - 1) - 1
        begin = origins[first] + (0 if first % 2 else start - starts[first])
        return begin, origins[last + 1] if last % 2 else origins[last] + end - starts[last]

    @cached_property
    def _way_back(self) -> tuple[list[int], list[int]]:
        """Where pieces of the view start, ascending (plain, undone, plain, undone, …), and where each stands in the text
        before. What was undone is taken back whole."""
        text = (self._before or b"").decode("utf-8", "surrogateescape")
        starts, origins, made, read, end = [0], [0], 0, 0, 0
        for match in _ESCAPE.finditer(text):
            plain = len(text[end : match.start()].encode("utf-8", "surrogateescape"))
            token = match.group()
            made, read = made + plain, read + plain
            starts.append(made)
            origins.append(read)
            made, read = made + len(_meaning(token).encode()), read + len(token.encode("utf-8", "surrogateescape"))
            starts.append(made)
            origins.append(read)
            end = match.end()
        return starts, origins


def views(text: bytes) -> Iterator[list[View]]:
    """Each way to read the text, the plainest first, as the steps that lead to it; the last step's text is what is read."""
    chain = [View(text)]
    yield chain
    for _ in range(LEVELS):
        before = chain[-1].text
        undone = _undone(before)
        if undone == before:
            return
        chain.append(View(undone, before))
        yield chain


def origin(chain: list[View], start: int, end: int) -> tuple[int, int]:
    """The part of the very first text that a part of the last one came from."""
    for view in reversed(chain):
        start, end = view.origin(start, end)
    return start, end


def from_json(text: bytes) -> bytes:
    """JSON text with each string as it is, and what is around them. Control characters stay escaped."""
    return _without_short(text)


def _without_short(data: bytes) -> bytes:
    return _SHORT_ESCAPE.sub(lambda match: _SHORT[match[1]], data)


def _undone(data: bytes) -> bytes:
    if not _RARE.search(data):
        return _without_short(data)
    text = data.decode("utf-8", "surrogateescape")
    return _ESCAPE.sub(lambda match: _meaning(match.group()), text).encode("utf-8", "surrogateescape")


@lru_cache(maxsize=1024)
def _meaning(token: str) -> str:
    if token[0] == "\\":
        return _character(int(token[2:], 16)) if token[1] == "u" else _SHORT[token[1].encode()].decode()
    if token[0] == "%":
        code = int(token[1:], 16)
        return chr(code) if code < 128 else token
    if token[0] == "&":
        return html.unescape(token)
    found = unicodedata.normalize("NFKC", token)
    return found if found.isascii() else "-" if unicodedata.category(token[0]) in ("Pd", "Sm") else ""


def _character(code: int) -> str:
    """Half of a pair that UTF-16 needs is no character, and nothing that is looked for."""
    return "\ufffd" if 0xD800 <= code <= 0xDFFF else chr(code)


def encoded(text: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Parts that are base64 or hexadecimal of a readable text, with that text."""
    for match in _BYTES.finditer(text):
        for decode in (_unhex, _unbase64):
            inner = decode(match.group())
            if inner and _readable(inner):
                yield match.start(), match.end(), inner
                break


def _unhex(token: bytes) -> bytes:
    try:
        return bytes.fromhex(token.decode())
    except ValueError:
        return b""


def _unbase64(token: bytes) -> bytes:
    body = token.rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
    try:
        return base64.b64decode(body + b"=" * (-len(body) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _readable(inner: bytes) -> bool:
    """Whether bytes are text: valid UTF-8 without control characters."""
    try:
        text = inner.decode()
    except UnicodeDecodeError:
        return False
    return all(char.isprintable() or char in "\r\n\t" for char in text)
