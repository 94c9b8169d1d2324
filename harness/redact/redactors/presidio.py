"""Find names of people and places by Microsoft Presidio: an extra, since it needs a language model and is slow.

    pip install "trueup[presidio]" && python -m spacy download en_core_web_sm

Named in `[privacy] kinds` it runs, with the best English model of spaCy that is installed; nothing is downloaded. When there
is none, or it fails, nothing is stored.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from harness.errors import UsageError

RANK = 90
OPTIONAL = True
ENTITIES = ("PERSON", "LOCATION", "NRP", "MEDICAL_LICENSE", "US_SSN", "US_PASSPORT", "UK_NHS", "CRYPTO")
LEAST_SCORE = 0.5
SIZES = ("_sm", "_md", "_lg", "_trf")
"""Of spaCy's models, from the smallest to the best."""

_PIECE = re.compile(r"(?s).{1,50000}(?=\s|$)|.{1,50000}")
"""spaCy takes a million characters, and memory that grows with them."""
_QUOTED = re.compile(r'(?<=")(?:[^"\\]|\\.)+(?=")')
"""In JSON text, as the arguments of a tool are, a model of prose takes keys for names; so its strings are read one by one."""


def find(text: bytes) -> Iterator[tuple[int, int]]:
    """Parts of the text, as byte offsets, that the analyzer takes for one of `ENTITIES`.

    A text of one word is a role, a model's name or an id: taken for a person's, it would make the record unreadable.
    """
    words = text.decode("utf-8", "surrogateescape")
    for piece in (_QUOTED if words[:1] in "{[" else _PIECE).finditer(words):
        if len(piece.group().split(None, 1)) == 2:
            for found in _analyzer().analyze(
                piece.group(), entities=list(ENTITIES), language="en", score_threshold=LEAST_SCORE
            ):
                start, end = piece.start() + found.start, piece.start() + found.end
                yield (
                    len(words[:start].encode("utf-8", "surrogateescape")),
                    len(words[:end].encode("utf-8", "surrogateescape")),
                )


@cache
def _analyzer() -> Any:
    try:
        import spacy
        from presidio_analyzer import AnalyzerEngine
        from presidio_analyzer.nlp_engine import NlpEngineProvider
    except ImportError as error:
        raise UsageError("the kind 'presidio' needs a package", next='pip install "trueup[presidio]"') from error
    english = [name for name in spacy.util.get_installed_models() if name.startswith("en_")]
    if not english:
        raise UsageError(
            "the kind 'presidio' needs an English model of spaCy", next="python -m spacy download en_core_web_sm"
        )
    best = max(english, key=lambda name: [size in name for size in reversed(SIZES)])
    models = {"nlp_engine_name": "spacy", "models": [{"lang_code": "en", "model_name": best}]}
    return AnalyzerEngine(nlp_engine=NlpEngineProvider(nlp_configuration=models).create_engine())
