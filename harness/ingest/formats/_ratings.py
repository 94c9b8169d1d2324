"""What was said of a call, in the shapes that producers share: ratings of any type, declared scales, expectations."""

from typing import Any

from harness.core.feedback_words import direction, tokens
from harness.ingest.formats._json import Json, listing, mapping, number, text_of

CHANGED = ("updatedAt", "updated_at", "modified_at", "modifiedAt", "last_update_time", "last_update_time_ms")
"""Names under which producers keep when a record was changed last."""


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


ANSWERS = _set(
    "response answer output reply completion correction corrected ideal truth groundtruth reference gold golden target "
    "message text"
)
NO_ANSWERS = _set(
    "fact facts guideline guidelines rule rules tool tools call calls context contexts document documents retrieved chunk "
    "chunks citation citations source sources label labels class category intent criteria criterion rubric keyword "
    "keywords schema trajectory route entity entities format length tone language score rating status sql"
)
"""Words of names of expectations: an answer that was wanted, or what a right answer must have."""


def is_answer(name: str) -> bool:
    """Whether an expectation of that name is the answer itself: `expected_response` is, `expected_facts` is not."""
    words = {*tokens(name)}
    return not words & NO_ANSWERS and (bool(words & ANSWERS) or words == {"expected"})


def expected(name: str, value: Json) -> dict[str, Json]:
    """An expectation as a field of `Feedback`: a correction, or what suites can check an answer for."""
    if value in (None, "", [], {}):
        return {}
    return {"correction": value} if is_answer(name) else {"expectation": value}


def rated(value: Json, label: Json = None) -> dict[str, Json]:
    """A rating of any JSON type as `value` and `label`: a boolean is 0 or 1 and says which, a text is a label."""
    if isinstance(value, bool):
        return {"value": float(value), "label": label or str(value).lower()}
    score = number(value)
    text = text_of(value) if score is None else None
    return {"value": score, "label": label if label not in (None, "") else text}


def scale(name: str, *, better: str = "", usually: str = "", **known: Any) -> dict[str, Json]:
    """A declared scale of that name, without what is unknown; `usually` is the better end where the name tells none."""
    end = better or (usually if not direction(name) else "")
    found = {key: held for key, held in {**known, "better": end}.items() if held not in (None, "", {}, ())}
    return found if {*found} - {"low"} else {}


def categories(raw: Json, value: str = "value") -> dict[str, float]:
    """Label to value of declared categories; those without both are left out."""
    pairs = [(item.get("label"), number(item.get(value))) for item in map(mapping, listing(raw))]
    return {label: score for label, score in pairs if isinstance(label, str) and label and score is not None}


def ends(holder: Json) -> dict[str, Any]:
    """The range that metadata names: `min` and `max`, or `scale` as a list of both."""
    held = mapping(holder)
    both = listing(held.get("scale"))
    low, high = both if len(both) == 2 else (None, None)
    high = number(held.get("max", held.get("maximum", held.get("out_of", high))))
    low = number(held.get("min", held.get("minimum", low)))
    if high is None:
        return {}
    return {"low": low if low is not None else 0.0 if high in (1, 100) else 1.0, "high": high}
