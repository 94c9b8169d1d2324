"""Compare numbers within a tolerance."""

import math
import unicodedata
from functools import partial
from typing import Any

import re2

from harness.evaluate.scorers._common import or_comparator, shown, text_of, verdict
from harness.types import Score

RUN = re2.compile(r"([-+]?)(?:\s?[$€£¥]\s?)?((?:\d+(?:[.,']\d+)*|\.\d+)(?:[eE][-+]?\d+)?)")
"""Sign, currency and digits, with whatever stands between them; which of the marks mean what is told by `FORMS`."""
FORMS = (
    (re2.compile(r"(?:\d+|\d{1,3}(?:,\d{3})+)?(?:\.\d+)?(?:[eE][-+]?\d+)?"), ",", "."),
    (re2.compile(r"\d{1,3}(?:'\d{3})+(?:[.,]\d+)?"), "'", ","),
    (re2.compile(r"\d{1,3}(?:\.\d{3})+,\d+|\d{1,3}(?:\.\d{3}){2,}|\d+,\d+"), ".", ","),
)
"""Ways to write a number: its form, the mark between thousands, the decimal mark. 1,234 is a thousand, 12,5 is twelve and
a half, and 1.234 is a little more than one."""
DASHES = str.maketrans({"\u2212": "-", "\u2013": "-", "\ufe63": "-", "\uff0d": "-", "\uff0b": "+", "\u2019": "'"})
"""Characters that are written for a minus, a plus or an apostrophe."""
SPACED = re2.compile(r"(\d)[\x{00a0}\x{2009}\x{202f}](\d{3})")
"""Thousands with a thin or fixed space between them."""


GROUPED = re2.compile(r"\d{1,3}(?: \d{3})+(?:[.,]\d+)?")
"""Thousands with plain spaces between them, which only a whole reply may have."""


@or_comparator
def number(
    reply: Any, expected: Any, *, abs: float = 0.0, rel: float = 0.0, anywhere: bool = False, name: str = "number"
) -> Score:
    """1.0 when the reply is a number within `abs` or `rel` (a share of `expected`) of the expected one.

    Marks between thousands and a currency or percent sign are taken off. `anywhere` takes the last number in the
    reply, which is where models put the answer after their working; of a range, 10-12, that is its end. A dash is a
    minus when nothing stands directly before it, be it a hyphen or a real minus sign. A boolean is not a number.
    """
    got, wanted = read_number(reply, anywhere), read_number(expected)
    if wanted is None:
        raise ValueError(f"the expected value is not a number: {expected!r}")
    if got is None:
        return verdict(name, False, f"expected {wanted:g}, got no number: {shown(reply)}")
    return verdict(name, math.isclose(got, wanted, abs_tol=abs, rel_tol=rel), f"expected {wanted:g}, got {got:g}")


def read_number(value: Any, anywhere: bool = False) -> float | None:
    """The finite number that `value` is or says, or None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return float(value) if math.isfinite(value) else None
    text = _plain_digits(text_of(value).strip().translate(DASHES))
    while SPACED.search(text):
        text = SPACED.sub(r"\1\2", text)
    if anywhere:
        found = [number for number in map(partial(_signed, text), RUN.finditer(text)) if number is not None]
        return found[-1] if found else None
    if GROUPED.fullmatch(text.strip("$€£¥% .+-")):
        text = text.replace(" ", "")
    whole = RUN.fullmatch(text.rstrip("$€£¥% .").lstrip("$€£¥% "))
    return _signed(text, whole) if whole else None


def _plain_digits(text: str) -> str:
    """The text with the digits of all scripts as 0 to 9: `５` and `٥` are 5."""
    if text.isascii():
        return text
    return "".join(str(unicodedata.decimal(char, char)) for char in text)


def _signed(text: str, match: Any) -> float | None:
    """The number of a run. Its dash is a minus only when no letter, digit or bracket stands directly before it."""
    value = _unsigned(match.group(2))
    before = text[match.start() - 1] if match.start() and match.string == text else " "
    minus = match.group(1) == "-" and not (before.isalnum() or before in ")]}%")
    return None if value is None else -value if minus else value


def _unsigned(digits: str) -> float | None:
    for form, thousands, decimal in FORMS:
        if form.fullmatch(digits):
            value = float(digits.replace(thousands, "").replace(decimal, "."))
            return value if math.isfinite(value) else None
    return None
