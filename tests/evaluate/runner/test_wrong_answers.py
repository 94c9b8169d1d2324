"""What a developer sees of a wrong answer, in every way in which pytest can show it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
APOLOGY = "I'm sorry, I cannot help with that."
EVAL = """
from trueup import cases, score

PARCEL = [{"id": "parcel", "text": "My parcel is broken", "expected": "refund"}]
TABLE = [{"id": "table", "text": "A table for four", "expected": {"people": 4, "time": None}}]


@cases(PARCEL)
def eval_label(case, model):
    answer = model.chat(case.messages)
    return score.label(answer, case.expected, among=["refund", "late"])  # RETURNED


@cases(PARCEL)
def eval_assert(case, model):
    answer = model.chat(case.messages)
    assert answer.finish_reason == "length"  # ASSERTED


@cases(TABLE)
def eval_fields(case, model):
    return score.json_fields(model.chat(case.messages), case.expected)


@cases(PARCEL)
def eval_no_score(case, model):
    assert model.chat(case.messages)
    return "fine"  # NO SCORE


class EvalGroup:
    @cases(PARCEL)
    def eval_method(self, case, model):
        return score.text(model.chat(case.messages), case.expected)
"""
SCRIPT = (
    '{"match": "parcel", "reply": "I\'m sorry, I cannot help with that."}\n'
    '{"match": "table", "reply": "{\\"people\\": 4, \\"time\\": \\"eight\\"}"}\n'
)


@pytest.fixture
def shown(tmp_path):
    """The output of pytest in a folder with the eval file above."""
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "eval_desk.py").write_text(EVAL)
    (tmp_path / "script.jsonl").write_text(SCRIPT)

    def run(*args, typed=""):
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "COLUMNS": "200"}
        command = [sys.executable, "-m", "pytest", "-p", "trueup", "--model", "scripted:script.jsonl", *args]
        done = subprocess.run(command, cwd=tmp_path, env=environment, input=typed, capture_output=True, text=True)
        return done.stdout + done.stderr

    return run


def line_of(mark):
    return next(number for number, line in enumerate(EVAL.splitlines(), start=1) if mark in line)


def test_a_wrong_answer_is_shown_at_its_return_with_what_was_asked(shown):
    """What was asked, then expected and said, once, at the line that returned the score; arguments take one line each."""
    text = shown("-k", "eval_label")
    assert f"E       asked: My parcel is broken\nE       label: expected 'refund', got \"{APOLOGY}\"\n" in text
    assert f"eval_desk.py:{line_of('RETURNED')}: AssertionError" in text
    assert "case = Case(id='parcel', text='My parcel is broken', expected='refund')" in text
    assert text.count("cannot help") == 2  # in the failure, and in the summary
    assert f"FAILED eval_desk.py::eval_label[parcel] - label: expected 'refund', got \"{APOLOGY}\"\n" in text


def test_what_a_reason_leaves_out_is_shown_as_a_difference(shown):
    """Fields are compared line by line; a failed assertion is followed by nothing that it says already."""
    text = shown("-k", "fields or assert", "--tb=short")
    assert 'expected (-), said (+):\nE       {\nE         "people": 4,\nE     -   "time": null\n' in text
    assert f"E   asked: My parcel is broken\nE   said: {APOLOGY}\nE   assert 'stop' == 'length'\n" in text
    assert "FAILED eval_desk.py::eval_assert[parcel] - assert 'stop' == 'length'\n" in text


@pytest.mark.parametrize(
    ("style", "place"),
    [("line", "eval_desk.py:{0}: label: expected"), ("short", "eval_desk.py:{0}: in eval_label"),
     ("native", 'eval_desk.py", line {0}, in eval_label\n')],
)  # fmt: skip
def test_every_style_of_traceback_ends_in_the_eval_file(shown, style, place):
    """An editor that jumps to the last place lands at the return."""
    text = shown("-k", "eval_label", f"--tb={style}")
    assert place.format(line_of("RETURNED")) in text
    places = re.findall(r"(\w+\.py)(?:\", line |:)\d+", text)
    assert places[-1] == "eval_desk.py"


def test_junit_names_the_place_and_the_reason(shown, tmp_path):
    """The message is the summary's line, the text ends in the eval file, and old readers get file and line."""
    shown("--junitxml=out.xml", "-o", "junit_family=xunit1")
    xml = (tmp_path / "out.xml").read_text()
    assert "message=\"label: expected 'refund', got &quot;I'm sorry" in xml
    assert f"eval_desk.py:{line_of('RETURNED')}: AssertionError</failure>" in xml
    assert 'file="eval_desk.py"' in xml


@pytest.mark.parametrize("name", ["eval_label", "eval_assert", "eval_method"])
def test_the_debugger_opens_in_the_eval_function(shown, name):
    """With the case, the last reply and the scores at hand, whatever the function calls them."""
    typed = "p 'AT', case.id, reply.text, [s.value for s in scores]\np __file__\nc\n"
    text = shown("-k", name, "--pdb", typed=typed)
    assert f"('AT', 'parcel', \"{APOLOGY}\", [0.0])" in text and f"{name}()\n" in text


def test_what_is_no_score_is_an_error_at_its_return(shown):
    """A returned value that is none is told at the line that returned it."""
    text = shown("-k", "no_score")
    assert f"eval_desk.py:{line_of('NO SCORE')}: Failed" in text and "returned str, which is no score" in text


def test_each_case_has_one_line_and_one_letter_behind_its_own_file(shown, tmp_path):
    """Cases of two files that wait for each other: -v names each once, and letters stand behind their file."""
    (tmp_path / "eval_other.py").write_text(EVAL)
    text = shown("-v", "--tb=no")
    assert text.count("::eval_label[parcel]") == 4  # twice in the list, twice in the summary
    text = shown("--tb=no")
    assert re.search(r"^eval_desk.py FFFFF +\[ 50%\]\neval_other.py FFFFF +\[100%\]$", text, re.MULTILINE)


def test_long_questions_are_cut_and_shown_whole_on_demand(shown, tmp_path):
    """The first and the last lines stay; -vv shows all."""
    words = "\\n".join(f"line {number}" for number in range(100))
    (tmp_path / "eval_desk.py").write_text(EVAL.replace("My parcel is broken", f"My parcel\\n{words}"))
    text = shown("-k", "eval_label")
    assert "line 50" not in text and "77 lines left out; -vv shows them" in text and "line 99" in text
    assert "line 50" in shown("-k", "eval_label", "-vv")
