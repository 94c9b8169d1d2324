"""Read which CI job this is from its environment variables: branch, change, page and API of GitHub Actions or GitLab CI.

GitHub: https://docs.github.com/actions/reference/variables-reference, and the event's own JSON file.
GitLab: https://docs.gitlab.com/ci/variables/predefined_variables/.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple


class CiJob(NamedTuple):
    """Where a job runs. Every field is empty where it is not known, as on a laptop."""

    host: str = ""
    """`github` or `gitlab`."""
    branch: str = ""
    """The branch that is built; empty in a pull or merge request."""
    base: str = ""
    """The branch that a pull or merge request goes into."""
    change: str = ""
    """Number of the pull or merge request."""
    commit: str = ""
    """Its head commit, or the one that is built."""
    repository: str = ""
    """`owner/name` on GitHub, the project's number on GitLab."""
    api: str = ""
    page: str = ""
    """Address of the job's page, where its artifacts are."""
    is_public: bool = False
    """Whether everybody can read the repository, and so the job's artifacts and caches."""
    workspace: str = ""
    """Folder of the checkout, which is cleaned before the next job."""

    def marked(self, warning: str) -> str:
        """The warning as this host shows it beside the job; one line of text elsewhere."""
        return f"::warning title=trueup::{warning}" if self.host == "github" else f"trueup: {warning}"


def ci_job(environment: Mapping[str, str] = os.environ) -> CiJob:
    """The job that these variables describe; an empty one outside of CI."""
    if environment.get("GITHUB_ACTIONS") == "true":
        return _github(environment)
    return _gitlab(environment) if environment.get("GITLAB_CI") == "true" else CiJob()


def public_warning(job: CiJob) -> str:
    """What to know where everybody can read what a job keeps; empty elsewhere."""
    if not job.is_public:
        return ""
    return (
        "this repository is public, and .trueup/ and out/ contain what users wrote: keep neither as an artifact or a cache of this "
        "job, and commit neither; see docs/how-to/ci.md"
    )


def store_warning(job: CiJob, store: Path) -> str:
    """What to know where the folder of the store is lost with the job; empty elsewhere, and for a store in a bucket."""
    if not job.workspace or not store.resolve().is_relative_to(Path(job.workspace).resolve()):
        return ""
    return (
        "the store is in this job's checkout and is lost with it: what was held out may train on a later night, looks are not "
        "counted, and nothing can be rolled back. Set TRUEUP_STORE to a bucket; see docs/how-to/ci.md"
    )


def _github(environment: Mapping[str, str]) -> CiJob:
    event = _event(environment.get("GITHUB_EVENT_PATH", ""))
    change, repository = event.get("pull_request") or {}, environment.get("GITHUB_REPOSITORY", "")
    server = environment.get("GITHUB_SERVER_URL", "https://github.com")
    return CiJob(
        host="github",
        branch="" if change else environment.get("GITHUB_REF_NAME", ""),
        base=environment.get("GITHUB_BASE_REF", ""),
        change=str(change.get("number") or ""),
        commit=(change.get("head") or {}).get("sha") or environment.get("GITHUB_SHA", ""),
        repository=repository,
        api=environment.get("GITHUB_API_URL", "https://api.github.com"),
        page=f"{server}/{repository}/actions/runs/{environment.get('GITHUB_RUN_ID', '')}",
        is_public=(event.get("repository") or {}).get("private") is False,
        workspace=environment.get("GITHUB_WORKSPACE", ""),
    )


def _event(path: str) -> dict[str, Any]:
    try:
        with open(path, encoding="utf-8") as file:
            event = json.load(file)
    except (OSError, ValueError):
        return {}
    return event if isinstance(event, dict) else {}


def _gitlab(environment: Mapping[str, str]) -> CiJob:
    return CiJob(
        host="gitlab",
        branch=environment.get("CI_COMMIT_BRANCH", ""),
        base=environment.get("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", ""),
        change=environment.get("CI_MERGE_REQUEST_IID", ""),
        commit=environment.get("CI_COMMIT_SHA", ""),
        repository=environment.get("CI_PROJECT_ID", ""),
        api=environment.get("CI_API_V4_URL", ""),
        page=environment.get("CI_JOB_URL", ""),
        is_public=environment.get("CI_PROJECT_VISIBILITY") == "public",
        workspace=environment.get("CI_PROJECT_DIR", ""),
    )
