"""Detect answers in another language than the message, though nobody asked for a translation.

Languages come from py3langid (Lui and Baldwin, "langid.py", ACL 2012), which is sure of whole sentences only, so short
texts, structured answers and routes that answer in JSON are left alone.
"""

import re
from collections.abc import Iterator
from functools import cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

from harness.core.replies import json_object, words
from harness.mine.window import Window
from harness.types import Failure

FORM = True
"""A slip in form, which an instruction may fix."""
ANSWER_ALONE = True
"""It needs nothing but the answer and its message, so it can judge a teacher's too."""
SURE = 0.9
SHORTEST = 6
"""Words below which a language is a guess."""
LONGEST = 300
"""Characters that are looked at; more make no guess surer."""
TRANSLATION = re.compile(r"translat|in (?:english|french|german|spanish|italian|dutch|chinese|japanese)", re.IGNORECASE)


def detect(window: Window) -> Iterator[Failure]:
    for call in window.calls:
        structured = window.usual(call).json_share > 0.5 or json_object(call.reply) is not None
        if structured or not call.output:
            continue
        now = language(call.reply)
        was = language(window.asked(call)) if now else ""
        if was and was != now and not any(TRANSLATION.search(message.text) for message in call.input):
            yield Failure(call_id=call.id, detector="language", reason=f"the message is in {was}, the answer in {now}")


def language(text: str) -> str:
    """ISO 639-1 code, or empty when the text is too short or the guess not sure."""
    text = text[:LONGEST]
    if len(words(text)) < SHORTEST:
        return ""
    code, probability = _identifier().classify(text)
    return str(code) if probability >= SURE else ""


@cache
def _identifier() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
