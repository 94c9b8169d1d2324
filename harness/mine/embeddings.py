"""Cluster failures by meaning: k-means over the vectors of a local embedding model, instead of shared terms.

TF-IDF sees words; "the car is late" and "where is my taxi" share none. A model2vec folder (static vectors, no torch) tells
them together. It is never downloaded: `[mine.options] embeddings` names a folder that is there.

Source: T. van Dongen and S. Tulkens, "Model2Vec" (2024).
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import UsageError

Encode = Callable[[Sequence[str]], NDArray[Any]]
"""Texts to vectors, one row a text."""
SEED = 17
NEARLY = 0.95
FITTED, COMPARED = 2_000, 1_000
"""Texts up to which k-means sees all at once, and texts that the number of clusters is judged by."""


def load(folder: str) -> Encode:
    """The model in a folder. Raises UsageError when it is not there, or model2vec is not installed."""
    if not (Path(folder) / "config.json").is_file():
        raise UsageError(
            "there is no model2vec model in this folder", where=folder, next="fix embeddings in trueup.toml"
        )
    try:
        from model2vec import StaticModel
    except ImportError as error:
        raise UsageError("model2vec is not installed", next="pip install 'trueup[embeddings]'") from error
    try:
        return StaticModel.from_pretrained(Path(folder)).encode
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(f"this is no model2vec model: {error}", where=folder) from error


def parts(texts: Sequence[str], encode: Encode, most: int, smallest: int) -> list[list[int]]:
    """Positions of `texts` in at most `most` parts of at least `smallest`, largest first; smaller ones are one, the last.

    There are as few parts as come within a twentieth of the best mean silhouette: how near texts are to their own part, and
    how far from the next (P. J. Rousseeuw, "Silhouettes", 1987).
    """
    vectors = np.asarray(encode(list(texts)), dtype=np.float32)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    distinct = len(np.unique(vectors, axis=0))
    tried = range(2, min(most, len(texts) // smallest, distinct - 1) + 1)
    if not tried:
        return [list(range(len(texts)))]
    ways = [(_apart(vectors, labels), labels) for labels in (_means(vectors, count) for count in tried)]
    best = max(score for score, _ in ways)
    enough = best - (1 - NEARLY) * abs(best)
    labels = next(labels for score, labels in ways if score >= enough)
    found = sorted((np.flatnonzero(labels == label).tolist() for label in np.unique(labels)), key=lambda one: -len(one))
    large = [one for one in found if len(one) >= smallest]
    rest = sorted(at for one in found if len(one) < smallest for at in one)
    return [*large, rest] if rest else large


def _means(vectors: NDArray[np.float32], count: int) -> NDArray[np.int32]:
    from sklearn.cluster import KMeans, MiniBatchKMeans  # half a second that only this way of clustering costs

    make = KMeans if len(vectors) <= FITTED else MiniBatchKMeans
    labels: NDArray[np.int32] = make(count, random_state=SEED, n_init=3).fit_predict(vectors)
    return labels


def _apart(vectors: NDArray[np.float32], labels: NDArray[np.int32]) -> float:
    """Mean silhouette of a sample; -1 where it is of one part."""
    from sklearn.metrics import silhouette_score

    step = -(-len(vectors) // COMPARED)
    some, theirs = vectors[::step], labels[::step]
    return float(silhouette_score(some, theirs)) if 1 < len(np.unique(theirs)) < len(some) else -1.0
