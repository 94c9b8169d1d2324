"""Failures grouped by what they have in common: detector x route x the term that tells them apart.

Terms are the words of the reason, and the words and word pairs of the message, weighed by TF-IDF. The heaviest term names the first
cluster and takes its failures out, then the next. A cluster's id is made of detector, route and term alone, so the same
trouble has the same id every night, without any memory of the nights before.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, TfidfVectorizer

from harness.codec import digest
from harness.types import Call, Cluster, Failure

MOST = 12
"""Clusters for each detector and route; what is left forms one more, called `other`."""
SMALLEST = 3
"""Failures that a term has to bring together."""
COMMON = 0.6
"""Terms of more than this share of the failures tell nothing apart."""
_TERM = re.compile(r"[^\W\d_]\w+")


def cluster(
    failures: Sequence[Failure], calls: Mapping[str, Call], texts: Mapping[str, str]
) -> tuple[tuple[Failure, ...], tuple[Cluster, ...]]:
    """The failures with their cluster's id, and the clusters, largest first. `texts`: call id to its message."""
    bins: dict[tuple[str, str], list[Failure]] = defaultdict(list)
    for failure in failures:
        bins[failure.detector, calls[failure.call_id].route].append(failure)
    named: dict[Failure, str] = {}
    clusters = []
    for (detector, route), members in sorted(bins.items()):
        for term, label, chosen in _split([_terms(item.reason, texts[item.call_id]) for item in members]):
            found = [members[index] for index in chosen]
            made = _cluster(detector, route, term, label, found, calls)
            clusters.append(made)
            named |= dict.fromkeys(found, made.id)
    marked = tuple(msgspec.structs.replace(item, cluster=named[item]) for item in failures)
    return marked, tuple(sorted(clusters, key=lambda item: (-len(item.call_ids), item.id)))


def _cluster(
    detector: str, route: str, term: str, label: str, members: Sequence[Failure], calls: Mapping[str, Call]
) -> Cluster:
    days = Counter(day(calls[item.call_id]) for item in members)
    return Cluster(
        id=digest([detector, route, term])[:16],
        label=label,
        detector=detector,
        route=route,
        call_ids=tuple(dict.fromkeys(item.call_id for item in members)),
        days=dict(sorted(days.items())),
    )


def day(call: Call) -> str:
    """ISO date (UTC) of the call; empty when its time is unknown."""
    return datetime.fromtimestamp(call.start_ns / 1e9, UTC).date().isoformat() if call.start_ns else ""


def _terms(reason: str, text: str) -> list[str]:
    """Words of both; word pairs of the message only, since the reason's are our own wording."""
    said = [word for word in _words(text) if word not in ENGLISH_STOP_WORDS]
    return [*_words(reason), *said, *(f"{first} {second}" for first, second in pairwise(said))]


def _words(text: str) -> list[str]:
    return _TERM.findall(text.casefold())


def _split(documents: Sequence[list[str]]) -> list[tuple[str, str, list[int]]]:
    """(term, label, positions) of each cluster; every position is in exactly one."""
    left = np.arange(len(documents))
    found: list[tuple[str, str, list[int]]] = []
    matrix, terms = _weights(documents)
    while len(found) < MOST and len(left):
        weight = np.asarray(matrix[left].sum(axis=0)).ravel()
        counts = np.asarray((matrix[left] > 0).sum(axis=0)).ravel()
        weight = np.where(counts >= SMALLEST, np.round(weight, 9), 0)
        if not weight.any():
            break
        best = int(np.argmax(weight))
        has = matrix[left][:, [best]].toarray().ravel() > 0
        found.append((str(terms[best]), _label(matrix[left[has]], terms, best), left[has].tolist()))
        left = left[~has]
    if len(left):
        found.append(("", "other" if found else "all", left.tolist()))
    return found


def _weights(documents: Sequence[list[str]]) -> tuple[csr_matrix, NDArray[np.str_]]:
    """Documents x terms TF-IDF weights; no columns when no term is common enough."""
    vectorizer = TfidfVectorizer(analyzer=list, min_df=SMALLEST, max_df=COMMON, sublinear_tf=True)
    if len(documents) * COMMON < SMALLEST:
        return csr_matrix((len(documents), 1)), np.array([""])
    try:
        return vectorizer.fit_transform(documents).tocsr(), vectorizer.get_feature_names_out()
    except ValueError:  # scikit-learn's way to say that no term is left
        return csr_matrix((len(documents), 1)), np.array([""])


def _label(rows: csr_matrix, terms: NDArray[np.str_], best: int) -> str:
    """The cluster's own term and up to two more that weigh most in it and do not repeat it."""
    weight = np.asarray(rows.sum(axis=0)).ravel()
    label = [str(terms[best])]
    for index in np.argsort(-np.round(weight, 9), kind="stable")[:50]:
        term = str(terms[index])
        if len(label) < 3 and weight[index] and not any(term in known or known in term for known in label):
            label.append(term)
    return ", ".join(label)
