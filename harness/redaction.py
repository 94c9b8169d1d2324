"""Take secrets and personal data out of everything that ingest gives away.

One RE2 pass over a record's JSON text finds candidates; it is linear in the text, whatever a trace holds. A checksum, a
parser or the entropy of the candidate confirms it: Luhn for cards (ISO/IEC 7812-1), mod 97 for IBANs (ISO 13616), the
`ipaddress` module, digits for phone numbers. Only a record with a confirmed find is walked, string by string, keys and
nested arguments too. What was found becomes a pseudonym, such as `<EMAIL_3fa9c1>`: the same value is the same pseudonym,
so a conversation stays readable and a correction still fits its call.
"""

import hashlib
import hmac
import ipaddress
import math
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast

import msgspec
import re2
from msgspec.structs import replace

from harness.errors import TrueupError, UsageError
from harness.types import Call, Noun

T = TypeVar("T", bound=Noun)

_TOKENS = (
    r"\bsk-[A-Za-z0-9_-]{16,}|\b[sr]k_(?:live|test)_[A-Za-z0-9]{10,}|\bgh[pousr]_[A-Za-z0-9]{30,}"
    r"|\bgithub_pat_[A-Za-z0-9_]{22,}|\bglpat-[A-Za-z0-9_-]{18,}|\bxox[abeprs]-[A-Za-z0-9-]{10,}"
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bAIza[0-9A-Za-z_-]{35}|\bhf_[A-Za-z0-9]{30,}|\bnpm_[A-Za-z0-9]{36}"
    r"|\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}|\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[A-Za-z0-9+/=\s\\]*(?:-----END [A-Z ]*PRIVATE KEY-----)?"
)
_NAMED = (
    r"(?i:(?:api[_-]?key|secret|token|passw(?:or)?d|pwd|authorization|access[_-]?key)[\\\"']{0,4}\s*[:=]\s*[\\\"']{0,4}"
    r"(?:bearer\s+|basic\s+)?)[^\s\\\"',;<>]{8,}|(?i:\bbearer)\s+[A-Za-z0-9._~+/=-]{16,}|://[^\s/:@\\\"]+:[^\s/@\\\"]+@"
)

PATTERNS = {
    "key": _TOKENS,
    "secret": _NAMED,
    "email": r"[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}\b",
    "iban": r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b",
    "card": r"\b[2-6](?:[ -]?[0-9]){12,18}\b",
    "ip": r"\b(?:[0-9]{1,3}\.){3}[0-9]{1,3}\b|(?:\b[0-9A-Fa-f]{1,4})?(?::{1,2}[0-9A-Fa-f]{1,4}){3,7}\b",
    "phone": r"(?:\+|\b00)[1-9](?:[ ()./-]{0,2}[0-9]){7,14}\b|\(?\b[0-9]{3}\)?[ .-][0-9]{3}[ .-][0-9]{4}\b"
    r"|\b0[1-9][0-9]{1,4}[ /][0-9]{3,4} ?[0-9]{3,5}\b",
}
"""Kind to its candidates, most specific first: where two overlap, the first in the text and in this list wins."""

IBAN_LENGTHS = (15, 34)
LEAST_ENTROPY = 2.8
"""Bits a character, of the value in `password = value`; words have less, generated secrets more."""


class RedactionError(TrueupError):
    """Redaction could not run; nothing of the record may be stored."""


class Redactor:
    """Redacts records; `counts` tells how many of each kind were found."""

    def __init__(self, kinds: Iterable[str] = tuple(PATTERNS), salt: str = "") -> None:
        """`salt` makes pseudonyms of one project differ from another's. Raises UsageError for an unknown kind."""
        chosen = tuple(kinds)
        unknown = sorted(set(chosen) - PATTERNS.keys())
        if unknown:
            raise UsageError(f"cannot redact {unknown[0]!r}", next=f"known kinds: {', '.join(PATTERNS)}")
        spelled = "|".join(f"(?P<{kind}>{pattern})" for kind, pattern in PATTERNS.items() if kind in chosen)
        self._kinds = frozenset(chosen)
        self._pattern = re2.compile(spelled or r"[^\s\S]")
        self._salt = salt.encode()
        self.counts: Counter[str] = Counter()

    def __call__(self, record: T) -> T:
        """The record without what was found. Raises RedactionError when that cannot be told."""
        try:
            text = msgspec.json.encode(record).decode()
            if not any(self._confirmed(match) for match in self._pattern.finditer(text)):
                return record
            return self._walked(record)
        except Exception as error:  # whatever went wrong, nothing unredacted may get out
            raise RedactionError(
                f"redaction failed: {type(error).__name__}", next="report it; nothing was stored"
            ) from error

    def text(self, text: str) -> str:
        """A text with pseudonyms in place of what was found."""
        if len(text) < 7:
            return text
        pieces, end = [], 0
        for match in self._pattern.finditer(text):
            kind = self._confirmed(match)
            if kind:
                before, found, after = _bare(match.group()) if kind == "secret" else ("", match.group(), "")
                pieces += [text[end : match.start()], before, self._pseudonym(kind, found), after]
                end = match.end()
        return "".join(pieces) + text[end:] if pieces else text

    def _walked(self, record: T) -> T:
        plain = msgspec.to_builtins(record)
        kept = {name: plain[name] for name in _IDS if name in plain}
        clean = msgspec.convert({**self._value(plain), **kept}, type(record))
        if isinstance(clean, Call):
            return cast(
                T, replace(clean, flags=tuple(sorted({*clean.flags, "redacted"}))) if clean != record else clean
            )
        return clean

    def _value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(key): self._named(key, inner) for key, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._value(inner) for inner in value]
        if isinstance(value, int) and value > 10**11:  # a card number need not be a text
            return self.text(str(value)) if self.text(str(value)) != str(value) else value
        return value

    def _named(self, key: str, value: Any) -> Any:
        """The value of a key; the key may say that it is a secret."""
        if isinstance(value, str) and "secret" in self._kinds and _NAME.search(key) and secret(f"{key}: {value}"):
            return self._pseudonym("secret", value)
        return self._value(value)

    def _confirmed(self, match: Any) -> str:
        """The kind of a candidate that stands the test, else an empty text."""
        kind, found = next((kind, found) for kind, found in match.groupdict().items() if found is not None)
        return kind if _TESTS.get(kind, bool)(found) else ""

    def _pseudonym(self, kind: str, found: str) -> str:
        self.counts[kind] += 1
        mark = hmac.new(self._salt, found.casefold().encode(), hashlib.sha256).hexdigest()[:6]
        return f"<{kind.upper()}_{mark}>"


_IDS = ("id", "call_id", "trace_id", "span_id", "parent_span_id", "source", "type", "start_ns", "end_ns", "at_ns")
"""What joins and orders records, and where they were read: random ids, times, and the user's own file names."""


def luhn(text: str) -> bool:
    """Whether 13 to 19 digits end in the check digit of a payment card, and are not one digit over and over."""
    digits = [int(char) for char in text if char.isdigit()]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return 13 <= len(digits) <= 19 and len(set(digits)) > 1 and (sum(doubled) + sum(digits[-1::-2])) % 10 == 0


def iban(text: str) -> bool:
    """Whether an account number passes the mod-97 check."""
    plain = text.replace(" ", "")
    if not IBAN_LENGTHS[0] <= len(plain) <= IBAN_LENGTHS[1]:
        return False
    return int("".join(str(int(char, 36)) for char in plain[4:] + plain[:4])) % 97 == 1


def address(text: str) -> bool:
    """Whether it is an IP address of some host, not a wildcard, a version with a leading zero, or a time."""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not found.is_unspecified and not found.is_loopback


def phone(text: str) -> bool:
    return 9 <= sum(char.isdigit() for char in text) <= 15


def entropy(text: str) -> float:
    """Shannon entropy in bits a character."""
    counts = Counter(text).values()
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts)


def secret(text: str) -> bool:
    """Whether what follows the name of a secret looks like one."""
    value = _bare(text)[1]
    mixed = any(char.isdigit() for char in value) or (value != value.lower() and value != value.upper())
    return len(value) >= 6 and mixed and entropy(value) >= LEAST_ENTROPY - 0.8 * text.startswith("://")


def _bare(text: str) -> tuple[str, str, str]:
    """What stands before the secret, the secret, and what stands after it."""
    if text.startswith("://"):
        before, _, value = text[:-1].partition(":")[2].partition(":")
        return f":{before}:", value, "@"
    value = _BEFORE.sub("", text)
    return text[: len(text) - len(value)], value, ""


_BEFORE = re2.compile(r"^(?i:[a-z_-]+[\\\"']*\s*[:=]?\s*[\\\"']*(?:bearer\s+|basic\s+)?)")
_NAME = re2.compile(r"(?i)api[_-]?key|secret|token$|passw(?:or)?d|pwd|authorization|access[_-]?key")

_TESTS: dict[str, Callable[[str], bool]] = {
    "secret": secret,
    "iban": iban,
    "card": luhn,
    "ip": address,
    "phone": phone,
}
