"""Find IP addresses of hosts, as the standard library parses them; not loopback, wildcards or version numbers."""

import ipaddress

import re2

RANK = 60
OVERLAPPING = True

PATTERN = (
    r"\b(?:[0-9]{1,3}\.){3}[0-9]{1,3}\b"
    r"|\b(?:[0-9A-Fa-f]{1,4}:){2,7}(?::?[0-9A-Fa-f]{1,4}){1,7}\b|\b(?:[0-9A-Fa-f]{1,4}:){1,7}:|::(?:[0-9A-Fa-f]{1,4}:){1,6}[0-9A-Fa-f]{1,4}\b"
)
HINT = r"[0-9]\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]|[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){3}"

_VERSION = re2.compile(rb"(?i)(?:\bv|version|release|build|firmware|section|chapter)[ :#]{0,2}$")


def confirm(text: bytes, start: int, end: int) -> tuple[int, int] | None:
    """The candidate, when it is the address of some host."""
    around = text[max(0, start - 1) : start], text[end : end + 1]
    if around[0] in (b".", b":") or (around[1] == b"." and text[end + 1 : end + 2].isdigit()):
        return None
    if _VERSION.search(text[max(0, start - 12) : start]):
        return None
    try:
        found = ipaddress.ip_address(text[start:end].decode())
    except ValueError:
        return None
    return None if found.is_unspecified or found.is_loopback else (start, end)
