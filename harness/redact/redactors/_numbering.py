"""Tell whether digits are a number that some country's telephone plan knows, from the metadata of libphonenumber.

One RE2 automaton of all plans, instead of a parse a country: linear in the digits, and cheap enough for every candidate.
"""

from functools import cache
from typing import Any

import re2
from phonenumbers.phonemetadata import PhoneMetadata

COUNTRIES = (
    *("AE", "AR", "AT", "AU", "BD", "BE", "BR", "CH", "CL", "CN", "CO", "CZ", "DE", "DK", "EG", "ES", "FI", "FR", "GB"),
    *("GR", "HK", "HU", "ID", "IE", "IL", "IN", "IT", "JP", "KE", "KR", "MX", "MY", "NG", "NL", "NO", "NZ", "PE", "PH"),
    *("PK", "PL", "PT", "RO", "RU", "SA", "SE", "SG", "TH", "TR", "UA", "US", "VN", "ZA"),
)
KINDS = ("fixed_line", "mobile", "toll_free", "premium_rate", "shared_cost", "voip", "uan")


def known(digits: bytes) -> bool:
    """Whether the digits, as they are dialled inside a country, are a number there."""
    return bool(_plans().fullmatch(digits))


@cache
def _plans() -> Any:
    options = re2.Options()
    options.max_mem = 64 << 20
    return re2.compile("|".join(map(_plan, COUNTRIES)).encode(), options)


def _plan(country: str) -> str:
    found = PhoneMetadata.metadata_for_region(country)
    assert found is not None, country
    kinds = (getattr(found, kind) for kind in KINDS)
    patterns = [kind.national_number_pattern for kind in kinds if kind and kind.national_number_pattern]
    return f"(?:{found.national_prefix or ''})?(?:{'|'.join(patterns)})"
