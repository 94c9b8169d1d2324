"""mypy is strict over the whole house, and what it does not look at says why."""

import io
import re
import tokenize
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("trueup", "harness", "trainers", "reports")
IGNORED = re.compile(r"# type: ignore(\[[a-z-]+\])?( # \w.*)?")
"""The comment with the code of the error, and a second comment with the reason."""


def ignored(path: Path) -> list[re.Match[str]]:
    """The comments of a file that keep mypy from looking at a line."""
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline)
    comments = (token.string for token in tokens if token.type == tokenize.COMMENT)
    return [found for found in map(IGNORED.match, comments) if found]


def test_mypy_is_strict_without_exceptions_for_our_own_code():
    """Exceptions are for other people's packages."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mypy"]
    overridden = {name.split(".")[0] for override in settings["overrides"] for name in override["module"]}
    assert settings["strict"] is True
    assert set(settings["packages"]) == set(PACKAGES)
    assert not overridden & {*PACKAGES, "*"}
    assert not {"ignore_missing_imports", "ignore_errors", "follow_imports"} & settings.keys()
    assert settings["exclude"] == ["harness/cli/starter/general/"], "the eval files that users get, and nothing else"


@pytest.mark.parametrize("package", PACKAGES)
def test_an_ignored_error_has_its_code_and_a_reason(package):
    """`# type: ignore[code] # why`, so that another error on the same line is still seen."""
    for path in sorted((ROOT / package).rglob("*.py")):
        for match in ignored(path):
            assert match[1], f"{path}: no code of an error: {match.string}"
            assert match[2], f"{path}: no reason: {match.string}"
