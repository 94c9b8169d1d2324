"""Near-duplicate groups in 100,000 short messages, against datasketch and semhash in the same run.

    python -m benchmarks.curate [--size 100000] [--peers datasketch]

The messages are made up: 3 to 18 words, common words often and rare ones seldom. A fifth are copies of others with one
letter changed, one word put in or left out, other case and punctuation, or nothing changed. A copy counts as planted when the Jaccard index of
character 5-shingles is at least 0.8; recall and precision are over pairs in one group. On a shared machine the ratio of processor seconds says more than that of
wall-clock seconds, so both are given. semhash gets character n-gram
vectors, since its own model has to be downloaded. The last line is one JSON object.
"""

import argparse
import json
import random
import resource
import time
from collections.abc import Callable, Iterable

import numpy as np
from datasketch import MinHash, MinHashLSH
from semhash import SemHash
from sklearn.feature_extraction.text import HashingVectorizer

from harness.core.near_duplicates import near_pairs, normalise, similarity
from harness.curate.groups import Groups

THRESHOLD = 0.8
Pairs = set[tuple[int, int]]


def messages(size: int, seed: int = 17) -> tuple[list[str], Pairs]:
    """Texts, and the pairs (original, copy) that are near-duplicates by definition."""
    draw = random.Random(seed)
    letters = "abcdefghijklmnopqrstuvwxyz"
    vocabulary = ["".join(draw.choices(letters, k=draw.randint(2, 9))) for _ in range(20_000)]
    weights = [1 / (rank + 10) for rank in range(len(vocabulary))]
    originals = [" ".join(draw.choices(vocabulary, weights, k=draw.randint(3, 18))) for _ in range(size - size // 5)]
    texts, pairs = originals[:], set()
    for _ in range(size // 5):
        source = draw.randrange(len(originals))
        copy = draw.choice((_typo, _inserted, _left_out, _shouted, _unchanged))(originals[source], draw)
        if similarity(normalise(originals[source]), normalise(copy)) >= THRESHOLD:
            pairs.add((source, len(texts)))
        texts.append(copy)
    return texts, pairs


def _typo(text: str, draw: random.Random) -> str:
    at = draw.randrange(len(text))
    return f"{text[:at]}{draw.choice('qxz')}{text[at + 1 :]}"


def _inserted(text: str, draw: random.Random) -> str:
    words = text.split()
    words.insert(draw.randrange(len(words) + 1), "please")
    return " ".join(words)


def _left_out(text: str, draw: random.Random) -> str:
    words = text.split()
    del words[draw.randrange(len(words))]
    return " ".join(words)


def _shouted(text: str, draw: random.Random) -> str:
    return f"  {text.upper()} {draw.choice('!.?')}"


def _unchanged(text: str, draw: random.Random) -> str:
    return text


def ours(texts: list[str]) -> Pairs:
    return {(left, right) for left, right, _ in near_pairs([normalise(text) for text in texts], THRESHOLD)}


def with_datasketch(texts: list[str]) -> Pairs:
    """128 permutations, the library's bulk generator and its LSH at the same threshold, over the same shingles."""
    normal = [normalise(text) for text in texts]
    shingled = ([text[at : at + 5].encode() for at in range(max(1, len(text) - 4))] for text in normal)
    index, pairs = MinHashLSH(threshold=THRESHOLD, num_perm=128), set()
    for number, sketch in enumerate(MinHash.generator(shingled, num_perm=128, seed=17)):
        pairs |= {
            (other, number) for other in index.query(sketch) if similarity(normal[other], normal[number]) >= THRESHOLD
        }
        index.insert(number, sketch, check_duplication=False)
    return pairs


class CharacterVectors:
    """An encoder for semhash that needs no download: hashed character n-grams, 256 dimensions."""

    def __init__(self) -> None:
        self._hashing = HashingVectorizer(analyzer="char_wb", ngram_range=(3, 5), n_features=256, norm="l2")

    def encode(self, texts: Iterable[str], **options: object) -> np.ndarray:
        return self._hashing.transform(list(texts)).toarray().astype(np.float32)


def with_semhash(texts: list[str]) -> Pairs:
    normal = [normalise(text) for text in texts]
    index = SemHash.from_records(
        [{"text": text, "id": number} for number, text in enumerate(normal)], ["text"], CharacterVectors()
    )
    found = index.self_deduplicate(threshold=0.9)
    return {(item.duplicate_of["id"], item.record["id"]) for item in found.filtered}


def measured(find: Callable[[list[str]], Pairs], texts: list[str], planted: Pairs) -> dict[str, float]:
    """Seconds, and recall and precision of pairs in one group: each copy belongs with its original."""
    started, computed = time.perf_counter(), time.process_time()
    pairs = find(texts)
    seconds, cpu = time.perf_counter() - started, time.process_time() - computed
    found, wanted = _grouped(pairs, len(texts)), _grouped(planted, len(texts))
    recall = sum(found.find(left) == found.find(right) for left, right in planted) / len(planted)
    precision = sum(wanted.find(left) == wanted.find(right) for left, right in pairs) / max(len(pairs), 1)
    return {
        "seconds": round(seconds, 2),
        "cpu_seconds": round(cpu, 2),
        "recall": round(recall, 4),
        "precision": round(precision, 4),
    }


def _grouped(pairs: Pairs, size: int) -> Groups:
    groups = Groups(size)
    for left, right in pairs:
        groups.join(left, right)
    return groups


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=100_000)
    parser.add_argument("--peers", default="datasketch,semhash", help="whom to compare with, by name; none: ''")
    given = parser.parse_args()
    texts, planted = messages(given.size)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    own = measured(ours, texts, planted)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{len(texts):,} messages, {len(planted):,} planted pairs; {before // 1024} MB before")
    print("trueup    ", own)
    times = {}
    peers = {"datasketch": with_datasketch, "semhash": with_semhash}
    for name in filter(None, given.peers.split(",")):
        peer = measured(peers[name], texts, planted)
        print(f"{name:10}", peer)
        times[f"vs_{name}"] = round(peer["seconds"] / own["seconds"], 1)
        times[f"vs_{name}_cpu"] = round(peer["cpu_seconds"] / own["cpu_seconds"], 1)
    print(json.dumps({**own, **times, "peak_mb": peak // 1024}))


if __name__ == "__main__":
    main()
