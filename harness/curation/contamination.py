"""Is a training text one that an eval file judges with?

Four tests, since each is blind somewhere: equal once normalised; contained, as a run of whole words; a shared run of 13
words; and near-duplicate by Jaccard. Word runs alone miss short texts, near-duplicate alone misses an eval question
pasted into a long conversation. 13 words: T. Brown et al., "Language Models are Few-Shot Learners" (2020), appendix C.
"""

from collections.abc import Iterable, Iterator, Sequence

from harness.curation.duplicates import nearest

RUN = 13
"""Words in a row that two independent texts hardly share."""
CONTAINED_WORDS = 5
"""Shorter eval texts, such as "yes please", stand inside too many others to be a sign."""


def contaminated(texts: Sequence[str], judged: Iterable[str], threshold: float) -> list[str]:
    """For each normalised text the first test that it fails, with its evidence, or an empty string."""
    judged = sorted(set(judged) - {""})
    equal = set(judged)
    starts = _by_first_words(judged)
    runs = {run for text in judged for run in _runs(text)}
    near = nearest(texts, judged)
    return [
        "equal to an eval case"
        if text in equal
        else "contains an eval case"
        if _contains(text, starts)
        else f"shares {RUN} words in a row with an eval case"
        if any(run in runs for run in _runs(text))
        else f"alike by {score:.2f} to an eval case"
        if score >= threshold
        else ""
        for text, (_, score) in zip(texts, near, strict=True)
    ]


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
