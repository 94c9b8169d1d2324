"""Set a check of GitHub on the commit: promote succeeds, hold and invalid fail, undecided is neutral.

It needs a token that may write checks (`checks: write` for the one that Actions gives).
https://docs.github.com/rest/checks/runs
"""

from typing import Any

import msgspec

from harness.notify.client import Client, NotifyError
from harness.notify.notice import Notice

CONCLUSION = {
    "promote": "success",
    "hold": "failure",
    "undecided": "neutral",
    "invalid": "failure",
    "stopped": "failure",
    "watch": "neutral",
}
LONGEST = 60_000
"""Characters of the summary; GitHub takes 65,535."""
MOST = 50
"""Annotations of one request."""


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    token_env: str = "GITHUB_TOKEN"
    name: str = "trueup"
    """Name of the check."""


def send(notice: Notice, options: Options, client: Client) -> str:
    """Make a finished check run on the commit of this job."""
    job = client.job
    if job.host != "github" or not job.repository:
        raise NotifyError("this is no job of GitHub Actions", next="use it in GitHub Actions")
    client.post(
        f"{job.api}/repos/{job.repository}/check-runs", check(notice, options.name), headers_of(client, options)
    )
    return f"check {options.name!r} is {CONCLUSION[notice.outcome]}"


def headers_of(client: Client, options: Any) -> dict[str, str]:
    """What GitHub's API wants beside the body; also for comments."""
    token = client.secret(options.token_env)
    return {
        "Authorization": f"Bearer {token}",
        "Accept": "application/vnd.github+json",
        "X-GitHub-Api-Version": "2022-11-28",
    }


def check(notice: Notice, name: str) -> dict[str, Any]:
    """The body of the request."""
    output = {"title": notice.sentence[:250], "summary": notice.markdown[:LONGEST]}
    notes = [_annotation(note) for note in notice.annotations[:MOST]]
    return {
        "name": name,
        "head_sha": notice.commit,
        "status": "completed",
        "conclusion": CONCLUSION[notice.outcome],
        **({"details_url": notice.url} if notice.url else {}),
        "output": {**output, **({"annotations": notes} if notes else {})},
    }


def _annotation(note: dict[str, Any]) -> dict[str, Any]:
    place = {"path": note["path"], "start_line": note["line"], "end_line": note["line"]}
    return {**place, "annotation_level": "warning", "title": note["title"][:250], "message": note["message"][:2000]}
