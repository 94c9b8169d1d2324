"""Decide who may ask a server of this machine: by host name, by token, and never a page in a browser.

A page can reach a port of this machine: by a name that it makes point here, or by a plain form. So the `Host` must be one of an exact
set, and no `Origin` is ever welcome. Whoever is let in from beyond this machine brings a bearer token (RFC 6750).
"""

import hmac
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from ipaddress import ip_address
from typing import NamedTuple

from harness.errors import UsageError

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class Refused(Exception):
    """A request that is not taken, with its HTTP status."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


class Admission(NamedTuple):
    """Who may ask: exact values of `Host`, and the token that is asked for, if any."""

    hosts: frozenset[str]
    token: str = ""

    def check(self, headers: Mapping[str, Sequence[str]]) -> None:
        """Raises Refused. `headers`: lower-case name to its values."""
        if [host.lower() for host in headers.get("host", [])] not in [[host] for host in self.hosts]:
            raise Refused(421, "this host name is not served here; --name HOST adds it")
        if "origin" in headers or list(headers.get("sec-fetch-site", ["none"])) != ["none"]:
            raise Refused(403, "requests of web pages are not taken")
        if self.token and not is_token(self.token, headers.get("authorization", [])):
            raise Refused(401, "a bearer token is asked for")


def is_token(token: str, given: Sequence[str]) -> bool:
    """Whether the values of an `Authorization` are that token, and nothing else."""
    return len(given) == 1 and hmac.compare_digest(given[0].encode(), f"Bearer {token}".encode())


def token_of(command: str, variable: str, usual: str, host: str) -> str:
    """The token that `trueup COMMAND` asks for, of an environment variable: it must have one where `host` is reached from elsewhere,
    or where the variable is not the `usual` one. Raises UsageError."""
    token = os.environ.get(variable, "")
    export = f"export {variable}=$(openssl rand -hex 32)"
    if variable != usual and not token:
        raise UsageError("the variable with the token is empty", where=variable, next=export)
    if not (token or is_loopback(host)):
        raise UsageError(
            f"others can reach {host}, so a token is needed",
            where="--host",
            next=f"{export}; trueup {command} --host {host} --token-env {variable}; or leave out --host",
        )
    return token


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a host name or address; IPv6 with or without brackets and zone."""
    with suppress(ValueError):
        return ip_address(_bare(host)).is_loopback
    return host.lower() == "localhost"


def hosts_of(names: Iterable[str], port: int) -> frozenset[str]:
    """What `Host` may say: loopback's names, and those that were asked for."""
    return hosts([*LOOPBACK, *names], port)


def hosts(names: Iterable[str], port: int) -> frozenset[str]:
    """The values of `Host` that name a server; the port may be left out only when it is HTTP's own.

    An IPv6 address stands in brackets there (RFC 3986), in its short form or as it was given.
    """
    spelled = {form for name in names for form in _spellings(name.lower())}
    return frozenset(f"{name}:{port}" for name in spelled) | frozenset(name for name in spelled if port == 80)


def authority(name: str) -> str:
    """A host name or address as it stands in an address: IPv6 in brackets, without its zone."""
    return f"[{name.partition('%')[0]}]" if ":" in name and not name.startswith("[") else name


def _bare(host: str) -> str:
    return host.removeprefix("[").removesuffix("]").partition("%")[0]


def _spellings(name: str) -> set[str]:
    with suppress(ValueError):
        address = ip_address(_bare(name))
        return {authority(form) for form in (_bare(name), address.compressed, address.exploded)}
    return {name}
