"""Post the verdict as JSON to any address; with a secret, signed as GitHub signs its own webhooks.

The signature is `X-Trueup-Signature-256: sha256=HEX`, HMAC-SHA256 (RFC 2104) over the body as it is sent.
"""

import hmac
from typing import Any

import msgspec

from harness.notify.client import Client, encoded
from harness.notify.notice import Notice


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    url: str = ""
    """Address to post to."""
    url_env: str = ""
    """Variable that holds the address, where that is a secret."""
    token_env: str = ""
    """Variable with a bearer token."""
    secret_env: str = ""
    """Variable with the key that signs the body."""


def send(notice: Notice, options: Options, client: Client) -> str:
    """Post `notice.plain`, see docs/how-to/ci.md."""
    url = options.url or client.secret(options.url_env)
    body = notice.plain()
    headers = {}
    if options.token_env:
        headers["Authorization"] = f"Bearer {client.secret(options.token_env)}"
    if options.secret_env:
        headers["X-Trueup-Signature-256"] = signature(body, client.secret(options.secret_env))
    client.post(url, body, headers)
    return "posted"


def signature(body: dict[str, Any], key: str) -> str:
    """`sha256=HEX` over the bytes that are sent for this body."""
    return "sha256=" + hmac.new(key.encode(), encoded(body), "sha256").hexdigest()
