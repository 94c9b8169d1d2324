"""Say that the candidate is the best of several, and what part of the error each of them may make.

Holm's procedure (1979, Scand. J. Statist. 6:65) over the candidates: only the best is judged, so its share is that of the
smallest p, a candidate's equal part. The chance that any of them is promoted by luck is then at most the look's error.
"""

from collections.abc import Iterator

from harness.gate.context import Context
from harness.types import Finding


def findings(context: Context) -> Iterator[Finding]:
    if context.among > 1:
        yield Finding(
            rule="chosen",
            suite="",
            outcome="info",
            sentence=f"The candidate was chosen among {context.among} that were asked the same cases: it may make "
            f"1/{context.among} of the error of each look.",
            counts={"candidates": context.among},
            formula="holm",
        )
