"""Escape text of a trace on its way out: to a terminal, Markdown, XML or a spreadsheet.

HTML needs none of this: Jinja escapes it. The other outputs have no escaping engine of their own, so theirs is here.
"""

import re

_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 without tab and newline, DEL, C1: colour codes, OSC 8 links, bells
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidirectional overrides: text that reads other than it is
    "\ud800-\udfff\ufffe\uffff]"  # lone surrogates and non-characters: not encodable, not legal XML
)
_FORMULA = re.compile("^[\\s\u200b-\u200d\u2060\ufeff\ufffd\x00]*[=+\\-@\uff1d\uff0b\uff0d\uff20\t\r|]")
_PUNCTUATION = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$&:=^\"'])")


def plain(text: str) -> str:
    """Text with every control character replaced by U+FFFD; tabs and newlines stay."""
    return _CONTROL.sub("\ufffd", text.replace("\r\n", "\n"))


def line(text: str, limit: int = 0) -> str:
    """`plain`, on one line, cut to `limit` characters if that is above 0."""
    joined = " ".join(plain(text).split())
    return joined if limit <= 0 or len(joined) <= limit else joined[: limit - 1] + "…"


def markdown(text: str, limit: int = 0) -> str:
    """Text for one line of Markdown that shows as it is: no link, image, mention, HTML or table cell comes out of it.

    Punctuation becomes character references, which no Markdown construct starts from; `@` is followed by a word joiner,
    because hosts look for mentions after the references are resolved.
    """
    escaped = _PUNCTUATION.sub(lambda match: f"&#{ord(match[1])};", line(text, limit))
    return escaped.replace("@", "@\u2060")


def cell(value: object) -> object:
    """A value for a CSV cell that no spreadsheet takes for a formula: numbers as they are, risky text behind a `'`."""
    if not isinstance(value, str):
        return value
    text = plain(value)
    return f"'{text}" if _FORMULA.match(value) or _FORMULA.match(text) else text
