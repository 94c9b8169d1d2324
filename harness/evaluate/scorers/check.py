"""Record a named condition without stopping the function, as an `assert` would."""

from harness.evaluate.scorers._common import verdict
from harness.types import Score


def check(name: str, passed: bool, explanation: str = "") -> Score:
    """1.0 when `passed`, else 0.0 with the explanation: `score.check("limit", total <= 100, f"refunded {total}")`."""
    return verdict(name, bool(passed), explanation or f"{name} failed")
