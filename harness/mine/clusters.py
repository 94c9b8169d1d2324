"""Group failures by what they have in common: detector x route x the term that tells them apart.

Terms are the words of the reason, and the words and word pairs of the message, weighed by TF-IDF. The heaviest term names
the first cluster and takes its failures out, then the next. With an embedding model the parts come from `embedded.py` and
only their names from the terms. A cluster's id is made of detector, route and term, so the
same trouble has the same id on another night; where an earlier night's clusters are known, `following.py` keeps their
ids even when another term has become the heaviest.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, TfidfVectorizer

from harness.core.cluster_names import ENOUGH, common, told_apart
from harness.core.codec import digest
from harness.core.differences import FieldDifference
from harness.mine import embeddings
from harness.mine.cluster_ids import follow
from harness.mine.embeddings import Encode
from harness.types import Cluster, Failure

MOST = 12
"""Clusters for each detector and route; what is left forms one more, called `other`."""
SMALLEST = 3
"""Failures that a term has to bring together."""
COMMON = 0.6
"""Terms of more than this share of the failures tell nothing apart."""
LEARNT = 20_000
"""Failures of one detector and route that terms are learnt from; a term that more would show is too rare to name one."""
_TERM = re.compile(r"[^\W\d_]\w+")


class Seen(Struct, frozen=True):
    """What clustering needs to know of a failed call."""

    route: str
    day: str
    """ISO date (UTC)."""
    text: str
    """The message, or its start."""
    wrong: tuple[FieldDifference, ...] = ()
    """In what the answer differs from its correction; empty without one."""


def cluster(
    failures: Sequence[Failure], seen: Mapping[str, Seen], known: Sequence[Cluster] = (), encode: Encode | None = None
) -> tuple[tuple[Failure, ...], tuple[Cluster, ...]]:
    """The failures with their cluster's id, and the clusters, largest first.

    `known`: those of the night before. `encode`: an embedding model to part them by; without one, shared terms do.
    """
    bins: dict[tuple[str, str], list[Failure]] = defaultdict(list)
    for failure in failures:
        bins[failure.detector, seen[failure.call_id].route].append(failure)
    named: dict[Failure, str] = {}
    clusters = []
    for (detector, route), members in sorted(bins.items()):
        said = [(item.reason, seen[item.call_id].text) for item in members]
        for term, label, chosen in _split(said) if encode is None else _meant(said, encode):
            found = [members[index] for index in chosen]
            made = _cluster(detector, route, term, label, found, seen)
            clusters.append(made)
            named |= dict.fromkeys(found, made.id)
    ids = follow(clusters, known)
    marked = tuple(msgspec.structs.replace(item, cluster=ids[named[item]]) for item in failures)
    kept = _named([msgspec.structs.replace(item, id=ids[item.id]) for item in clusters], seen)
    return marked, tuple(sorted(kept, key=lambda item: (-len(item.call_ids), item.id)))


def _named(clusters: Sequence[Cluster], seen: Mapping[str, Seen]) -> list[Cluster]:
    """The clusters with the names of those whose corrected answers have something in common."""
    wrong = {item.id: [seen[name].wrong for name in item.call_ids if seen[name].wrong][:ENOUGH] for item in clusters}
    names = {ident: name for ident, found in wrong.items() if (name := common(found))}
    names = told_apart(names, {item.id: item.label for item in clusters})
    return [msgspec.structs.replace(item, name=names.get(item.id, "")) for item in clusters]


def _cluster(
    detector: str, route: str, term: str, label: str, members: Sequence[Failure], seen: Mapping[str, Seen]
) -> Cluster:
    days = Counter(seen[item.call_id].day for item in members)
    return Cluster(
        id=digest([detector, route, term])[:16],
        label=label,
        detector=detector,
        route=route,
        call_ids=tuple(dict.fromkeys(item.call_id for item in members)),
        days=dict(sorted(days.items())),
    )


def _terms(said: tuple[str, str]) -> list[str]:
    """Words of reason and message; word pairs of the message only, since the reason's are our own wording."""
    reason, text = said
    telling = [word for word in _words(text) if word not in ENGLISH_STOP_WORDS]
    return [*_words(reason), *telling, *(f"{first} {second}" for first, second in pairwise(telling))]


def _words(text: str) -> list[str]:
    return _TERM.findall(text.casefold())


def _split(documents: Sequence[tuple[str, str]]) -> list[tuple[str, str, list[int]]]:
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


def _meant(documents: Sequence[tuple[str, str]], encode: Encode) -> list[tuple[str, str, list[int]]]:
    """As `_split`, by meaning; a part is named by the term that it has more of than the others, and none twice."""
    matrix, terms = _weights(documents)
    everywhere = np.asarray(matrix.mean(axis=0)).ravel()
    found: list[tuple[str, str, list[int]]] = []
    for chosen in embeddings.parts([f"{text}\n{reason}" for reason, text in documents], encode, MOST, SMALLEST):
        more = np.round(np.asarray(matrix[chosen].mean(axis=0)).ravel() - everywhere, 9)
        taken = {term for term, _, _ in found}
        ranked = [int(at) for at in np.argsort(-more, kind="stable") if more[at] > 0 and terms[at] not in taken]
        term = str(terms[ranked[0]]) if ranked else ""
        label = _label(matrix[chosen], terms, ranked[0]) if ranked else "other" if found else "all"
        while any(term == known for known, _, _ in found):
            term += "."  # parts without a term of their own
        found.append((term, label, list(chosen)))
    return found


def _weights(documents: Sequence[tuple[str, str]]) -> tuple[csr_matrix, NDArray[np.str_]]:
    """Documents x terms TF-IDF weights; no columns when no term is common enough."""
    vectorizer = TfidfVectorizer(analyzer=_terms, min_df=SMALLEST, max_df=COMMON, sublinear_tf=True)
    sample = documents[:: -(-len(documents) // LEARNT)]
    if len(sample) * COMMON < SMALLEST:
        return csr_matrix((len(documents), 1)), np.array([""])
    try:
        vectorizer.fit(sample)
    except ValueError:  # scikit-learn's way to say that no term is left
        return csr_matrix((len(documents), 1)), np.array([""])
    return vectorizer.transform(documents).tocsr(), vectorizer.get_feature_names_out()


def _label(rows: csr_matrix, terms: NDArray[np.str_], best: int) -> str:
    """The cluster's own term and up to two more that weigh most in it and do not repeat it."""
    weight = np.asarray(rows.sum(axis=0)).ravel()
    label = [str(terms[best])]
    for index in np.argsort(-np.round(weight, 9), kind="stable")[:50]:
        term = str(terms[index])
        if len(label) < 3 and weight[index] and not any(term in known or known in term for known in label):
            label.append(term)
    return ", ".join(label)
