"""The CI templates are what their hosts can read, and name commands that exist."""

import re
from pathlib import Path

import pytest
import yaml

from harness.cli.main import all_commands
from harness.core.plugins import names
from harness.errors import Exit

FOLDER = Path(__file__).parents[2] / "docs" / "ci"
FILES = sorted(FOLDER.glob("*.yml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_template_parses_and_keeps_what_a_run_leaves(file):
    """Valid YAML that caches the store, keeps the report folder, and runs by night and on a change."""
    text = file.read_text(encoding="utf-8")
    assert yaml.safe_load(text)
    assert ".trueup" in text and "out/" in text
    assert "schedule" in text and ("pull_request" in text or "merge_request" in text)


def typed(file):
    """Every `trueup VERB WORDS` that a template types."""
    lines = re.findall(r"^\s*(?:- |run: |- run: )?trueup ([^#&|\n]+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    return [line.split() for line in lines]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_template_types_commands_that_exist(file):
    """Each command of a template is one that the parser takes, with its options, and each report format is one."""
    commands, lines = all_commands(), typed(file)
    assert ["run"] in lines
    for verb, *words in lines:
        context = commands[verb].make_context(verb, words)
        assert set(context.params.get("formats") or ()) <= set(names("reports"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_template_explains_the_exit_codes_there_are(file):
    """Each code that a template names is that of the harness, under its word."""
    said = dict(re.findall(r"(\d+) (promote|hold|undecided|invalid)", file.read_text(encoding="utf-8")))
    assert said == {str(int(Exit[word.upper()])): word for word in ("promote", "hold", "undecided", "invalid")}


def test_github_saves_the_store_after_a_hold():
    """A run that ends with another exit code than 0 still leaves its cache, summary, annotations and report."""
    steps = yaml.safe_load((FOLDER / "github-actions.yml").read_text(encoding="utf-8"))["jobs"]["run"]["steps"]
    after = steps[[step.get("id") for step in steps].index("loop") + 1 :]
    assert all(step["if"] == "always()" for step in after)
    said = str(after)
    assert all(word in said for word in ("cache/save", "GITHUB_STEP_SUMMARY", "report.github.txt", "upload-artifact"))
