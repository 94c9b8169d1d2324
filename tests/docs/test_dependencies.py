"""The lock, the tested versions and the ranges agree, and the lock names each file by its hash."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PINNED = re.compile(r"^([\w.-]+)==(\S+)", re.MULTILINE)
LOCK = (ROOT / "requirements.lock").read_text()
ENTRY = re.compile(r"^([\w.-]+)==(\S+)[^\n]*?((?: \\\n    --hash=sha256:[0-9a-f]{64})+)$", re.MULTILINE)
LOCKED = {canonicalize_name(match[1]): match[2] for match in ENTRY.finditer(LOCK)}
TESTED = {canonicalize_name(match[1]): match[2] for match in PINNED.finditer((ROOT / "constraints.txt").read_text())}


def test_every_line_of_the_lock_is_an_entry_with_hashes():
    """Nothing is installed that was not named, and no address is in it."""
    assert ENTRY.sub("", LOCK).strip() == "" and "://" not in LOCK
    assert len(LOCKED) == len(PINNED.findall(LOCK)) > len(PROJECT["dependencies"])


@pytest.mark.parametrize("entry", PROJECT["dependencies"])
def test_what_is_locked_is_what_is_tested_and_in_range(entry):
    """`make lock` after a change of pyproject.toml or constraints.txt."""
    needed = Requirement(entry)
    name = canonicalize_name(needed.name)
    assert LOCKED[name] == TESTED[name] and needed.specifier.contains(LOCKED[name], prereleases=True)


def test_no_version_of_the_lock_is_another_than_the_tested_one():
    """Of what the dependencies need, too; the lock also has what other systems than the tested one need."""
    assert {name: LOCKED[name] for name in LOCKED if name in TESTED} == {
        name: TESTED[name] for name in LOCKED if name in TESTED
    }


@pytest.mark.parametrize("extra", PROJECT["optional-dependencies"])
def test_the_tested_versions_of_extras_are_in_range(extra):
    """Those that are installed for the tests."""
    for needed in map(Requirement, PROJECT["optional-dependencies"][extra]):
        tested = TESTED.get(canonicalize_name(needed.name))
        assert tested is None or needed.specifier.contains(tested, prereleases=True), needed
