"""Keep one note on the merge request with the verdict's first screen, and update it in place.

GitLab's own job token may not write notes, so this needs a project access token with the scope `api`.
https://docs.gitlab.com/api/notes/
"""

import msgspec

from harness.notify.client import Client, NotifyError
from harness.notify.kinds.github_comment import LONGEST, MARKER, PAGES
from harness.notify.notice import Notice


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    token_env: str = "TRUEUP_GITLAB_TOKEN"
    """Variable with a project access token."""
    name: str = ""
    """Tells the notes of several projects on one merge request apart; empty: the project's name."""


def send(notice: Notice, options: Options, client: Client) -> str:
    """Update the note, or make it. Raises NotifyError where the token may not: the job's page has the report then."""
    job = client.change("gitlab")
    headers = {"PRIVATE-TOKEN": client.secret(options.token_env)}
    marker = MARKER.format(options.name or notice.project)
    url = f"{job.api}/projects/{job.repository}/merge_requests/{job.change}/notes"
    body = {"body": f"{marker}\n{notice.markdown[:LONGEST]}"}
    me = (client.request("GET", f"{job.api}/user", None, headers).json or {}).get("id")
    known = _known(client, f"{url}?per_page=100", headers, marker, me)
    answer = client.request("PUT", f"{url}/{known}", body, headers) if known else None
    if answer is None or answer.status in (401, 403, 404):  # none yet, or somebody else's with the same marker
        answer, known = client.request("POST", url, body, headers), 0
    if not answer.is_fine:
        next_step = "use a project access token with the scope api"
        raise NotifyError(f"GitLab refused the note with HTTP {answer.status}", where=f"!{job.change}", next=next_step)
    return f"note on !{job.change} {'updated' if known else 'made'}"


def _known(client: Client, url: str, headers: dict[str, str], marker: str, me: int | None) -> int:
    """Id of the newest note of the token's own that begins with the marker; 0 when there is none."""
    for page in range(1, PAGES + 1):
        answer = client.request("GET", f"{url}&page={page}", None, headers)
        notes = answer.json if answer.is_fine and isinstance(answer.json, list) else []
        for note in notes:
            if str(note.get("body", "")).startswith(marker) and (note.get("author") or {}).get("id") == me:
                return int(note["id"])
        if not notes:
            break
    return 0
