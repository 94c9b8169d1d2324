"""Parse JSON as producers write it: NaN, lone surrogates, broken UTF-8, JSON inside strings."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import orjson

Json = Any

DEPTH = 200
"""Deeper nesting than this is an attack or a mistake, not a conversation."""


def loads(data: bytes | str, lenient: int | None = None) -> Json:
    """The value of a JSON text, as lenient as can be without guessing. Raises ValueError with a short reason.

    NaN and infinities become None, lone surrogates and bytes that are not UTF-8 become U+FFFD; a text of more than
    `lenient` bytes must be without them.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        if lenient is not None and len(data) > lenient:
            raise ValueError(f"{error.msg}, {error.pos:,} bytes in") from None
        return _slowly(data, str(error))


def several(data: bytes) -> Iterator[Json]:
    """JSON values that stand one after the other, as `cat` leaves documents. Raises ValueError where one is broken."""
    text, at = data.decode("utf-8", "replace"), 0
    decoder = json.JSONDecoder(parse_constant=lambda _: None)
    while at < len(text):
        if text[at] in _BETWEEN:
            at += 1
            continue
        try:
            value, at = decoder.raw_decode(text, at)
        except RecursionError:
            raise ValueError("nested too deeply") from None
        except ValueError as error:
            raise ValueError(f"not JSON: {error}") from None
        yield _clean(value, 0)


_BETWEEN = " \t\r\n\ufeff"


def _slowly(data: bytes | str, reason: str) -> Json:
    text = data.decode("utf-8-sig", "replace") if isinstance(data, bytes) else data
    try:
        return _clean(json.loads(text, parse_constant=lambda _: None), 0)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except ValueError as error:
        if "unexpected end of data" in reason:
            raise ValueError("cut in the middle: the JSON text ends before it is complete") from None
        raise ValueError(f"not JSON: {error}") from None


def _clean(value: Json, depth: int) -> Json:
    if depth > DEPTH:
        raise ValueError("nested too deeply")
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass").decode("utf-8", "replace") if _broken(value) else value
    if isinstance(value, dict):
        return {_clean(key, depth): _clean(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_clean(item, depth + 1) for item in value]
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return str(value)
    return value


def _broken(text: str) -> bool:
    return not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text)


def parsed(value: Json) -> Json:
    """`value`, or what it holds when it is a string of a JSON object or list; a string that is cut stays a string."""
    if isinstance(value, str) and value[:1] in ("{", "[", '"', " ", "\n"):
        try:
            return loads(value)
        except ValueError:
            return value
    return value


LEVELS = 3
"""How often a producer is met to have encoded a list or an object as JSON text."""


def decoded(value: Json) -> Json:
    """The list or object that `value` is or holds, also as JSON text in JSON text; else what `parsed` gives."""
    once = found = parsed(value)
    for _ in range(LEVELS - 1):
        if not isinstance(found, str) or found is value:
            break
        found = parsed(found)
    return once if isinstance(found, str) else found


def is_cut(value: Json) -> bool:
    """Whether a string starts as a JSON object or list and does not parse: an attribute limit cut it."""
    if not isinstance(value, str) or value[:1] not in ("{", "["):
        return False
    try:
        loads(value)
    except ValueError:
        return True
    return False


def text_of(value: Json) -> str:
    """A string as it is; anything else as compact JSON; None as the empty string."""
    if isinstance(value, str):
        return value
    return "" if value is None else msgspec.json.encode(value).decode()


def number(value: Json) -> float | None:
    """A finite number, also from text; None for anything else."""
    if value is None:
        return None
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if abs(found) < float("inf") else None


def is_true(value: Json) -> bool:
    """A boolean, also from its name in any case; any other value counts as it does in Python."""
    return value.strip().lower() not in ("false", "0", "no", "") if isinstance(value, str) else bool(value)


def whole(value: Json) -> int | None:
    """A token count: a whole number of at least 0, also from text or a float; None for anything else."""
    found = number(value)
    return int(found) if found is not None and found >= 0 else None


def mapping(value: Json) -> dict[str, Json]:
    """The object that `value` is or holds as JSON text, else an empty one."""
    if value is None:
        return {}
    found = decoded(value)
    return found if isinstance(found, dict) else {}


def listing(value: Json) -> list[Json]:
    """The list that `value` is or holds as JSON text; a single value becomes a list of one; nothing an empty one."""
    if value is None:
        return []
    found = decoded(value)
    if found is None or found in ("", {}):
        return []
    return found if isinstance(found, list) else [found]
