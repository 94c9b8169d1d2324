"""Define the grades that a judge can give, and the score of each."""

from collections.abc import Sequence

from msgspec import Struct

from harness.errors import InputError, UsageError
from harness.types import Json

FAIL, PASS = "fail", "pass"
FIRST, SECOND, TIE = "first", "second", "tie"
WORSE, BETTER = "worse", "better"
LONGEST = 10
"""Grades of a scale; a finer one is more than a judge can tell apart."""


class Scale(Struct, frozen=True):
    """Grades from worst to best, and the value from which an answer passes."""

    grades: tuple[str, ...]
    pass_value: float

    def value(self, grade: str) -> float:
        """0 for the worst grade to 1 for the best, in equal steps."""
        return self.grades.index(grade) / (len(self.grades) - 1)

    def passes(self, value: float) -> bool:
        return value >= self.pass_value

    def read(self, label: Json) -> str:
        """A person's label as one of the grades. Raises InputError when it is none."""
        said = (
            ("fail", "pass")[label] if isinstance(label, bool) else f"{label:g}" if isinstance(label, float) else label
        )
        found = str(said).strip().casefold()
        if found not in self.grades:
            raise InputError(f"the label {label!r} is not a grade", next=f"one of {', '.join(self.grades)}")
        return found


def between(low: int, high: int, pass_at: int | None) -> Scale:
    """The whole numbers from `low` to `high`; an answer passes from `pass_at` on, or else in the upper half."""
    if not (isinstance(low, int) and isinstance(high, int) and 1 <= high - low < LONGEST):
        raise UsageError(f"a scale is two whole numbers, the worst grade first, not {(low, high)}", next="scale=(1, 5)")
    start = (low + high) // 2 + 1 if pass_at is None else pass_at
    if not low < start <= high:
        raise UsageError(f"pass_at={start} is no grade above the worst of {low} to {high}")
    return Scale(tuple(str(grade) for grade in range(low, high + 1)), (start - low) / (high - low))


BINARY = Scale((FAIL, PASS), 1.0)
PAIRWISE = Scale((WORSE, TIE, BETTER), 1.0)
"""The answer against a reference. A tie does not pass: it is not better."""


def outcome(verdicts: Sequence[str]) -> tuple[str, bool]:
    """Of two verdicts on a pair, the answer standing first and then second: its grade, and whether the order decided.

    A verdict that changes with the order says nothing of the answer, so it counts as a tie.
    """
    wins = [verdicts[0] == FIRST, verdicts[1] == SECOND]
    losses = [verdicts[0] == SECOND, verdicts[1] == FIRST]
    if all(wins) or all(losses):
        return (BETTER if all(wins) else WORSE), False
    return TIE, (any(wins) and any(losses))
