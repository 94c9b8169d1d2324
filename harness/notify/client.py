"""Send requests for notifications: over https only, with secrets that are named and never written down.

An address may itself be a secret, as a chat's webhook is, so messages name its host and nothing more.
"""

import json
import os
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx2

from harness.core.admission import is_loopback
from harness.core.ci_job import CiJob, ci_job
from harness.errors import Exit, TrueupError

TIMEOUT_S = 10.0
"""Of connecting, and of each read and write."""
LARGEST = 4 * 2**20
"""Bytes of an answer that are read."""


class NotifyError(TrueupError):
    """A notification could not be sent. It is said, and changes no exit code of a verdict."""

    exit = Exit.INPUT


class NoticeAnswer(NamedTuple):
    status: int
    json: Any
    """The decoded body; None where it is no JSON."""
    links: dict[str, str] = {}
    """Relation to address of the `Link` header, such as `next`."""

    @property
    def is_fine(self) -> bool:
        return 200 <= self.status < 300


class Client:
    """What a kind of notification may use: the network, the environment's secrets, the CI job that this is."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self.environment, self.job = environment, ci_job(environment)

    def secret(self, name: str, *, needed: bool = True) -> str:
        """The value of an environment variable. Raises NotifyError naming the variable when it is needed and not set."""
        value = self.environment.get(name, "") if name else ""
        if needed and not value:
            raise NotifyError(
                f"the variable {name or '(no name given)'} is not set", next=f"export {name or 'NAME'}=..."
            )
        return value

    def change(self, host: str) -> CiJob:
        """The job, where it is one of that host for a pull or merge request. Raises NotifyError elsewhere."""
        if self.job.host != host or not self.job.change:
            raise NotifyError(f"this is no job of {host} for a change", next=f"run it for a change in {host}'s CI")
        return self.job

    def request(
        self, method: str, url: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> NoticeAnswer:
        """Status and JSON of one request; redirects are not followed. Raises NotifyError without an answer."""
        host = _checked(url)
        try:
            with httpx2.Client(timeout=TIMEOUT_S, follow_redirects=False, trust_env=True) as client:
                sent = {"Content-Type": "application/json", "User-Agent": "trueup", **(headers or {})}
                content = None if body is None else encoded(body)
                response = client.request(method, url, content=content, headers=sent)
                links = {name: link["url"] for name, link in response.links.items() if name and "url" in link}
                return NoticeAnswer(response.status_code, _json(response), links)
        except (httpx2.HTTPError, httpx2.InvalidURL, UnicodeError) as error:
            raise NotifyError(f"no answer: {type(error).__name__}", where=host, next="check the address") from error

    def post(self, url: str, body: Any, headers: Mapping[str, str] | None = None) -> NoticeAnswer:
        """As `request`. Raises NotifyError on any status but 2xx, too."""
        answer = self.request("POST", url, body, headers)
        if not answer.is_fine:
            raise NotifyError(
                f"refused with HTTP {answer.status}", where=_checked(url), next="check address and secret"
            )
        return answer


def encoded(body: Any) -> bytes:
    """The bytes that are sent for a body: compact JSON in UTF-8."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _checked(url: str) -> str:
    """The host, for messages. Raises NotifyError on anything but https; http is for this machine only."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError as error:
        raise NotifyError("the address is not valid", next="write it as https://HOST/...") from error
    if not host or not (parts.scheme == "https" or parts.scheme == "http" and is_loopback(host)):
        raise NotifyError(f"{parts.scheme or 'no scheme'} is not used for notifications", where=host, next="use https")
    return host


def _json(response: httpx2.Response) -> Any:
    try:
        return response.json() if len(response.content) <= LARGEST else None
    except ValueError:
        return None
