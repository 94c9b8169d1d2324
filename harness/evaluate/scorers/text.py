"""Compare text: equal, or in one of the looser relations that `mode` names."""

import unicodedata
from collections.abc import Callable
from functools import cache
from typing import Any

import re2

from harness.errors import UsageError
from harness.evaluate.scorers._common import or_comparator, required, shown, text_of, verdict
from harness.types import Score


@or_comparator
def text(reply: Any, expected: Any, *, mode: str = "exact", fold: bool = False, name: str = "") -> Score:
    """1.0 when the reply stands in relation `mode` to `expected`, else 0.0. Space at both ends never counts.

    `mode`: exact, contains, startswith, endswith, or regex (RE2 syntax, found anywhere; RE2 takes linear time, so no
    pattern can hang). `expected` may be a list: any of its texts will do. `fold` also ignores case, Unicode form and
    runs of space. Raises UsageError on an unknown mode or a pattern that RE2 does not take,
    ValueError when nothing is expected.
    """
    if mode not in MODES:
        raise UsageError(f"there is no text mode {mode!r}", next=f"one of {', '.join(MODES)}")
    expected = required(expected)
    wanted = expected if isinstance(expected, (list, tuple)) else [expected]
    said = _normal(text_of(reply), fold)
    right = any(MODES[mode](said, text_of(one) if mode == "regex" else _normal(text_of(one), fold)) for one in wanted)
    options = " or ".join(shown(one) for one in wanted)
    return verdict(name or mode, right, f"{RELATIONS[mode]} {options}, got {shown(reply)}")


def _normal(value: str, fold: bool) -> str:
    return " ".join(unicodedata.normalize("NFKC", value).casefold().split()) if fold else value.strip()


def _search(said: str, pattern: str) -> bool:
    return _pattern(pattern).search(said) is not None


@cache
def _pattern(pattern: str) -> Any:
    try:
        return re2.compile(pattern)
    except re2.error as error:
        raise UsageError(
            f"RE2 does not take the pattern {pattern!r}: {error}", next="RE2 has no look-around"
        ) from error


MODES: dict[str, Callable[[str, str], bool]] = {
    "exact": lambda said, wanted: said == wanted,
    "contains": lambda said, wanted: wanted in said,
    "startswith": str.startswith,
    "endswith": str.endswith,
    "regex": _search,
}
RELATIONS = {
    "exact": "expected",
    "contains": "expected it to contain",
    "startswith": "expected it to start with",
    "endswith": "expected it to end with",
    "regex": "expected a match of",
}
