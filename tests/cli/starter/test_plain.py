"""`trueup init` without traces: what it writes runs at once."""

import json

import pytest

from harness.cli.starter import plain
from harness.errors import UsageError

pytest_plugins = "pytester"


def test_the_starter_runs_and_tells_right_from_wrong(pytester):
    """One of the two answers is right, so one case passes and one fails: no error in the file itself."""
    plain.write(pytester.path)
    questions = pytester.path / "answers.json"
    questions.write_text(json.dumps({"What is the capital of France? Answer with one word.": "It is PARIS."}))
    (pytester.path / "trueup.toml").unlink()
    result = pytester.runpytest("evals", "--model", f"scripted:{questions}")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*contains: expected it to cont*"])


def test_nothing_is_overwritten(tmp_path):
    """A second start in the same folder is refused."""
    plain.write(tmp_path)
    with pytest.raises(UsageError, match="already"):
        plain.write(tmp_path)
