"""Find payment card numbers: ISO/IEC 7812-1, an issuer's first digit and the Luhn check digit."""

import re2

RANK = 50
OVERLAPPING = True

PATTERN = r"\b[2-6](?:[ .-]?[0-9]){12,18}\b"

HINT = r"(?:^|[^A-Za-z0-9]|\\[nrt])[2-6](?:[ .-]?[0-9]){12}"

_GROUPED = re2.compile(
    rb"(?:[0-9]{4}[ .-]){3}[0-9]{4}(?:[ .-][0-9]{3})?|3[47][0-9]{2}[ .-][0-9]{6}[ .-][0-9]{5}|3[068][0-9]{2}[ .-][0-9]{6}[ .-][0-9]{4}"
)
_PLAIN = re2.compile(
    rb"4(?:[0-9]{18}|[0-9]{15}|[0-9]{12})|5[0-9]{15}|2[2-7][0-9]{14}|3[47][0-9]{13}|3[068][0-9]{12}|35[0-9]{14}|6[0-9]{15,18}"
)
"""How issuers' numbers are written: in groups as on the card, or without any space. Other forms are counts and ids."""


def confirm(text: bytes, start: int, end: int) -> tuple[int, int] | None:
    """The beginning of the candidate that is a card number: an expiry date may follow it."""
    if text[max(start - 1, 0) : start] in (b".", b"-", b"_") or not text[start + 1 : start + 2].isdigit():
        return None  # each form begins with two digits or more
    for form in (_PLAIN, _GROUPED):
        match = form.match(text[start:end])
        digits = bytes(byte for byte in match.group() if 48 <= byte <= 57) if match else b""
        if match and not text[start + match.end() : start + match.end() + 1].isdigit() and len(set(digits)) > 1:
            return (start, start + match.end()) if valid(digits) else None
    return None


def valid(digits: bytes) -> bool:
    """Whether decimal digits end in their Luhn check digit (US patent 2950048, 1960)."""
    values = [digit - 48 for digit in digits]
    doubled = [value * 2 - 9 * (value > 4) for value in values[-2::-2]]
    return (sum(doubled) + sum(values[-1::-2])) % 10 == 0
