"""The CI templates are what their hosts can read, and name commands that exist."""

import re
from pathlib import Path

import pytest
import yaml

from harness.cli import all_commands

FOLDER = Path(__file__).parents[1] / "docs" / "ci"
FILES = sorted(FOLDER.glob("*.yml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_template_parses_and_keeps_what_a_run_leaves(file):
    """Valid YAML that caches the store, keeps the report folder, and runs by night and on a change."""
    text = file.read_text(encoding="utf-8")
    assert yaml.safe_load(text)
    assert ".trueup" in text and "out/" in text
    assert "schedule" in text and ("pull_request" in text or "merge_request" in text)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_template_types_commands_that_exist(file):
    """Each `trueup VERB` in a template is a command."""
    verbs = set(re.findall(r"^\s*(?:- |run: |- run: )?trueup (\w+)", file.read_text(encoding="utf-8"), re.MULTILINE))
    assert "run" in verbs
    assert verbs <= set(all_commands())


def test_github_saves_the_store_after_a_hold():
    """A run that ends with another exit code than 0 still leaves its cache, summary, annotations and report."""
    steps = yaml.safe_load((FOLDER / "github-actions.yml").read_text(encoding="utf-8"))["jobs"]["run"]["steps"]
    after = steps[[step.get("id") for step in steps].index("loop") + 1 :]
    assert all(step["if"] == "always()" for step in after)
    said = str(after)
    assert all(word in said for word in ("cache/save", "GITHUB_STEP_SUMMARY", "report.github.txt", "upload-artifact"))
