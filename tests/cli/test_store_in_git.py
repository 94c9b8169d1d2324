"""The store is for git to leave alone: it ignores itself, and the doctor tells when it was committed all the same."""

import json
import subprocess

import pytest

from tests.cli.inside import trueup


def git(*words, cwd):
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    return subprocess.run(["git", *identity, *words], cwd=cwd, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def folder(tmp_path):
    """A project in a folder of a repository."""
    git("init", "--quiet", cwd=tmp_path)
    desk = tmp_path / "desk"
    desk.mkdir()
    (desk / "trueup.toml").write_text('[project]\nname = "desk"\n')
    trueup("status", cwd=desk)
    return desk


def check(folder):
    return json.loads(trueup("doctor", "--json", cwd=folder).stdout)["git"]


def test_git_leaves_the_store_out(folder):
    """`git add` of everything adds no file of it."""
    git("add", ".", cwd=folder)
    assert git("ls-files", cwd=folder).split() == ["trueup.toml"]
    assert check(folder) == {"ok": True, "detail": "git has no file of the store"}


@pytest.mark.parametrize("version", ["2", "4"])
def test_a_store_that_was_committed_is_told(folder, version):
    """By force, or before the store ignored itself; whatever the version of git's index."""
    git("add", "--force", ".", cwd=folder)
    git("update-index", "--index-version", version, cwd=folder)
    found = check(folder)
    assert not found["ok"] and "git rm -r --cached desk/.trueup/" in found["detail"]


def test_a_worktree_has_an_index_of_its_own(folder, tmp_path):
    """Its `.git` is a file that names the place."""
    git("add", ".", cwd=folder)
    git("commit", "--quiet", "-m", "x", cwd=folder)
    git("worktree", "add", "--quiet", str(tmp_path / "tree"), cwd=folder)
    other = tmp_path / "tree" / "desk"
    trueup("status", cwd=other)
    assert check(other)["ok"]
    git("add", "--force", ".", cwd=other)
    assert not check(other)["ok"] and check(folder)["ok"]
