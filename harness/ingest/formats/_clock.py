"""Parse times as producers write them, into Unix nanoseconds."""

from datetime import UTC, datetime
from typing import Any

_MAGNITUDES = ((1e17, 1), (1e14, 1_000), (1e11, 1_000_000))
"""A number above the first is in ns, above the second in µs, above the third in ms, else in s."""

LONGEST_NS = 24 * 3600 * 10**9
"""A call that took longer has a broken clock."""


def nanoseconds(value: Any) -> int:
    """Unix time in ns of an ISO text, or of a number in s, ms, µs or ns, told apart by size; 0 when unknown.

    A text without a zone counts as UTC. Whole numbers keep every digit.
    """
    if isinstance(value, str):
        value = value.strip()
        if not value.lstrip("-").isdigit():
            return _from_text(value)
        value = int(value) if len(value) < 25 else 0
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 2**63:
        return 0
    for least, factor in _MAGNITUDES:
        if value >= least:
            return int(value * factor)
    return value * 10**9 if isinstance(value, int) else int(round(value, 6) * 1_000_000) * 1_000


def _from_text(text: str) -> int:
    try:
        return (
            nanoseconds(float(text)) if text[:1].isdigit() and text.replace(".", "", 1).isdigit() else _from_iso(text)
        )
    except (ValueError, OverflowError):
        return 0


def _from_iso(text: str) -> int:
    moment = datetime.fromisoformat(text.replace(" UTC", "+00:00"))
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return ((since.days * 86_400 + since.seconds) * 10**6 + since.microseconds) * 1_000
