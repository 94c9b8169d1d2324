"""Doubt a target that a simple model, which did not learn from it, contradicts: confident learning.

Each field asks a question of its rows: is it there, and, where few values repeat, which one is it? A logistic regression on words
and pairs of words answers for each fifth of the rows from the other four. A row is doubted where another answer is as probable
as it is, on average, for the rows that really have that answer, and is the most probable one. Source: C. Northcutt, L. Jiang and
I. Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels" (JAIR 70, 2021; arXiv 1911.00068), the rule of
the confident joint.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from harness.core.near_duplicates import template
from harness.curate.doubts._fields import fields, is_keyed
from harness.curate.rows import CallRow
from harness.types import Doubt

FOLDS = 5
LEAST = 100
"""Rows of a question."""
RARE = 10
"""Rows that an answer needs to be one of a question's."""
DISTINCT = 0.1
"""A field whose values are at most this share of its rows is one of few values."""
MOST = 20_000
"""Rows that are looked at, the newest."""
ABSENT, PRESENT = "no value", "a value"


class _Question(NamedTuple):
    field: str
    rows: list[int]
    """Places of the rows that it is asked of."""
    answers: list[str]


def find(rows: Sequence[CallRow]) -> Iterator[Doubt]:
    """One doubt a row and question; the score is the probability of the other answer."""
    rows = sorted(rows, key=lambda row: (row.call.start_ns, row.call.id))[-MOST:]
    if len(rows) < LEAST:
        return
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2, token_pattern=r"\S+")
    try:
        matrix = words.fit_transform([_read(row) for row in rows])
    except ValueError:  # no word occurs twice
        return
    for question in _questions(rows):
        yield from _contradicted(question, rows, matrix)


def _read(row: CallRow) -> str:
    """The last message and what it answers: a word of the latter is another word."""
    *before, last = row.conversation
    earlier = template(before[-1].text).split() if before else []
    return " ".join([*template(last.text).split(), *(f"<{word}" for word in earlier)])


def _questions(rows: Sequence[CallRow]) -> Iterator[_Question]:
    read = [fields(row) for row in rows]
    keyed = [place for place, row in enumerate(rows) if is_keyed(row)]
    for field in sorted({field for each in read for field in each}):
        having = [place for place, each in enumerate(read) if field in each]
        if any(field in read[place] for place in keyed):
            yield _Question(field, keyed, [PRESENT if field in read[place] else ABSENT for place in keyed])
        values = [template(read[place][field]) for place in having]
        if 1 < len(set(values)) <= DISTINCT * len(values):
            yield _Question(field, having, values)


def _contradicted(question: _Question, rows: Sequence[CallRow], matrix: csr_matrix) -> Iterator[Doubt]:
    counts = Counter(question.answers)
    kept = [at for at, answer in enumerate(question.answers) if counts[answer] >= RARE]
    given = np.array([question.answers[at] for at in kept])
    if len(kept) < LEAST or len(set(given.tolist())) < 2:
        return
    names, places = np.unique(given, return_inverse=True)
    chances = _out_of_fold(matrix[[question.rows[at] for at in kept]], places)
    usual = np.array([chances[places == number, number].mean() for number in range(len(names))])
    for at, own, chance in zip(kept, places, chances, strict=True):
        other = int(np.argmax(chance))
        if other != own and chance[other] >= usual[other]:
            yield Doubt(
                call_id=rows[question.rows[at]].call.id,
                sign="out_of_fold",
                reason=_words(question.field, str(names[own]), str(names[other]), float(chance[other])),
                score=float(chance[other]),
            )


def _out_of_fold(matrix: csr_matrix, places: NDArray[np.int64]) -> NDArray[np.float64]:
    """Rows x answers: the probability that a model of the other folds gives to each answer."""
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    model = LogisticRegression(C=30.0, max_iter=300)
    return np.asarray(cross_val_predict(model, matrix, places, cv=folds, method="predict_proba"), dtype=np.float64)


def _words(field: str, own: str, other: str, chance: float) -> str:
    if other == PRESENT:
        return f"`{field}` is missing; by the other rows such a message has it with {chance:.0%}"
    if other == ABSENT:
        return f"`{field}` is there; by the other rows such a message has none with {chance:.0%}"
    return f"`{field}` is {own[:60]!r}; by the other rows it is {other[:60]!r} with {chance:.0%}"
