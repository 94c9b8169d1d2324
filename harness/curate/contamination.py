"""Detect training texts that an eval file tests with.

Seven tests, since each is blind somewhere: equal once disguises are taken off (`disguises`); contained, as a run of whole
words; a shared run of 13 words; near-duplicate by Jaccard; for short texts one slip of the keyboard, for longer ones one word
in ten that is another; and, where a local embedding model is named, nearly the same meaning. Word runs alone miss short texts,
and so does Jaccard, since one wrong letter spoils five of their few shingles; near-duplicate alone misses an eval question
pasted into a long conversation. 13 words: T. Brown et al., "Language Models are Few-Shot Learners" (2020), appendix C.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import OSA

from harness.core.near_duplicates import nearest
from harness.curate.disguises import bare
from harness.mine.embeddings import Encode

RUN = 13
"""Words in a row that two independent texts hardly share."""
CONTAINED_WORDS = 5
"""Shorter eval texts, such as "yes please", stand inside too many others to be a sign."""
SHORT, SHORTEST = 60, 8
"""Characters between which a text is short, and yet long enough for one letter not to make another word of it."""
WORDS, CHANGED = 15, 0.1
"""Words from which a text may differ in some, and the share of them. Fewer are often another question of the same form."""
MEANING = 0.9
"""Cosine of two texts' vectors from which they ask the same."""
CHUNK = 512
FIRST_LETTER = 0x10000
"""Code point of the first letter that stands for a word: beyond the surrogates."""
_NUMBER = re.compile(r"\d+")


def contaminated(
    texts: Sequence[str], judged: Iterable[str], threshold: float, encode: Encode | None = None
) -> list[str]:
    """For each normalised text the first test that it fails, with its evidence, or an empty string. `encode` gives vectors of
    meaning, shape (texts, size); without it meaning is not compared."""
    judged = sorted(set(judged) - {""})
    bared = [bare(text) for text in texts]
    equal = {bare(text) for text in judged}
    starts = _by_first_words(judged)
    runs = {run for text in judged for run in _runs(text)}
    near = nearest(bared, sorted(equal))
    slipped, reworded = _slips(texts, judged), _few_words_changed(texts, judged)
    meant = _same_meaning(texts, judged, encode) if encode and judged else [0.0] * len(texts)
    return [
        "equal to an eval case"
        if bared[at] in equal
        else "contains an eval case"
        if _contains(text, starts)
        else f"shares {RUN} words in a row with an eval case"
        if any(run in runs for run in _runs(text))
        else f"alike by {near[at][1]:.2f} to an eval case"
        if near[at][1] >= threshold
        else "an eval case with a slip of the keyboard"
        if slipped[at]
        else "an eval case with a few other words"
        if reworded[at]
        else f"means what an eval case means, by {meant[at]:.2f}"
        if meant[at] >= MEANING
        else ""
        for at, text in enumerate(texts)
    ]


def _slips(texts: Sequence[str], judged: Sequence[str]) -> list[bool]:
    """Which short texts are an eval case but for one letter: another, one more, one less, or two swapped."""
    apart = _least_distances(texts, judged, _short, lambda text: text, 1)
    return [distance <= 1 for distance in apart]


def _few_words_changed(texts: Sequence[str], judged: Sequence[str]) -> list[bool]:
    """Which texts of 15 words or more are an eval case but for one word in ten."""
    letters: dict[str, str] = {}

    def spelt(text: str) -> str:
        """A letter for each word, so that words are compared as letters are."""
        return "".join(letters.setdefault(word, chr(FIRST_LETTER + len(letters))) for word in text.split())

    counts = [len(text.split()) for text in texts]
    most = max(1, int(CHANGED * max(counts, default=0)))
    apart = _least_distances(texts, judged, lambda text: len(text.split()) >= WORDS, spelt, most)
    return [distance <= max(1, int(CHANGED * count)) for distance, count in zip(apart, counts, strict=True)]


def _least_distances(
    texts: Sequence[str], judged: Sequence[str], fits: Callable[[str], bool], spelt: Callable[[str], str], most: int
) -> list[float]:
    """The distance of each text that fits to the nearest that does, both as they are spelt; infinite beyond `most`.

    Other numbers make another question, so they must agree. Optimal string alignment distance, by rapidfuzz.
    """
    least = [float("inf")] * len(texts)
    theirs: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for text in filter(fits, judged):
        theirs[tuple(_NUMBER.findall(text))].append(spelt(text))
    mine: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for at, text in enumerate(texts):
        if fits(text):
            mine[tuple(_NUMBER.findall(text))].append(at)
    for numbers, places in mine.items():
        for start in range(0, len(places) if numbers in theirs else 0, CHUNK):
            part = places[start : start + CHUNK]
            apart = process.cdist(
                [spelt(texts[at]) for at in part],
                theirs[numbers],
                scorer=OSA.distance,
                score_cutoff=most,
                dtype=np.uint16,
            )
            for at, distance in zip(part, apart.min(axis=1), strict=True):
                least[at] = float(distance) if distance <= most else float("inf")
    return least


def _same_meaning(texts: Sequence[str], judged: Sequence[str], encode: Encode) -> list[float]:
    """The largest cosine of each text's vector with that of a judged one."""
    mine, theirs = (_unit(encode(list(each))) for each in (texts, judged))
    return [
        float(value)
        for start in range(0, len(mine), CHUNK)
        for value in (mine[start : start + CHUNK] @ theirs.T).max(axis=1)
    ]


def _unit(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    rows = np.asarray(vectors, dtype=np.float32)
    unit: NDArray[np.float32] = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.float32(1e-9))
    return unit


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
