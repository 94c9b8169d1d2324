"""Measure how random a text is."""

import math
from collections import Counter


def entropy(text: bytes) -> float:
    """Shannon entropy in bits a byte (Shannon 1948); 0 for an empty text."""
    counts = Counter(text).values()
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts)
