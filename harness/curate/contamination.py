"""Detect training texts that an eval file tests with.

Five tests, since each is blind somewhere: equal once normalised; contained, as a run of whole words; a shared run of 13
words; near-duplicate by Jaccard; and, for short texts, one slip of the keyboard. Word runs alone miss short texts, and so
does Jaccard, since one wrong letter spoils five of their few shingles; near-duplicate alone misses an eval question pasted
into a long conversation. 13 words: T. Brown et al., "Language Models are Few-Shot Learners" (2020), appendix C.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import OSA

from harness.core.near_duplicates import nearest

RUN = 13
"""Words in a row that two independent texts hardly share."""
CONTAINED_WORDS = 5
"""Shorter eval texts, such as "yes please", stand inside too many others to be a sign."""
SHORT, SHORTEST = 60, 8
"""Characters between which a text is short, and yet long enough for one letter not to make another word of it."""
CHUNK = 512
_NUMBER = re.compile(r"\d+")


def contaminated(texts: Sequence[str], judged: Iterable[str], threshold: float) -> list[str]:
    """For each normalised text the first test that it fails, with its evidence, or an empty string."""
    judged = sorted(set(judged) - {""})
    equal = set(judged)
    starts = _by_first_words(judged)
    runs = {run for text in judged for run in _runs(text)}
    near = nearest(texts, judged)
    slipped = _slips(texts, judged)
    return [
        "equal to an eval case"
        if text in equal
        else "contains an eval case"
        if _contains(text, starts)
        else f"shares {RUN} words in a row with an eval case"
        if any(run in runs for run in _runs(text))
        else f"alike by {score:.2f} to an eval case"
        if score >= threshold
        else "an eval case with a slip of the keyboard"
        if other
        else ""
        for text, (_, score), other in zip(texts, near, slipped, strict=True)
    ]


def _slips(texts: Sequence[str], judged: Sequence[str]) -> list[bool]:
    """Which short texts are an eval case but for one letter: another, one more, one less, or two swapped.

    Other numbers make another question, so they must agree. Optimal string alignment distance, by rapidfuzz.
    """
    found = [False] * len(texts)
    theirs: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for text in filter(_short, judged):
        theirs[tuple(_NUMBER.findall(text))].append(text)
    mine: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for at, text in enumerate(texts):
        if _short(text):
            mine[tuple(_NUMBER.findall(text))].append(at)
    for numbers, places in mine.items():
        for start in range(0, len(places) if numbers in theirs else 0, CHUNK):
            part = places[start : start + CHUNK]
            apart = process.cdist(
                [texts[at] for at in part], theirs[numbers], scorer=OSA.distance, score_cutoff=1, dtype=np.uint8
            )
            for at, nearest_by in zip(part, apart.min(axis=1), strict=True):
                found[at] = bool(nearest_by <= 1)
    return found


def _short(text: str) -> bool:
    return SHORTEST <= len(text) <= SHORT


def _by_first_words(judged: Sequence[str]) -> dict[tuple[str, ...], list[tuple[str, ...]]]:
    found: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    for text in judged:
        said = tuple(text.split())
        if len(said) >= CONTAINED_WORDS:
            found.setdefault(said[:CONTAINED_WORDS], []).append(said)
    return found


def _contains(text: str, starts: dict[tuple[str, ...], list[tuple[str, ...]]]) -> bool:
    said = tuple(text.split())
    return any(
        said[at : at + len(whole)] == whole
        for at in range(len(said) - CONTAINED_WORDS + 1)
        for whole in starts.get(said[at : at + CONTAINED_WORDS], ())
    )


def _runs(text: str) -> Iterator[tuple[str, ...]]:
    said = text.split()
    return (tuple(said[at : at + RUN]) for at in range(len(said) - RUN + 1))
