"""Compare labels: one of a fixed set.

Each reply gets 1 or 0, with what was said as the score's label: accuracy is the mean, and the confusion matrix and
macro-F1 of a run are counted from labels and expectations by `confusion` and `macro_f1`.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from msgspec.structs import replace

from harness.evaluate.scorers._common import or_comparator, required, shown, text_of, verdict
from harness.types import Score

OTHER = "(other)"


@or_comparator
def label(reply: Any, expected: str, *, among: Sequence[str] = (), fold: bool = True, name: str = "label") -> Score:
    """1.0 when the reply is the label `expected`; space, quotes and a full stop around it do not count.

    `among` are the labels there are: any other reply is labelled `(other)`. `fold` ignores case.
    """
    said = _plain(text_of(reply), fold)
    known = {_plain(one, fold): one for one in among}
    found = known.get(said, OTHER) if among else text_of(reply).strip()
    right = said == _plain(required(expected), fold)
    wanted = known.get(_plain(expected, fold), expected)
    score = verdict(name, right, f"expected {expected!r}, got {shown(reply)}", label=wanted if right else found)
    return replace(score, expected=wanted)


def confusion(pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """How often each (expected, said) pair occurs."""
    return dict(Counter(pairs))


def macro_f1(pairs: Iterable[tuple[str, str]]) -> float:
    """Mean over the expected labels of each label's F1; 0.0 without pairs."""
    counts = confusion(pairs)
    labels = sorted({expected for expected, _ in counts})
    scores = []
    for one in labels:
        hits = counts.get((one, one), 0)
        expected = sum(count for (wanted, _), count in counts.items() if wanted == one)
        said = sum(count for (_, given), count in counts.items() if given == one)
        scores.append(2 * hits / (expected + said))
    return sum(scores) / len(scores) if scores else 0.0


def _plain(value: str, fold: bool) -> str:
    stripped = value.strip().strip("\"'`.").strip()
    return stripped.casefold() if fold else stripped
