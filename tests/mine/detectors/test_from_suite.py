"""Eval files judge what production answered, where they can."""

import sys

import pytest

from harness.errors import InvalidError, UsageError
from harness.mine.detectors import from_suite
from harness.mine.stage import mine
from harness.mine.window import Window
from tests.curate.traces import call

FILE = """
import os
import pytest
from harness.types import Score
from trueup import budget, cases, suite
from words import POLITE

@pytest.fixture(scope="module")
def opened():
    with open(os.environ["OPENED"], "a") as log:
        log.write(f"{os.getpid()} ")

def eval_polite(case, model):
    reply = model.chat(case.messages, max_tokens=9)
    assert POLITE in reply.text, "it is not polite"

def eval_short(case, model):
    reply = model.chat(case.messages)
    return Score(name="short", value=float(len(reply.text) < 20), explanation="20 characters")

def eval_gold(case, model):
    assert model.chat(case.messages).text == case.expected

def eval_twice(case, model):
    model.chat(case.messages)
    assert model.chat("sure?").text == "yes"

@cases("not-there.jsonl")
@pytest.mark.parametrize("word", ["no", "never"])
def eval_words(case, model, word, tmp_path, opened, friendly):
    (tmp_path / "answer").write_text(model.chat(case.messages).text)
    assert word not in (tmp_path / "answer").read_text().split(), friendly

@suite(role=budget(limit=9))
def eval_budget(case, model):
    return 0 * len(model.chat(case.messages).text)

@pytest.mark.parametrize("case", ["own"])
def eval_own_case(case, model):
    assert False

def eval_without_case(model):
    assert False

def eval_broken(case, model):
    raise OSError("not the answer's fault")
"""
CALLS = (
    call(1, "x", "yes please"),
    call(2, "x", "no"),
    call(3, "x", "please " * 9),
    call(4, "x", None),
    call(5, "x", "never please"),
)


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENED", str(tmp_path / "opened"))
    (tmp_path / "conftest.py").write_text(
        "import pathlib, sys, pytest\nsys.path.insert(0, str(pathlib.Path(__file__).parent))\n"
        "@pytest.fixture\ndef friendly(): return 'it is unfriendly'\n"
    )
    (tmp_path / "words.py").write_text("POLITE = 'please'\n")
    (tmp_path / "eval_tone.py").write_text(FILE)
    return tmp_path / "eval_tone.py"


def test_checks_and_scores_are_applied_without_generating(path):
    """Fixtures, parameters and helpers work; evals that need gold, more questions or less of a score say nothing."""
    window = Window(calls=CALLS, options={"suites": [str(path)]})
    assert sorted((f.call_id, f.reason) for f in from_suite.detect(window)) == [
        ("t:2", "eval_polite: it is not polite"),
        ("t:2", "eval_words[no]: it is unfriendly"),
        ("t:3", "eval_short: short is 0. 20 characters"),
        ("t:5", "eval_words[never]: it is unfriendly"),
    ]


def test_a_night_opens_one_process_and_it_is_not_this(path, tmp_path, monkeypatch):
    """The user's code never runs here, and what it sets up for a module serves many sessions."""
    monkeypatch.setattr("harness.mine.stage.BATCH", 2)
    mined = mine(CALLS, (), detectors=["from_suite"], options={"suites": [str(path)]})
    assert {failure.call_id for failure in mined.failures} == {"t:2", "t:3", "t:5"}
    opened = (tmp_path / "opened").read_text().split()
    assert len(set(opened)) == 1 and "words" not in sys.modules


def test_an_eval_file_has_the_whole_environment(tmp_path, monkeypatch):
    """It is the user's own code: a key that it reads is there without being named anywhere."""
    monkeypatch.setenv("SEARCH_API_KEY", "s3cret")
    (tmp_path / "eval_key.py").write_text(
        "import os\n\ndef eval_key(case, model):\n"
        "    assert model.chat(case.messages).text == os.environ['SEARCH_API_KEY'], 'another key'\n"
    )
    window = Window(
        calls=(call(1, "x", "s3cret"), call(2, "x", "no")), options={"suites": [str(tmp_path / "eval_key.py")]}
    )
    assert [failure.call_id for failure in from_suite.detect(window)] == ["t:2"]


def test_without_suites_nothing_runs(tmp_path):
    """No option, no failures; a file that is not there, or does not load, is named."""
    assert list(from_suite.detect(Window(calls=(call(1, "x"),)))) == []
    with pytest.raises(UsageError, match=r"nowhere\.py"):
        list(from_suite.detect(Window(calls=(call(1, "x"),), options={"suites": ["nowhere.py"]})))
    broken = tmp_path / "eval_broken.py"
    broken.write_text("import no_such_module\n")
    with pytest.raises(InvalidError, match="no_such_module"):
        list(from_suite.detect(Window(calls=(call(1, "x"),), options={"suites": [str(broken)]})))
