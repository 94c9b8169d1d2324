"""Deploy into a repository of the Hugging Face Hub: each release a branch, and the alias one more, moved by a single commit.

Others load `from_pretrained(base)` with `PeftModel.from_pretrained(..., "me/refunds", revision="production")`. The card's metadata
name the base with its revision. The report, which shows users' calls, is left out unless `report = true`.
"""

import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx2
from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationCopy,
    CommitOperationDelete,
    HfApi,
    ModelCard,
)
from huggingface_hub.errors import (
    EntryNotFoundError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from harness.core.codec import digest, encode, file_digest
from harness.errors import DeployError
from harness.promote.readback import compare
from harness.types import Arm, Noun, Release

CARD, MARK, REPORT = "README.md", "evidence/release.json", "evidence/report.html"
"""`MARK` names the release that a branch holds; it is in the same commit as the release's files."""
OWN = frozenset({".gitattributes"})
"""What the Hub itself puts into a repository."""
SNAPSHOT = re.compile(r"models--([^/]+)--([^/]+)/snapshots/([0-9a-f]{40})$")
"""Where the Hub's cache keeps a model."""


class Options(Noun, frozen=True):
    repo: str
    """Such as `me/refunds`; made where it is missing."""
    branch: str = ""
    """The branch that is moved; empty: the alias."""
    base: str = ""
    """Repository of the base model, for the card; empty: read from the base's folder where that is in the Hub's cache."""
    base_revision: str = ""
    """Commit of the base model."""
    private: bool = True
    report: bool = False
    """True: the report goes along."""
    url: str = "https://huggingface.co"
    token_env: str = "HF_TOKEN"
    """Variable with a token that may write."""


def open(options: Options, alias: str) -> "HubTarget":
    return HubTarget(options, options.branch or alias)


class HubTarget:
    def __init__(self, options: Options, branch: str) -> None:
        self._options, self._branch, self._repo = options, branch, options.repo
        self._api = HfApi(options.url, os.environ.get(options.token_env) or False)

    def name_of(self, release: Release) -> str:
        return release.name

    def current(self) -> str:
        """Raises DeployError where the branch holds something else than a release."""
        with self._asking():
            if self._branch not in self._branches():
                return ""
            name = self._marked(self._branch)
        if not name:
            raise DeployError(
                f"the branch {self._branch!r} has no release made by trueup",
                where=f"{self._options.url}/{self._repo}",
                next='set another branch, such as branch = "trueup"',
            )
        return name

    def has(self, name: str) -> bool:
        with self._asking():
            return name in self._branches() and self._marked(name) == name

    def put(self, release: Release) -> None:
        """A branch, then all files in one commit: a killed put leaves a branch without the mark, which the next one fills."""
        files = self._published(release)
        wanted = {path: _digest(content) for path, content in files.items()}
        with self._asking():
            self._api.create_repo(self._repo, private=self._options.private, exist_ok=True)
            if release.name not in self._branches():
                self._api.create_branch(self._repo, branch=release.name)
            elif self._digests(release.name) == wanted:
                return
            adds = [CommitOperationAdd(path, content) for path, content in files.items()]
            gone = [CommitOperationDelete(path) for path in self._paths(release.name) if path not in files]
            self._api.create_commit(self._repo, [*adds, *gone], commit_message=release.name, revision=release.name)

    def check(self, release: Release) -> str:
        wanted = {path: _digest(content) for path, content in self._published(release).items()}
        with self._asking():
            there = self._digests(release.name) if release.name in self._branches() else {}
        return compare(wanted, there, f"{self._options.url}/{self._repo}/tree/{release.name}")

    def through(self, release: Release) -> Arm | None:
        return None

    def switch(self, name: str) -> None:
        """One commit whose files are those of the release's branch; the Hub copies weights without an upload."""
        with self._asking():
            branches = self._branches()
            if not name:
                if self._branch in branches:
                    self._api.delete_branch(self._repo, branch=self._branch)
            elif self._branch not in branches:
                self._api.create_branch(self._repo, branch=self._branch, revision=name)
            else:
                files = self._paths(name)
                copies = [CommitOperationCopy(path, path, src_revision=name) for path in files]
                gone = [CommitOperationDelete(path) for path in self._paths(self._branch) if path not in files]
                self._api.create_commit(self._repo, [*copies, *gone], commit_message=name, revision=self._branch)

    def discard(self, name: str) -> None:
        with self._asking():
            if name in self._branches():
                self._api.delete_branch(self._repo, branch=name)

    # ------------------------------------------------------------ small print

    def _published(self, release: Release) -> dict[str, str | bytes]:
        """Path in the repository to a file on this machine, or to its content."""
        files: dict[str, str | bytes] = {
            path: place for path, place in release.places.items() if path != REPORT or self._options.report
        }
        if CARD in files:
            files[CARD] = self._card(Path(release.places[CARD]), release.arm.model)
        return {**files, MARK: encode({"name": release.name, "what": release.what, "verdict": release.verdict})}

    def _card(self, place: Path, folder: str) -> bytes:
        """The card with the base in its metadata."""
        card = ModelCard(place.read_text(encoding="utf-8"), ignore_metadata_errors=True)
        cached = SNAPSHOT.search(str(Path(folder).resolve()))
        base = self._options.base or (f"{cached[1]}/{cached[2]}" if cached else "")
        revision = self._options.base_revision or (cached[3] if cached else "")
        if base:
            card.data["base_model"] = base
        if revision:
            card.data["base_model_revision"] = revision
        return str(card).encode()

    def _branches(self) -> set[str]:
        """Names of the branches; none where there is no repository."""
        try:
            return {ref.name for ref in self._api.list_repo_refs(self._repo).branches}
        except RepositoryNotFoundError as error:
            if error.response is not None and error.response.status_code == 404:
                return set()
            raise

    def _paths(self, revision: str) -> list[str]:
        return [path for path in self._api.list_repo_files(self._repo, revision=revision) if path not in OWN]

    def _marked(self, revision: str) -> str:
        """Name of the release that a branch says it holds; empty where it says none."""
        with tempfile.TemporaryDirectory() as folder:
            try:
                place = self._api.hf_hub_download(self._repo, MARK, revision=revision, local_dir=folder)
                return str(_json(Path(place)).get("name", ""))
            except LocalEntryNotFoundError:
                raise
            except (EntryNotFoundError, RevisionNotFoundError):
                return ""

    def _digests(self, revision: str) -> dict[str, str]:
        """Path of each file of a branch to its sha256, read back."""
        there = {}
        for path in self._paths(revision):
            with tempfile.TemporaryDirectory() as folder:
                there[path] = file_digest(
                    Path(self._api.hf_hub_download(self._repo, path, revision=revision, local_dir=folder))
                )
        return there

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Turns errors of the Hub into a DeployError with what helps."""
        where = f"{self._options.url}/{self._repo}"
        try:
            yield
        except HfHubHTTPError as error:
            status = error.response.status_code if error.response is not None else 0
            if status in (401, 403):
                hint = f"set {self._options.token_env} to a token that may write to {self._repo}"
                raise DeployError(f"the Hub refuses it: HTTP {status}", where=where, next=hint) from error
            raise DeployError(f"the Hub cannot do it: {_short(error)}", where=where, next="try again later") from error
        except (httpx2.HTTPError, OSError) as error:
            what = f"the Hub does not answer: {_short(error)}"
            raise DeployError(what, where=where, next="check url and the network") from error


def _digest(content: str | bytes) -> str:
    return digest(content) if isinstance(content, bytes) else file_digest(Path(content))


def _json(path: Path) -> Mapping[str, object]:
    try:
        found = json.loads(path.read_bytes())
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
