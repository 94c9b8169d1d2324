"""Find long random texts without a name: base64 of at least 32 characters, hexadecimal of 32 to 128.

Limits of entropy are near those of detect-secrets (4.5 and 3.0 bits a character), a little lower for base64, since 32 random
characters seldom reach 4.5. UUIDs, and what stands under a key such as `id` or after a word such as *commit*, join records and
are left alone.
"""

import re2

from harness.redact.redactors._entropy import entropy

RANK = 80

PATTERN = r"[A-Za-z0-9+/_-]{32,}={0,2}"
HINT = r"[A-Za-z0-9+/_-]{32}"
NOT_UNDER = r"(?i)(?:^|[._-])(?:ids?|uuid|guid|sha[0-9]*|md5|digest|hash|fingerprint|etag|signature|url|uri|path|file|cursor)$|Id$|^trueup\.served$"
"""Among them the content id of what answered, by which a canary's calls are assigned to its arms."""

BASE64, HEX = 4.2, 3.0
LONGEST_HEX = 128

_DIGEST = re2.compile(
    rb"(?i)\b(?:commit|revision|rev|tree|parent|merge|head|sha-?[0-9]*(?:sum)?|md5(?:sum)?|digest|checksum|integrity|hash|trace|span|etag|image|layer|blob)\b[\s\"'\\:=#(]{0,6}$"
)
_UUID = re2.compile(rb"(?i)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_COMMIT = 40
"""Digits of a commit's id in git: far more of them stand in texts than keys of that length."""
_LISTED = re2.compile(rb"^(?:  | \*|\t)[^\s]+\.[A-Za-z0-9]+|^@|^\.\.")
"""What follows a digest in a list of files, or in a range."""
_WORD = re2.compile(rb"[A-Z]?[a-z]{3,}")
_HEX = re2.compile(rb"[0-9a-f]{32,}|[0-9A-F]{32,}")


def confirm(text: bytes, start: int, end: int) -> tuple[int, int] | None:
    """The candidate, when it is as random as a key."""
    found = text[start:end]
    if _UUID.search(found) or _DIGEST.search(text[max(0, start - 24) : start]):
        return None
    if _HEX.fullmatch(found):
        if len(found) == _COMMIT or _LISTED.search(text[end : end + 80]):
            return None
        return (start, end) if len(found) <= LONGEST_HEX and entropy(found) > HEX and not found.isdigit() else None
    mixed = found.lower() != found and found.upper() != found and any(48 <= byte <= 57 for byte in found)
    return (start, end) if mixed and entropy(found) > BASE64 and not _is_path(found) else None


def _is_path(found: bytes) -> bool:
    """Whether it is words: an address, a name in snake, kebab or camel case."""
    pieces = [piece for piece in found.replace(b"/", b"-").replace(b"_", b"-").split(b"-") if piece]
    words = sum(len(piece) for piece in pieces if piece.isalpha() and piece[1:] == piece[1:].lower())
    named = sum(map(len, _WORD.findall(found)))
    return words * 2 > len(found) or named * 5 > len(found) * 3
