"""Comparisons made from counts."""

import pytest

from harness.types import Comparison, Pair, Suite


def compared(name, role, both, broken, fixed, neither, *, baseline="base", candidate="tuned", **more):
    """A comparison of pass/fail cases with that table."""
    table = [(1, 1)] * both + [(1, 0)] * broken + [(0, 1)] * fixed + [(0, 0)] * neither
    pairs = tuple(
        Pair(case_id=f"c{i}", baseline=float(x), candidate=float(y), cluster=f"c{i}") for i, (x, y) in enumerate(table)
    )
    return Comparison(
        suite=Suite(
            name=f"demo/eval_{name}::eval_{name}", role=role, cases=len(pairs), digest="d", file="evals/demo.py"
        ),
        baseline=baseline,
        candidate=candidate,
        metric="exact",
        pairs=pairs,
        binary=True,
        **more,
    )


@pytest.fixture(name="compared")
def _compared():
    return compared
