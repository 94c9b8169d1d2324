"""Learn the forms that good answers of a route have, and tell in what an answer differs from all of them.

A form is one JSON object, a list of objects, JSON with prose beside it, or text. A route may have several. Keys may be
optional: one is required only where nearly every good answer has it. Where the good answers come in a few sets of keys, none
inside another, they are a union, and an answer has to have one of the sets.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from msgspec import Struct

OBJECT, LIST, MIXED, TEXT = "object", "list", "mixed", "text"
ENOUGH = 20
"""Good answers from which a route has norms. Where a form that n good answers lack makes up the share p of all good calls, a
norm fails p (1-p)^n of these on average: for every p below 0.37/(n+1), which is 1.8 % for twenty."""
FAMILIAR = 10
"""Objects with the same keys from which they are a variant of a union."""
RARE = 0.01
"""Share of good answers that a norm may be wrong about: what as many or fewer have, or lack, is no part of it."""
WORDS = {
    OBJECT: "one JSON object",
    LIST: "a JSON list",
    MIXED: "text with JSON in it",
}


class AnswerForm(Struct, frozen=True):
    """Good answers of one kind."""

    share: float = 0.0
    """Share of the route's good answers that are of this kind, 0 to 1."""
    required: frozenset[str] = frozenset()
    """Keys that nearly all of its objects have."""
    known: frozenset[str] = frozenset()
    """Keys that any of them has."""
    closed: bool = False
    """Whether a key that none of them has is a slip: new keys are then known to be rare."""
    variants: tuple[frozenset[str], ...] = ()
    """The sets of keys of a union; empty where there is none."""


class ParsedAnswer(NamedTuple):
    kind: str
    objects: tuple[dict[str, Any], ...] = ()


def parse(text: str) -> ParsedAnswer:
    """The kind of an answer, and the JSON objects in it."""
    whole = _json(text)
    if isinstance(whole, dict):
        return ParsedAnswer(OBJECT, (whole,))
    if isinstance(whole, list):
        return ParsedAnswer(LIST, tuple(item for item in whole if isinstance(item, dict)))
    inner = _inside(text)
    if isinstance(inner, dict):
        return ParsedAnswer(MIXED, (inner,))
    if isinstance(inner, list):
        return ParsedAnswer(MIXED, tuple(inner))
    return ParsedAnswer(TEXT)


def learn_forms(answers: Iterable[str]) -> dict[str, AnswerForm]:
    """Kind to the form of the good answers of that kind."""
    parsed = [parse(answer) for answer in answers]
    kinds = Counter(answer.kind for answer in parsed)
    return {
        kind: _form(
            [answer.objects for answer in parsed if answer.kind == kind and answer.objects], count / len(parsed)
        )
        for kind, count in sorted(kinds.items())
    }


def slip(text: str, forms: Mapping[str, AnswerForm]) -> str:
    """In what an answer differs from every form that is usual, in words; empty when in nothing."""
    usual = {kind: form for kind, form in forms.items() if form.share > RARE}
    kind, objects = parse(text)
    form = usual.get(kind) or (usual.get(MIXED) if kind in (OBJECT, LIST) else None)
    if form is None:
        wanted = " or ".join(WORDS[name] for name in usual if name != TEXT)
        cut = kind == TEXT and wanted and text.lstrip()[:1] in ("{", "[")
        return f"the answer is not {wanted}" if wanted and (TEXT not in usual or cut) else ""
    if kind == TEXT and text.lstrip()[:1] in ("{", "[") and len(usual) > 1:
        return "the answer is cut or broken JSON"
    return next(filter(None, (_key_slip(frozenset(item), form) for item in objects)), "")


def _key_slip(keys: frozenset[str], form: AnswerForm) -> str:
    if form.variants and keys not in form.variants:
        nearest = min(form.variants, key=lambda variant: (len(variant ^ keys), sorted(variant)))
        missing, extra = nearest - keys, keys - nearest
    else:
        missing, extra = form.required - keys, keys - form.known if form.closed else frozenset()
    if missing:
        return f"the answer lacks the key {', '.join(sorted(missing))}"
    return f"the answer has the unknown key {', '.join(sorted(extra))[:80]}" if extra else ""


def _form(answers: Sequence[Sequence[dict[str, Any]]], share: float) -> AnswerForm:
    """The form of answers with one object each, or several. An answer has a key where all of its objects have it."""
    sets = Counter(frozenset(item) for answer in answers for item in answer)
    having: Counter[str] = Counter(key for answer in answers for key in set.intersection(*map(set, answer)))
    naming: Counter[str] = Counter(key for answer in answers for key in set().union(*answer))
    required = frozenset(key for key, count in having.items() if _nearly_all(count, len(answers)))
    return AnswerForm(
        share=share,
        required=required,
        known=frozenset(naming),
        closed=len(answers) >= ENOUGH and (required == naming.keys() or _unseen(naming, len(answers)) <= 2 * RARE),
        variants=_union(sets),
    )


def _nearly_all(count: int, total: int) -> bool:
    """Whether so few lack it that it is a norm."""
    return total >= ENOUGH and count >= (1 - RARE) * total


def _unseen(counts: Counter[str], total: int) -> float:
    """Chance that the next good answer brings a key that none had: the keys seen once, over the answers, and one more so that
    few answers never say zero. I. J. Good, "The population frequencies of species", Biometrika 40 (1953)."""
    return (sum(count == 1 for count in counts.values()) + 1) / max(total, 1)


def _union(sets: Counter[frozenset[str]]) -> tuple[frozenset[str], ...]:
    """The sets of keys that nearly all objects have, when there are several and none is inside another."""
    common = [keys for keys, count in sets.items() if count >= FAMILIAR]
    apart = all(not one <= other for one in common for other in common if one is not other)
    if len(common) < 2 or not apart or not _nearly_all(sum(sets[keys] for keys in common), sets.total()):
        return ()
    return tuple(sorted(common, key=sorted))


def _inside(text: str) -> Any:
    """The first JSON object, or list of objects, that stands in a text; None when there is none."""
    decoder = json.JSONDecoder()
    for at in (at for at, char in enumerate(text) if char in "{["):
        try:
            value, _ = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict) and value:
            return value
        if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
            return value
    return None


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
