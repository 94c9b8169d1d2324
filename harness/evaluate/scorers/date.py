"""Compare dates and times, however they are written."""

from datetime import datetime
from typing import Any

import re2
from dateutil import parser

from harness.evaluate.scorers._common import or_comparator, shown, text_of, verdict
from harness.types import Score

YEAR_FIRST = re2.compile(
    r"(?:^|\D)(?:\d{4}[-/.]\d{1,2}(?:[-/.]\d{1,2})?|\d{4} \d{1,2} \d{1,2}"
    r"|(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]))(?:\D|$)"
)
"""A date whose year comes first, with or without something between its parts."""
CJK = re2.compile(r"(\d{4})\s*[年년]\s*(\d{1,2})\s*[月월]\s*(\d{1,2})\s*[日일]")
ARTICLES = re2.compile(r"(?i)^(?:on )?the |\bof ")
"""Words that a spoken date has: the 5th of March 2026."""
ANCHORS = (datetime(2000, 1, 1), datetime(2001, 2, 2, 1))
"""What a date leaves open is taken from the anchor: parsing with both shows what was left open."""


@or_comparator
def date(reply: Any, expected: Any, *, day_first: bool = True, name: str = "date") -> Score:
    """1.0 when the reply names the same date or time as `expected`: 2024-03-05, 5 March 2024, or 5.3.24.

    What one of them leaves open (the year, the time of day) must be left open by the other too. A date that begins with
    its year is read as year, month, day, whatever stands between them: 2026-03-05, 2026/03/05, 20260305. In 05/03/2024
    the day comes first unless `day_first` is False. Raises ValueError when `expected` is not a date.
    """
    wanted, got = read_date(expected, day_first), read_date(reply, day_first)
    if wanted is None:
        raise ValueError(f"the expected value is not a date: {expected!r}")
    return verdict(name, got == wanted, f"expected {shown(expected)}, got {shown(reply)}")


def read_date(value: Any, day_first: bool = True) -> tuple[datetime, ...] | None:
    """What `value` says, read against each of two anchors; equal values are equal pairs. None when it is no date."""
    text = ARTICLES.sub("", CJK.sub(r"\1-\2-\3", text_of(value).strip()))
    year_first = YEAR_FIRST.search(text) is not None
    try:
        return tuple(
            parser.parse(text, dayfirst=day_first and not year_first, yearfirst=year_first, default=anchor)
            for anchor in ANCHORS
        )
    except (ValueError, OverflowError):
        return None
