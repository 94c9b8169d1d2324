"""Find phone numbers: international (ITU-T E.164, at most 15 digits), North American and other national ones.

A number without `+` or `00` may be anything that is counted. So it must be written like a phone number, must not be glued to
an identifier (`BEST-555-123-4567` is an order), must not follow a word such as *order* or *tracking*; and a bare run of digits
needs a word such as *call* before it. An order number is training data.
"""

import re2

RANK = 70
OVERLAPPING = True

_INTERNATIONAL = r"(?:\+|\b00 ?)[1-9](?:[ ()./-]{0,3}[0-9]){6,14}\b"
_AMERICAN = r"(?:\b1[ .-]?)?(?:\([2-9][0-9]{2}\) ?|\b[2-9][0-9]{2}[ .-])[0-9]{3}[ .-][0-9]{4}\b"
_NATIONAL = r"\(?\b0[1-9][0-9]{1,4}\)?[ /-]{1,3}[0-9]{2,8}(?:[ -][0-9]{2,8}){0,4}\b"
_BARE = r"\b[0-9]{9,12}\b"
PATTERN = f"{_INTERNATIONAL}|{_AMERICAN}|{_NATIONAL}|{_BARE}"
HINT = (
    r"(?:\+|(?:^|[^0-9])00 ?)[1-9](?:[ ()./-]{0,3}[0-9]){6}|[2-9][0-9]{2}(?:\) ?|[ .-])[0-9]{3}[ .-][0-9]{4}"
    r"|(?:^|[^A-Za-z0-9]|\\[nrt])0[1-9][0-9]{1,4}\)?[ /-]{1,3}[0-9]{2}|(?:^|[^A-Za-z0-9]|\\[nrt])[0-9]{9,12}(?:$|[^0-9A-Za-z])"
)

LEAST, MOST = 8, 15

_ORDER = re2.compile(
    rb"(?i)(?:order|parcel|package|track(?:ing)?|shipment|invoice|ticket|case|booking|reservation|reference|ref|product|item|sku"
    rb"|serial|model|part|account|customer|bestellung|auftrag|rechnung|sendung|isbn|id|code|version)"
    rb"(?:[ _-]?(?:number|nummer|num|no|nr|id|code))?[\s\"'\\.:=#(]{0,6}(?:is|was|ist|von|of)?[\s\"'\\:#]{0,4}$"
)
_CALL = re2.compile(
    rb"(?i)(?:phone|mobile|cell|tel|telefon|handy|fax|call|ring|text|sms|whatsapp|dial|reach|contact|anruf\w*|rufnummer|hotline|landline)"
    rb"[^0-9\n]{0,24}$"
)
_GROUP = re2.compile(rb"[0-9][ -]$")
"""The number goes on to the left: it is the middle of a longer one."""
_DATE = re2.compile(rb"^0[1-9]-[0-9]{2}-[0-9]{2,4}$|^0[1-9]/[0-9]{2}/[0-9]{2,4}$")


def confirm(text: bytes, start: int, end: int) -> tuple[int, int] | None:
    """The candidate, when its form and what stands before it say that it is a phone number."""
    found = text[start:end]
    if not LEAST <= sum(48 <= byte <= 57 for byte in found) <= MOST or _glued(text, start, end):
        return None
    if found[:1] == b"+":
        return start, end
    before = text[max(0, start - 48) : start]
    if _ORDER.search(before) or _DATE.match(found) or _GROUP.search(before):
        return None
    if found.isdigit() and found[:2] != b"00" and not _CALL.search(before):
        return None
    return start, end


def _glued(text: bytes, start: int, end: int) -> bool:
    """Whether it is the middle of an identifier, a decimal number or an address."""
    left, right = text[max(0, start - 2) : start], text[end : end + 2]
    joins = b"-_#/.=" if text[start : start + 1] != b"+" else b"_#/."
    inside = left[-1:] in joins and left[:1].isalnum() if len(left) == 2 else left[-1:] in (b"#", b"_", b"/")
    return bool(left and inside) or (right[:1] in (b"-", b"_", b"/", b".") and right[1:].isalnum())
