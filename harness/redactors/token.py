"""Long random texts that nothing names: base64 of at least 32 characters, hexadecimal of 32 to 128.

Limits of entropy as in detect-secrets (4.5 bits a character for base64, 3.0 for hexadecimal). UUIDs, and what stands under a
key such as `id` or `sha256`, join records and are left alone.
"""

import re2

from harness.redactors._entropy import entropy

RANK = 80

PATTERN = r"[A-Za-z0-9+/_-]{32,}={0,2}"
HINT = r"[A-Za-z0-9+/_-]{32}"
NOT_UNDER = r"(?i)(?:^|[._-])(?:ids?|uuid|guid|sha[0-9]*|md5|digest|hash|fingerprint|etag|signature|url|uri|path|file|cursor)$|Id$"

BASE64, HEX = 4.5, 3.0
LONGEST_HEX = 128

_UUID = re2.compile(rb"(?i)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_HEX = re2.compile(rb"[0-9a-f]{32,}|[0-9A-F]{32,}")


def confirm(text: bytes, start: int, end: int) -> tuple[int, int] | None:
    """The candidate, when it is as random as a key."""
    found = text[start:end]
    if _UUID.search(found):
        return None
    if _HEX.fullmatch(found):
        return (start, end) if len(found) <= LONGEST_HEX and entropy(found) > HEX and not found.isdigit() else None
    mixed = found.lower() != found and found.upper() != found and any(48 <= byte <= 57 for byte in found)
    return (start, end) if mixed and entropy(found) > BASE64 and not _is_path(found) else None


def _is_path(found: bytes) -> bool:
    """Whether it is words with separators between them: an address, a name in snake or kebab case."""
    pieces = [piece for piece in found.replace(b"/", b"-").replace(b"_", b"-").split(b"-") if piece]
    words = sum(len(piece) for piece in pieces if piece.isalpha() and piece[1:] == piece[1:].lower())
    return words * 2 > len(found)
