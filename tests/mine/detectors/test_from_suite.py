"""Eval files judge what production answered, where they can."""

import pytest

from harness.errors import UsageError
from harness.mine.detectors import from_suite
from harness.mine.window import Window
from tests.curate.traces import call

FILE = """
from harness.types import Score

def eval_polite(case, model):
    reply = model.chat(case.messages, max_tokens=9)
    assert "please" in reply.text, "it is not polite"

def eval_short(case, model):
    reply = model.chat(case.messages)
    return Score(name="short", value=float(len(reply.text) < 20), explanation="20 characters")

def eval_gold(case, model):
    assert model.chat(case.messages).text == case.expected

def eval_twice(case, model):
    model.chat(case.messages)
    assert model.chat("sure?").text == "yes"

def eval_fixture(case, model, tmp_path):
    assert False
"""


def test_checks_and_scores_are_applied_without_generating(tmp_path):
    """A failed check and a zero score are failures; evals that need gold or more questions say nothing."""
    path = tmp_path / "eval_tone.py"
    path.write_text(FILE)
    calls = (call(1, "x", "yes please"), call(2, "x", "no"), call(3, "x", "please " * 9), call(4, "x", None))
    found = {f.call_id: f.reason for f in from_suite.detect(Window(calls=calls, options={"suites": [str(path)]}))}
    assert found == {"t:2": "eval_polite: it is not polite", "t:3": "eval_short: short is 0. 20 characters"}


def test_without_suites_nothing_runs():
    """No option, no failures; a file that is not there is named."""
    assert list(from_suite.detect(Window(calls=(call(1, "x"),)))) == []
    with pytest.raises(UsageError, match=r"nowhere\.py"):
        list(from_suite.detect(Window(calls=(call(1, "x"),), options={"suites": ["nowhere.py"]})))
