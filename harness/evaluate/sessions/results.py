"""Write what a tool returned as the text that the model reads."""

import hashlib
import numbers

import msgspec

from harness.core.codec import canonical
from harness.errors import InputError
from harness.types import Json

RESULT_CHARS = 20_000
"""Most characters of a tool's result that the model is shown, unless the session says otherwise."""


def text_of_result(name: str, value: Json, most: int) -> tuple[str, bool]:
    """The text, and whether it was cut to `most` characters: then its middle is left out, with a note of how much.

    Text stays as it is and bytes are named by size and digest. Everything else is JSON, also dataclasses, structs, dates,
    decimals and numbers of NumPy. Raises InputError for what cannot be JSON, which is a fault of the tool.
    """
    if isinstance(value, (bytes, bytearray, memoryview)):
        data = bytes(value)
        return f"[binary data: {len(data):,} bytes, sha256 {hashlib.sha256(data).hexdigest()[:16]}]", False
    text = value if isinstance(value, str) else _json(name, value)
    text = text.encode("utf-8", "replace").decode()  # lone surrogates have no UTF-8
    if len(text) <= most:
        return text, False
    head, tail = most - most // 4, most // 4
    note = f"\n[... {len(text) - most:,} of {len(text):,} characters left out ...]\n"
    return f"{text[:head]}{note}{text[len(text) - tail :]}", True


def _json(name: str, value: Json) -> str:
    try:
        return canonical(msgspec.to_builtins(value, str_keys=True, enc_hook=_number))
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise InputError(
            f"the tool {name!r} returned {type(value).__name__}, which is not JSON: {error}",
            next="return text, a number, a list, a dict, a dataclass or None",
        ) from error


def _number(value: Json) -> int | float:
    """A number of a library's own type, such as NumPy's. Raises TypeError for anything else."""
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value)
    raise TypeError(f"there is no JSON for {type(value).__name__}")
