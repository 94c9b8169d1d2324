"""Join the scores of a case's repeats into one number: their mean, pass^k or pass@k.

Of n repeats c passed. pass^k is the chance that k tries all pass, pass@k that at least one of k does. The estimators draw k
of the n without replacement, so they are unbiased for every k up to n:

    pass^k = C(c, k) / C(n, k)              tau-bench, arXiv:2406.12045, section 2.4
    pass@k = 1 - C(n - c, k) / C(n, k)      Chen et al., arXiv:2107.03374, equation 1

The case is the unit of the statistics: its repeats make one number of it, and intervals are over cases.
"""

import re
from collections.abc import Sequence
from math import comb

from harness.errors import UsageError

MEAN = ""
PASSED = 1.0
"""Score from which a repeat passes."""
FORM = re.compile(r"pass([\^@])([1-9]\d*)")


def tries(across: str) -> int:
    """How many tries a measure asks about, and so the fewest repeats: k of pass^k; 1 of the mean. Raises UsageError."""
    return _read(across)[1]


def strictness(across: str) -> float:
    """How much a measure asks for: k of pass^k, 1 of the mean, 1 / k of pass@k."""
    sign, k = _read(across)
    return 1 / k if sign == "@" else float(k)


def joined(scores: Sequence[float], across: str = MEAN) -> float | None:
    """One number of a case's repeats, 0 to 1 where the scores are; None when there are too few, or none."""
    sign, k = _read(across)
    if len(scores) < k:
        return None
    if not sign:
        return sum(scores) / len(scores)
    passed = sum(score >= PASSED for score in scores)
    if sign == "^":
        return comb(passed, k) / comb(len(scores), k)
    return 1 - comb(len(scores) - passed, k) / comb(len(scores), k)


def _read(across: str) -> tuple[str, int]:
    if across == MEAN:
        return "", 1
    form = FORM.fullmatch(across)
    if form is None:
        raise UsageError(f"repeats are not joined by {across!r}", next='across="pass^4", "pass@4", or leave it out')
    return form[1], int(form[2])
