"""Find bank account numbers: ISO 13616, confirmed by their check digits (ISO 7064, mod 97-10)."""

RANK = 40
OVERLAPPING = True

PATTERN = r"\b(?i:[A-Z]{2})[0-9]{2}(?:[ -]?[A-Za-z0-9]){11,30}\b"

HINT = r"(?:^|[^A-Za-z0-9]|\\[nrt])[A-Za-z]{2}[0-9]{2}(?:[ -]?[A-Za-z0-9]){11}"

_LENGTHS = (
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24 FI18 FK18 "
    "FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 "
    "LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 "
    "SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30"
)
LENGTHS = {entry[:2].encode(): int(entry[2:]) for entry in _LENGTHS.split()}
"""Country to the length of its account numbers, as registered."""


def confirm(text: bytes, start: int, end: int) -> tuple[int, int] | None:
    """The beginning of the candidate that has its country's length and passes: words may follow the number."""
    places = [at for at in range(start, end) if text[at] not in b" -"]
    count = LENGTHS.get(text[start : start + 2].upper(), 0)
    if not count or len(places) < count:
        return None
    last = places[count - 1] + 1
    whole = last == len(text) or not text[last : last + 1].isalnum()
    return (start, last) if whole and valid(bytes(text[at] for at in places[:count])) else None


def valid(plain: bytes) -> bool:
    """Whether letters and digits of an account number, without spaces, pass the mod-97 check."""
    letters = plain[4:] + plain[:4]
    return int("".join(str(int(chr(letter), 36)) for letter in letters)) % 97 == 1
