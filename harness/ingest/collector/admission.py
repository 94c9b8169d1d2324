"""Admit or refuse a request by its head, before its body is read.

A page in a browser can reach a port of this machine: by a name that it makes point here, or by a plain form. So the `Host`
must be one of an exact set, no `Origin` is ever welcome, and the media type must be one that no form can send.
"""

import hmac
from collections.abc import Iterable, Mapping
from contextlib import suppress
from ipaddress import ip_address
from typing import NamedTuple

from harness.ingest.collector.bodies import LARGEST
from harness.ingest.collector.signals import JSON, PATHS, PROTOBUF

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class Refused(Exception):
    """A request that is not taken, with its HTTP status."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


class Door(NamedTuple):
    """What is let in: exact values of `Host`, and the token that is asked for, if any."""

    hosts: frozenset[str]
    token: str = ""

    def media(self, method: str, target: str, headers: Mapping[str, list[str]]) -> str:
        """The media type of a request that may post. Raises Refused."""
        if [host.lower() for host in headers.get("host", [])] not in [[host] for host in self.hosts]:
            raise Refused(421, "this host name is not served here")
        if "origin" in headers or headers.get("sec-fetch-site", ["none"]) != ["none"]:
            raise Refused(403, "requests of web pages are not taken")
        if self.token and not _is_token(self.token, headers.get("authorization", [])):
            raise Refused(401, "a bearer token is asked for")
        if target not in PATHS:
            raise Refused(404, f"post to {' or '.join(PATHS)}")
        if method != "POST":
            raise Refused(405, "only POST")
        return _media(headers)


def hosts(names: Iterable[str], port: int) -> frozenset[str]:
    """The values of `Host` that name this receiver; the port may be left out only when it is HTTP's own.

    An IPv6 address stands in brackets there (RFC 3986), in its short form or as it was given.
    """
    spelled = {form for name in names for form in _spellings(name.lower())}
    return frozenset(f"{name}:{port}" for name in spelled) | frozenset(name for name in spelled if port == 80)


def authority(name: str) -> str:
    """A host name or address as it stands in an address: IPv6 in brackets, without its zone."""
    return f"[{name.partition('%')[0]}]" if ":" in name and not name.startswith("[") else name


def _spellings(name: str) -> set[str]:
    bare = name.removeprefix("[").removesuffix("]").partition("%")[0]
    with suppress(ValueError):
        address = ip_address(bare)
        return {authority(form) for form in (bare, address.compressed, address.exploded)}
    return {name}


def _is_token(token: str, given: list[str]) -> bool:
    return len(given) == 1 and hmac.compare_digest(given[0].encode(), f"Bearer {token}".encode())


def _media(headers: Mapping[str, list[str]]) -> str:
    given = headers.get("content-type", [])
    name, _, parameter = (given[0] if len(given) == 1 else "").lower().partition(";")
    if name.strip() not in (JSON, PROTOBUF) or parameter.strip() not in ("", "charset=utf-8"):
        raise Refused(415, f"the content type must be {JSON} or {PROTOBUF}")
    if len(headers.get("content-encoding", [])) > 1:
        raise Refused(415, "one content encoding")
    length = headers.get("content-length", ["0"])[0]
    if length.isdigit() and int(length) > LARGEST:
        raise Refused(413, f"more than {LARGEST} bytes")
    return name.strip()
