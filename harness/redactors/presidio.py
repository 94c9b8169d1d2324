"""Names of people and places, by Microsoft Presidio: an extra, since it needs a language model and is slow.

    pip install "trueup[presidio]" && python -m spacy download en_core_web_sm

Named in `[privacy] kinds` it runs; when it is not installed, or fails, nothing is stored.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

from harness.errors import UsageError

RANK = 90
OPTIONAL = True
ENTITIES = ("PERSON", "LOCATION", "NRP", "MEDICAL_LICENSE", "US_SSN", "US_PASSPORT", "UK_NHS", "CRYPTO")
LEAST_SCORE = 0.5


def find(text: bytes) -> Iterator[tuple[int, int]]:
    """Parts of the text, as byte offsets, that the analyzer takes for one of `ENTITIES`."""
    words = text.decode("utf-8", "replace")
    for found in _analyzer().analyze(words, entities=list(ENTITIES), language="en", score_threshold=LEAST_SCORE):
        yield len(words[: found.start].encode()), len(words[: found.end].encode())


@cache
def _analyzer() -> Any:
    try:
        from presidio_analyzer import AnalyzerEngine
    except ImportError as error:
        raise UsageError("the kind 'presidio' needs a package", next='pip install "trueup[presidio]"') from error
    return AnalyzerEngine()
