"""Suggest the nearest known name for an unknown one."""

import difflib
from collections.abc import Iterable

MOST = 20
"""Names that a hint lists at most."""


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that is most like it; empty when none is alike."""
    close = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.5)
    return close[0] if close else ""


def did_you_mean(name: str, known: Iterable[str], what: str = "names") -> str:
    """What to type next: the nearest known name, or all of them when none is alike."""
    names = sorted(known)
    close = nearest(name, names)
    if close:
        return f"did you mean {close!r}?"
    listed = ", ".join(names[:MOST]) + (", …" if len(names) > MOST else "")
    return f"known {what}: {listed or 'none'}"
