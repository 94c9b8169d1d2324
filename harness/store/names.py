"""Check names that become part of a path. Text from a trace or a user becomes one only through here."""

import re

from harness.errors import InputError, UsageError

_NAME = re.compile(r"[a-z0-9_-]{1,64}")
_DIGEST = re.compile(r"[0-9a-f]{16,64}")


def name(text: str, what: str = "name") -> str:
    """`text` if it is a plain name: a kind, a step, an alias. Raises UsageError."""
    if not _NAME.fullmatch(text):
        raise UsageError(
            f"{text[:80]!r} cannot be the name of {what}",
            next="use 1 to 64 small letters, digits, hyphens and underscores",
        )
    return text


def ident(text: str) -> str:
    """`text` if it is a content id: 16 to 64 hexadecimal digits. Raises InputError."""
    if not _DIGEST.fullmatch(text):
        raise InputError(f"{text[:80]!r} is not a content id", next="ids are 16 to 64 hexadecimal digits")
    return text
