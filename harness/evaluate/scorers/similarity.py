"""Compare free texts by likeness, from 0 to 1, where no two good answers are equal."""

from collections.abc import Callable
from typing import Any

import re2
from rapidfuzz import fuzz
from rapidfuzz.distance import LCSseq
from sacrebleu.metrics import CHRF

from harness.errors import UsageError
from harness.evaluate.scorers._common import or_comparator, required, shown, text_of
from harness.types import Score

WORD = re2.compile(r"[\pL\pN]+")


@or_comparator
def similarity(
    reply: Any, expected: Any, *, method: str = "chrf", at_least: float | None = None, name: str = ""
) -> Score:
    """How alike the reply is to `expected` (or to the nearest of several), 0 to 1; 1.0 or 0.0 with `at_least`.

    `method`: chrf (character n-gram F2, Popović 2015), rouge_l (longest common word sequence, Lin 2004, F1), edit
    (normalised edit distance), tokens (words in any order). Raises UsageError on another.
    """
    if method not in METHODS:
        raise UsageError(f"there is no similarity {method!r}", next=f"one of {', '.join(METHODS)}")
    expected = required(expected)
    wanted = [text_of(one) for one in expected] if isinstance(expected, (list, tuple)) else [text_of(expected)]
    value = max(METHODS[method](text_of(reply), one) for one in wanted)
    why = f"{method} {value:.2f} of {shown(reply)} to {shown(expected)}"
    return Score(name=name or method, value=value if at_least is None else float(value >= at_least), explanation=why)


def chrf(said: str, wanted: str) -> float:
    """chrF2 of sacrebleu: F-score of character 1- to 6-grams without spaces, recall weighted twice as much."""
    if not said.strip() or not wanted.strip():
        return float(said.strip() == wanted.strip())
    return float(CHRF().sentence_score(said, [wanted]).score) / 100


def rouge_l(said: str, wanted: str) -> float:
    """ROUGE-L: F1 of the longest common sequence of words, case folded."""
    ours, theirs = WORD.findall(said.casefold()), WORD.findall(wanted.casefold())
    if not ours or not theirs:
        return float(ours == theirs)
    return 2 * LCSseq.similarity(ours, theirs) / (len(ours) + len(theirs))


METHODS: dict[str, Callable[[str, str], float]] = {
    "chrf": chrf,
    "rouge_l": rouge_l,
    "edit": lambda said, wanted: fuzz.ratio(said, wanted) / 100,
    "tokens": lambda said, wanted: fuzz.token_sort_ratio(said, wanted) / 100,
}
