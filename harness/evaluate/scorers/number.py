"""Compare numbers within a tolerance."""

import math
from typing import Any

import re2

from harness.evaluate.scorers._common import or_comparator, shown, text_of, verdict
from harness.types import Score

NUMBER = re2.compile(r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?(?:[eE][-+]?\d+)?")


@or_comparator
def number(
    reply: Any, expected: Any, *, abs: float = 0.0, rel: float = 0.0, anywhere: bool = False, name: str = "number"
) -> Score:
    """1.0 when the reply is a number within `abs` or `rel` (a share of `expected`) of the expected one.

    Commas between thousands and a currency or percent sign are taken off. `anywhere` takes the last number in the
    reply, which is where models put the answer after their working. A boolean is not a number.
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
    text = text_of(value).strip()
    if anywhere:
        found = [match.group() for match in NUMBER.finditer(text) if any(map(str.isdigit, match.group()))]
        text = found[-1] if found else ""
    text = text.strip("$€£¥% ").rstrip(".")
    return float(text.replace(",", "")) if NUMBER.fullmatch(text) and any(map(str.isdigit, text)) else None
