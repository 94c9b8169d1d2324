"""Exact and near-duplicate texts: MinHash finds candidates, the Jaccard index of character 5-shingles decides.

Method: A. Broder, "On the resemblance and containment of documents" (1997), with locality-sensitive banding as in
Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets", ch. 3. Signatures come from rensa; bands and the verification
are array work, so 100,000 short messages take seconds.
"""

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from rensa import RMinHash
from scipy.sparse import csr_matrix

WIDTH = 5
"""Characters a shingle. A text shorter than that is one shingle, so it equals only itself."""
BANDS, ROWS = 20, 5
"""20 bands of 5 rows find a pair of Jaccard 0.8 with probability 0.9996, one of 0.5 with 0.47."""
SEED = 17
CROWD = 40
"""Members of a larger bucket are compared with this many neighbours each, not all with all."""
CHUNK = 200_000
COLUMNS = 1 << 62

_SPACE = re.compile(r"[\W_]+")
_NUMBER = re.compile(r"\d+")


def normalise(text: str) -> str:
    """Case, width, punctuation and runs of spaces carry no meaning when texts are compared."""
    return _SPACE.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()


def template(text: str) -> str:
    """Normalised text with its numbers masked: what a form message and its next filling have in common."""
    return _NUMBER.sub("0", normalise(text))


def similarity(left: str, right: str) -> float:
    """Jaccard index of the character 5-shingles of two normalised texts, 0 to 1."""
    first, second = _shingle_set(left), _shingle_set(right)
    return len(first & second) / len(first | second)


def shingles(texts: Sequence[str]) -> csr_matrix:
    """Texts x shingles incidence of normalised texts, as a sparse 0/1 matrix; a column is a shingle's 62-bit hash."""
    codes, starts, lengths = _codes(texts)
    counts = np.maximum(lengths - WIDTH + 1, 1)
    begins = np.concatenate([[0], np.cumsum(counts)])
    offset = np.arange(begins[-1]) - np.repeat(begins[:-1], counts)
    at, left = np.repeat(starts, counts) + offset, np.repeat(lengths, counts) - offset
    hashes = np.zeros(begins[-1], dtype=np.uint64)
    for step in range(WIDTH):
        letter = np.where(step < left, codes[np.minimum(at + step, len(codes) - 1)], 0)
        hashes = (hashes ^ letter) * np.uint64(0x9E3779B97F4A7C15)
        hashes ^= hashes >> np.uint64(29)
    columns = (hashes >> np.uint64(2)).astype(np.int64)
    matrix = csr_matrix((np.ones(len(columns), dtype=np.int32), columns, begins), shape=(len(texts), COLUMNS))
    matrix.sum_duplicates()
    matrix.data[:] = 1
    return matrix


def near_pairs(texts: Sequence[str], threshold: float) -> list[tuple[int, int, float]]:
    """Pairs (i < j, Jaccard) of normalised texts that are alike by at least `threshold`, sorted.

    Of more than two equal texts each is paired with the first only; callers want groups.
    """
    first: dict[str, int] = {}
    equal = [(first[text], index, 1.0) for index, text in enumerate(texts) if first.setdefault(text, index) != index]
    distinct = np.fromiter(first.values(), dtype=np.int64)
    if len(distinct) < 2:
        return equal
    matrix = shingles([texts[index] for index in distinct])
    left, right = _candidates(matrix)
    found = [
        (int(distinct[i]), int(distinct[j]), float(score))
        for i, j, score in zip(left, right, _jaccard(matrix, left, right), strict=True)
        if score >= threshold
    ]
    return sorted(equal + found)


def nearest(texts: Sequence[str], others: Sequence[str]) -> list[tuple[int, float]]:
    """For each normalised text the index of the nearest of `others` and their Jaccard index, exactly, not by hashing.

    Every pair that shares a shingle is counted, so this is a proof and not an estimate. (-1, 0.0) where none shares one.
    """
    if not texts or not others:
        return [(-1, 0.0)] * len(texts)
    matrix = _compact(shingles([*texts, *others]))
    sizes = np.diff(matrix.indptr)
    mine, theirs = matrix[: len(texts)], matrix[len(texts) :].T.tocsr()
    result = []
    for start in range(0, len(texts), 256):
        common = (mine[start : start + 256] @ theirs).tocsr()
        for row in range(common.shape[0]):
            result.append(_best(common.getrow(row), int(sizes[start + row]), sizes[len(texts) :]))
    return result


def _compact(matrix: csr_matrix) -> csr_matrix:
    """The same matrix with its columns numbered through: a product of two needs as much memory as there are columns."""
    known, columns = np.unique(matrix.indices, return_inverse=True)
    return csr_matrix((matrix.data, columns, matrix.indptr), shape=(matrix.shape[0], len(known)))


def _best(common: csr_matrix, size: int, sizes: NDArray[np.int32]) -> tuple[int, float]:
    if not common.nnz:
        return -1, 0.0
    scores = common.data / (size + sizes[common.indices] - common.data)
    best = np.lexsort((common.indices, -scores))[0]
    return int(common.indices[best]), float(scores[best])


def _codes(texts: Sequence[str]) -> tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.int64]]:
    lengths = np.fromiter((len(text) for text in texts), dtype=np.int64, count=len(texts))
    joined = "".join(texts).encode("utf-32-le", "surrogatepass") or b"\0\0\0\0"
    return np.frombuffer(joined, dtype=np.uint32).astype(np.uint64), np.cumsum(lengths) - lengths, lengths


def _candidates(matrix: csr_matrix) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Distinct pairs of rows that share a band of their MinHash signature."""
    tokens = matrix.indices.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    digests = RMinHash.digest_matrix_from_flat_token_hashes(tokens, matrix.indptr.astype(np.uint64), BANDS * ROWS, SEED)
    signatures = np.array(digests.to_rows(), dtype=np.uint32)
    size = np.int64(matrix.shape[0])
    pairs = [_bucket_pairs(signatures[:, band * ROWS : (band + 1) * ROWS], size) for band in range(BANDS)]
    both = np.unique(np.concatenate(pairs))
    return both // size, both % size


def _bucket_pairs(band: NDArray[np.uint32], size: np.int64) -> NDArray[np.int64]:
    """Pairs within the buckets of one band, each coded as `i * size + j`."""
    keys = np.zeros(len(band), dtype=np.uint64)
    for column in band.T:
        keys = (keys ^ column) * np.uint64(0x9E3779B97F4A7C15)
        keys ^= keys >> np.uint64(31)
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    found: list[NDArray[np.int64]] = [np.zeros(0, dtype=np.int64)]
    for step in range(1, min(CROWD, len(order) - 1) + 1):
        alike = np.flatnonzero(ordered[step:] == ordered[:-step])
        if not len(alike):
            break
        first, second = np.minimum(order[alike], order[alike + step]), np.maximum(order[alike], order[alike + step])
        found.append(first * size + second)
    return np.concatenate(found)


def _jaccard(matrix: csr_matrix, left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.float64]:
    sizes = np.diff(matrix.indptr)
    common = np.zeros(len(left))
    for start in range(0, len(left), CHUNK):
        part = slice(start, start + CHUNK)
        common[part] = np.diff(matrix[left[part]].multiply(matrix[right[part]]).indptr)
    return common / np.maximum(sizes[left] + sizes[right] - common, 1)


def _shingle_set(text: str) -> frozenset[str]:
    return frozenset(text[at : at + WIDTH] for at in range(max(1, len(text) - WIDTH + 1)))
