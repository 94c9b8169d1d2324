"""Find phone numbers: international (ITU-T E.164, at most 15 digits), North American and other national ones.

A number without `+` or `00` may be anything that is counted. So it must be written like a phone number, must not be glued to
an identifier (`BEST-555-123-4567` is an order), must not follow a word such as *order* or *tracking*. Any other way to write
one needs a word such as *call* beside it, in one of many languages, and must be in some country's numbering plan. An order
number is training data.
"""

import re2

from harness.redact.redactors import _numbering

RANK = 70
OVERLAPPING = True

_INTERNATIONAL = r"(?:\+|\b00 ?)[1-9](?:[ ()./-]{0,3}[0-9]){6,14}\b"
_AMERICAN = r"(?:\b1[ .-]?)?(?:\([2-9][0-9]{2}\) ?|\b[2-9][0-9]{2}[ .-])[0-9]{3}[ .-][0-9]{4}\b"
_NATIONAL = r"\(?\b0[1-9][0-9]{1,4}\)?[ /-]{1,3}[0-9]{2,8}(?:[ -][0-9]{2,8}){0,4}\b"
_ANY = r"\(?\b[0-9](?:[ ().\x{2010}-\x{2015}/-]{0,3}[0-9]){6,14}\b"
PATTERN = f"{_INTERNATIONAL}|{_AMERICAN}|{_NATIONAL}|{_ANY}"
HINT = r"(?:\+|(?:^|[^0-9])00 ?)[1-9](?:[ ()./-]{0,3}[0-9]){6}|(?:^|[^A-Za-z0-9]|\\[nrt])[0-9](?:[ ().\x{2010}-\x{2015}/-]{0,3}[0-9]){6}"

LEAST, MOST = 7, 15
LEAST_ALONE = 8
"""Digits of a number that no word announces."""

_ORDER = re2.compile(
    rb"(?i)(?:order|parcel|package|track(?:ing)?|shipment|invoice|ticket|case|booking|reservation|reference|ref|product|item|sku"
    rb"|serial|model|part|account|customer|bestellung|auftrag|rechnung|sendung|commande|pedido|isbn|id|code|version|pin|otp)"
    rb"(?:[ _-]?(?:number|nummer|num|no|nr|id|code))?[\s\"'\\.:=#(]{0,6}(?:is|was|ist|von|of)?[\s\"'\\:#]{0,4}$"
)
_WORDS = (
    r"\b(?:tele)?phones?\b|\bmobiles?\b|\bcell(?:ular|phone)?\b|\btel\b|\btel[eé]f?[a-zé]{0,8}\b|\btélé[a-zé]*|\bhandy|\bfax\b|\bcall(?:s|ed|ing)?\b|\bring\b"
    r"|\btext(?:ed)?\b|\bsms\b|whats ?app|\bdial\b|\breach\b|\bcontact\b|\banruf|\bruf(?:en)?\b|rufnummer|hotline|landline|\bfestnetz"
    r"|\bportable\b|\bgsm\b|\bappel(?:ez|er|le)?\b|\bjoindre\b|\brappele[rz]\b|\bbel(?:len)?\b|\bmobiel|\bmóvil|\bmovil|\bcelular|\bll[aá]m[aeo]|\bfone\b"
    r"|\bligu?[aeo]r?\b|\bzap\b|\bcellulare|\bchiam|\bnumero di tel|\btlf\b|\bring(?:a|er|e)\b|\bmobil|\bpuhelin|\bzadzwo|\bkomórk|\bzavol|\bhívj"
    r"|\btelefon|\bhp\b|телефон|звони|тел\.|мобил|номер|τηλ|κινητό|电话|電話|手机|手機|联系|致电|携帯|연락처|전화|휴대|फ़?ोन|मोबाइल|फोन|कॉल|হটলাইন|ফোন|هاتف|جوال|موبايل|اتصل|טלפון|נייד|โทร|điện thoại|\bsđt\b"
)
_BEFORE = re2.compile(rf"(?i)(?:{_WORDS})[^0-9\n]{{0,32}}$".encode())
_AFTER = re2.compile(rf"(?i)^[^0-9\n]{{0,16}}(?:{_WORDS})".encode())
KEY = re2.compile(
    r"(?i)(?:phone|mobile|cell|tel|fax|telefon|telefoon|celular|handy|whatsapp|msisdn|电话|手机)(?:[_. -]?(?:number|no|nr|num))?$".encode()
)
_OTHERS = bytes(byte for byte in range(256) if not 48 <= byte <= 57)
_DATE = re2.compile(
    rb"^0?[1-9]-[0-9]{2}-[0-9]{2,4}$|^0?[1-9]/[0-9]{2}/[0-9]{2,4}$|^(?:19|20)[0-9]{2}[-/. ]?[01][0-9][-/. ]?[0-3][0-9]$"
    rb"|^[0-3]?[0-9][-/. ][01]?[0-9][-/. ](?:19|20)[0-9]{2}$|^(?:19|20)[0-9]{2} ?[-/] ?(?:19|20)[0-9]{2}$"
)
_HOURS = re2.compile(rb"^[0-2]?[0-9][.][0-5][0-9] ?- ?[0-2]?[0-9][.][0-5][0-9]$")


def confirm(text: bytes, start: int, end: int) -> tuple[int, int] | None:
    """The candidate, when its form and what stands beside it say that it is a phone number."""
    found = text[start:end]
    if found[:1] != b"+" and _goes_on_to_the_left(text, start):
        return None
    digits = found.translate(None, _OTHERS)
    if not LEAST <= len(digits) <= MOST or _glued(text, start, end):
        return None
    if found[:1] == b"+":
        return start, end
    before = text[max(0, start - 96) : start]
    if _ORDER.search(before[-48:]) or _DATE.match(found) or _HOURS.match(found):
        return None
    if _is_counted(found):
        return None
    announced = _BEFORE.search(before) or _AFTER.search(text[end : end + 64])
    if announced:
        return (start, end) if found[:2] == b"00" or _numbering.known(digits) or _written_as_one(found) else None
    return (start, end) if len(digits) >= LEAST_ALONE and _written_as_one(found) else None


def named(key: bytes, value: bytes) -> bool:
    """Whether the value may be the phone number that its key calls it."""
    digits = bytes(byte for byte in value if 48 <= byte <= 57)
    rest = value.translate(None, b"0123456789 ()+./-")
    return LEAST <= len(digits) <= MOST and not rest


def _goes_on_to_the_left(text: bytes, start: int) -> bool:
    """Whether it is the middle of a longer number."""
    return start > 1 and text[start - 1 : start] in (b" ", b"-") and text[start - 2 : start - 1].isdigit()


def _is_counted(found: bytes) -> bool:
    """Whether it is a round or a short number without any space, or digits one by one."""
    if found.isdigit():
        return len(found) == LEAST or found.endswith(b"0" * 5)
    return sum(len(group) == 1 for group in found.translate(_DIGITS).split()) > 3


_DIGITS = bytes(byte if 48 <= byte <= 57 else 32 for byte in range(256))
"""All but digits as spaces."""
_ALONE = re2.compile(f"{_INTERNATIONAL}|{_AMERICAN}|{_NATIONAL}".encode())


def _written_as_one(found: bytes) -> bool:
    """Whether its form alone tells."""
    return bool(_ALONE.fullmatch(found))


def _glued(text: bytes, start: int, end: int) -> bool:
    """Whether it is the middle of an identifier, a decimal number or an address."""
    left, right = text[max(0, start - 2) : start], text[end : end + 2]
    joins = b"-_#/.=" if text[start : start + 1] != b"+" else b"_#/."
    inside = left[-1:] in joins and left[:1].isalnum() if len(left) == 2 else left[-1:] in (b"#", b"_", b"/")
    return bool(left and inside) or (right[:1] in (b"-", b"_", b"/", b".") and right[1:].isalnum())
