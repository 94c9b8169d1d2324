"""Keep one comment on the pull request with the verdict's first screen, and update it in place.

The comment is known by a marker in it and by who wrote it: a bot or a member, so that nobody can leave a comment that this
fills and they then edit. Where the token may not write, as for a pull request
from a fork, the same text goes to the summary of the job.
https://docs.github.com/rest/issues/comments
"""

from pathlib import Path
from typing import Any

import msgspec

from harness.notify.client import Client, NotifyError
from harness.notify.kinds.github_check import headers_of
from harness.notify.notice import Notice

MARKER = "<!-- trueup: {} -->"
LONGEST = 60_000
"""Characters of a comment; GitHub takes 65,536."""
MEMBERS = ("OWNER", "MEMBER", "COLLABORATOR")
PAGES = 30
"""Pages of a hundred comments that are searched for ours."""
FORBIDDEN = (401, 403, 404)
"""What GitHub answers where the token may not write; 404 hides what it may not even read."""


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    token_env: str = "GITHUB_TOKEN"
    """Variable with a token that may write to pull requests."""
    name: str = ""
    """Tells the comments of several projects on one pull request apart; empty: the project's name."""


def send(notice: Notice, options: Options, client: Client) -> str:
    """Update the comment, or make it; without the right to, write the job's summary instead."""
    job = client.change("github")
    marker, root = MARKER.format(options.name or notice.project), f"{job.api}/repos/{job.repository}/issues"
    body = {"body": f"{marker}\n{notice.markdown[:LONGEST]}"}
    if not client.secret(options.token_env, needed=False):
        return _summary(notice, client, f"{options.token_env} is not set")
    headers = headers_of(client, options)
    known = _known(client, f"{root}/{job.change}/comments?per_page=100", headers, marker)
    answer = client.request("PATCH", f"{root}/comments/{known}", body, headers) if known else None
    if answer is None or answer.status in FORBIDDEN:  # none yet, or somebody else's with the same marker
        answer = client.request("POST", f"{root}/{job.change}/comments", body, headers)
        known = 0
    if answer.status in FORBIDDEN:
        return _summary(notice, client, f"the token may not write comments (HTTP {answer.status})")
    if not answer.is_fine:
        raise NotifyError(f"GitHub refused the comment with HTTP {answer.status}", where=f"#{job.change}")
    return f"comment on #{job.change} {'updated' if known else 'made'}"


def _known(client: Client, url: str, headers: dict[str, str], marker: str) -> int:
    """Id of the newest comment that begins with the marker; 0 when there is none, or it cannot be read."""
    known = 0
    for _ in range(PAGES):
        answer = client.request("GET", url, None, headers)
        comments = answer.json if answer.is_fine and isinstance(answer.json, list) else []
        known = next((int(each["id"]) for each in reversed(comments) if _is_ours(each, marker)), known)
        url = answer.links.get("next", "")
        if not url.startswith(f"{client.job.api}/"):  # the token goes to no other address
            break
    return known


def _is_ours(comment: dict[str, Any], marker: str) -> bool:
    is_bot = (comment.get("user") or {}).get("type") == "Bot"
    return str(comment.get("body", "")).startswith(marker) and (is_bot or comment.get("author_association") in MEMBERS)


def _summary(notice: Notice, client: Client, why: str) -> str:
    path = client.secret("GITHUB_STEP_SUMMARY", needed=False)
    if not path:
        raise NotifyError(f"{why}, and this job has no summary", next="give the job the right pull-requests: write")
    with Path(path).open("a", encoding="utf-8") as file:
        file.write(notice.markdown + "\n")
    return f"{why}; it is in the job's summary instead"
