"""Share what scorers need: how a reply is read, and how a scorer becomes a comparator."""

from collections.abc import Callable, Mapping
from functools import partial, wraps
from typing import Any, ParamSpec, Protocol, overload

import msgspec

from harness.core.codec import canonical
from harness.types import Json, Reply, Score

Comparator = Callable[[Any, Any], Any]
"""Takes what was said and what was expected; gives a `Score`, a bool or a number, where 1 is right."""

P = ParamSpec("P")
SHOWN = 200
"""Characters of a reply that an explanation quotes."""


class FieldScorer(Protocol[P]):
    """A scorer that compares two values of a field when it is called with options alone."""

    @overload
    def __call__(self, *values: P.args, **options: P.kwargs) -> Score: ...
    @overload
    def __call__(self, **options: Any) -> Callable[[Any, Any], Score]: ...


def or_comparator(scorer: Callable[P, Score]) -> FieldScorer[P]:
    """Let a scorer be called with options alone: it then gives a comparator for one field.

    `score.text(reply, "Paris", fold=True)` is a score; `score.text(fold=True)` compares two values that way.
    """

    @wraps(scorer)
    def called(*values: Any, **options: Any) -> Any:
        return scorer(*values, **options) if values else partial(scorer, **options)

    return called


def text_of(value: Any) -> str:
    """A reply, or a field of one, as text: strings as they are, None as nothing, other JSON as JSON."""
    if isinstance(value, (str, Reply)):
        return str(value)
    return "" if value is None else canonical(value)


def required(expected: Any, empty: bool = False) -> Any:
    """What a case expects. Raises ValueError when it says nothing: a broken case is not the model's wrong answer.

    `empty`: an empty list says something, namely that there is to be nothing.
    """
    if expected is None or (not empty and expected in ([], ())):
        raise ValueError("the case does not say what is expected")
    return expected


def parse_json(reply: Any) -> tuple[Json, str]:
    """The JSON value that a reply is, and why it is not one (empty when it is). Space around it does not count.

    Text before or after it and Markdown fences do: the program that reads the reply in production chokes on them too.
    """
    if not isinstance(reply, (str, Reply)):
        return reply, ""
    try:
        return msgspec.json.decode(str(reply).strip()), ""
    except RecursionError:
        return None, "nested too deeply to be read"
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        return None, f"not valid JSON ({error}): {shown(reply)}"


def shown(value: Any) -> str:
    """A value quoted for an explanation, cut to `SHOWN` characters."""
    text = repr(text_of(value))
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def verdict(name: str, right: bool, explanation: str = "", label: str = "") -> Score:
    """A pass or fail score; the explanation is kept only for a fail."""
    return Score(name=name, value=float(right), label=label, explanation="" if right else explanation)


def value_of(outcome: Any) -> float:
    """The number in whatever a comparator gave."""
    return float(outcome.value if isinstance(outcome, Score) else outcome)


def why_of(outcome: Any) -> str:
    """The reason in whatever a comparator gave, if any."""
    return outcome.explanation if isinstance(outcome, Score) else ""


def flatten(value: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Nested objects as one level of dotted names; lists stay whole."""
    flat: dict[str, Any] = {}
    for key, item in value.items():
        name = f"{above}{key}"
        flat.update(flatten(item, f"{name}.") if isinstance(item, Mapping) and item else {name: item})
    return flat
