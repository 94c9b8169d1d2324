"""Find exact and near-duplicate texts: MinHash for candidates, the Jaccard index of character 5-shingles to decide.

Method: A. Broder, "On the resemblance and containment of documents" (1997), with locality-sensitive banding as in
Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets", ch. 3. All of it is array work, in batches that fit into a
processor's cache, so 100,000 short messages take two seconds.
"""

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

WIDTH = 5
"""Characters a shingle. A text shorter than that is one shingle, so it equals only itself."""
BANDS, ROWS = 20, 5
"""20 bands of 5 rows find a pair of Jaccard 0.8 with probability 0.9996, one of 0.5 with 0.47."""
BATCH = 1024
"""Texts that are signed at a time."""
CROWD = 40
"""Members of a larger bucket are compared with this many neighbours each, not all with all."""
CHUNK = 200_000
COLUMNS = 1 << 62

_SPACE = re.compile(r"[\W_]+")
_NUMBER = re.compile(r"\d+")
_ASCII = {code: chr(code).lower() if chr(code).isalnum() else " " for code in range(128)}


def normalise(text: str) -> str:
    """Case, width, punctuation and runs of spaces carry no meaning when texts are compared."""
    if text.isascii():  # most are, and it is twice as fast
        return " ".join(text.translate(_ASCII).split())
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
    whole = [text if len(text) >= WIDTH else text.ljust(WIDTH, "\0") for text in texts]
    lengths = np.fromiter(map(len, whole), dtype=np.int64, count=len(whole))
    codes = np.frombuffer("".join(whole).encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    size = max(len(codes) - WIDTH + 1, 0)
    hashes = np.zeros(size, dtype=np.uint64)
    for step in range(WIDTH):
        hashes += codes[step : step + size] * _FACTORS[step]
    inside = np.ones(len(codes), dtype=bool)
    for step in range(1, WIDTH):  # the shingles that begin here would run into the next text
        inside[np.cumsum(lengths) - step] = False
    columns = (_mixed(hashes[inside[:size]]) >> np.uint64(2)).astype(np.int64)
    begins = np.concatenate([[0], np.cumsum(lengths - WIDTH + 1)])
    matrix = csr_matrix((np.ones(len(columns), dtype=np.int32), columns, begins), shape=(len(texts), COLUMNS))
    matrix.sum_duplicates()
    matrix.data[:] = 1
    return matrix


def _mixed(keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Every bit of a key in every bit of the result: the finaliser of splitmix64 (Steele, Lea, Flood, 2014)."""
    keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return keys ^ (keys >> np.uint64(31))


_FACTORS = _mixed(np.arange(1, WIDTH + 1, dtype=np.uint64)) | np.uint64(1)
_SCALES, _SHIFTS = (
    _mixed(np.arange(100, 100 + 2 * BANDS * ROWS, dtype=np.uint64)).astype(np.uint32).reshape(2, BANDS, ROWS)
)


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
    near = [
        (int(distinct[i]), int(distinct[j]), float(score))
        for i, j, score in zip(left, right, _jaccard(matrix, left, right), strict=True)
        if score >= threshold
    ]
    return sorted(equal + near)


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


def _candidates(matrix: csr_matrix) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Distinct pairs of rows that share a band of their MinHash signature."""
    size = np.int64(matrix.shape[0])
    keys = np.concatenate([_band_keys(matrix, start) for start in range(0, size, BATCH)], axis=1)
    both = np.unique(np.concatenate([_bucket_pairs(band, size) for band in keys]))
    return both // size, both % size


def _band_keys(matrix: csr_matrix, start: int) -> NDArray[np.uint64]:
    """Bands x texts: for `BATCH` rows from `start` on, the hash of each band of their signature.

    A signature's number is the least of the row's shingle hashes under a linear map of 32-bit numbers (odd scales).
    """
    begins = matrix.indptr[start : start + BATCH + 1]
    tokens = (matrix.indices[begins[0] : begins[-1]] >> 30).astype(np.uint32)
    keys = np.zeros((BANDS, len(begins) - 1), dtype=np.uint64)
    mapped = np.empty_like(tokens)
    for band in range(BANDS):
        for scale, shift in zip(_SCALES[band] | np.uint32(1), _SHIFTS[band], strict=True):
            np.add(np.multiply(tokens, scale, out=mapped), shift, out=mapped)
            keys[band] = _mixed(keys[band] ^ np.minimum.reduceat(mapped, begins[:-1] - begins[0]))
    return keys


def _bucket_pairs(keys: NDArray[np.uint64], size: np.int64) -> NDArray[np.int64]:
    """Pairs within the buckets of one band, each coded as `i * size + j`."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    pairs: list[NDArray[np.int64]] = [np.zeros(0, dtype=np.int64)]
    for step in range(1, min(CROWD, len(order) - 1) + 1):
        alike = np.flatnonzero(ordered[step:] == ordered[:-step])
        if not len(alike):
            break
        first, second = np.minimum(order[alike], order[alike + step]), np.maximum(order[alike], order[alike + step])
        pairs.append(first * size + second)
    return np.concatenate(pairs)


def _jaccard(matrix: csr_matrix, left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.float64]:
    sizes = np.diff(matrix.indptr)
    common = np.zeros(len(left))
    for start in range(0, len(left), CHUNK):
        part = slice(start, start + CHUNK)
        common[part] = np.diff(matrix[left[part]].multiply(matrix[right[part]]).indptr)
    similarity: NDArray[np.float64] = common / np.maximum(sizes[left] + sizes[right] - common, 1)
    return similarity


def _shingle_set(text: str) -> frozenset[str]:
    return frozenset(text[at : at + WIDTH] for at in range(max(1, len(text) - WIDTH + 1)))
