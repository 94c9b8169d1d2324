"""What a dry run finds in eval functions before anything is asked."""

from pathlib import Path
from textwrap import dedent

import pytest

from harness.evaluate.runner.session import NOTHING
from harness.evaluate.stage import survey
from harness.types import Arm, EvalRequest

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"
HEAD = """
import pytest
from trueup import cases, guard, score, suite
ROWS = [{"id": "a", "text": "x", "expected": "y", "ticket": "t"}]
UNNAMED = [{"id": "a", "text": "x", "expcted": "y"}]

@pytest.fixture
def database(): return {}
"""
MISTAKES = {
    "fixture": ("@cases(ROWS)\ndef eval_it(case, model, databse): assert model", "'databse', which is not there; did you mean 'database'?"),
    "async": ("@cases(ROWS)\nasync def eval_it(case, model): assert model", "is `async def`; write a plain `def`"),
    "method": ("@cases(ROWS)\ndef eval_it(case, model): return model.caht(case.messages) == 'y'", "no model.caht(); did you mean 'chat'?"),
    "argument": ("@cases(ROWS)\ndef eval_it(case, model): return score.text(model.chat('x', max_token=5), 'y')",
                 "model.chat() takes no argument 'max_token'; did you mean 'max_tokens'?"),
    "scorer": ("@cases(ROWS)\ndef eval_it(case, model): return score.text(model.chat('x'), 'y', modee='exact')",
               "score.text() takes no argument 'modee'; did you mean 'mode'?"),
    "field": ("@cases(ROWS)\ndef eval_it(case, model): return case.expectd == 1", "no field 'expectd'; did you mean 'expected'?"),
    "own column": ("@cases(ROWS)\ndef eval_it(case, model): return case.ticket == 1", "write case[\"ticket\"]"),
    "column": ("@cases(ROWS)\ndef eval_it(case, model): return case['tickt'] == 1", "no case has the column 'tickt'; did you mean 'ticket'?"),
    "column of a file": ("@cases(UNNAMED)\ndef eval_it(case, model): return case.expected == 1",
                         "no case has a column `expected`; did you mean the column 'expcted'?"),
    "role": ("@suite(role=guard(margn=0.1))\n@cases(ROWS)\ndef eval_it(case, model): return 1", "did you mean 'margin'?"),
    "decorator": ("@suite(clster='ticket')\n@cases(ROWS)\ndef eval_it(case, model): return 1", "did you mean 'cluster'?"),
    "argument of cases": ("@cases(ROWS, columns={})\ndef eval_it(case, model): return 1", "known arguments: "),
    "unknown scorer": ("@cases(ROWS)\ndef eval_it(case, model): return score.txt(model.chat('x'), 'y')",
                       "there is no score.txt(); did you mean 'text'?"),
    "one name twice": ("@cases(ROWS)\ndef eval_it(case, model): return 1\n@cases(ROWS)\ndef eval_it(case, model): return 0",
                       "eval_it is defined twice, in lines 10 and 12, and only the second one counts"),
    "name of no suite": ("@cases(ROWS)\ndef eval_it(case, model): assert model\n@suite()\ndef check_it(model): assert model",
                         "check_it has @suite or @cases, but its name does not begin with `eval_`"),
    "id column": ("@cases(ROWS, id='tickt')\ndef eval_it(case, model): return 1", "no 'tickt', which @cases(id=...) names"),
    "cluster column": ("@suite(cluster='tickt')\n@cases(ROWS)\ndef eval_it(case, model): return 1", "did you mean 'ticket'?"),
}  # fmt: skip


@pytest.fixture
def found(tmp_path):
    """All that a dry run of an eval file with this body tells."""

    def run(body):
        (tmp_path / "eval_it.py").write_text(HEAD + dedent(body))
        request = EvalRequest(arms=(Arm(name="arm", backend="scripted"),), paths=(str(tmp_path),), out=str(tmp_path))
        seen = survey(request)
        return [*seen.problems, *seen.mistakes]

    return run


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_with_what_was_meant(found, name):
    """One sentence a mistake, with the place."""
    body, told = MISTAKES[name]
    problem, *more = found(body)
    assert told in problem and "eval_it.py" in problem
    assert not [other for other in more if other != NOTHING]  # which is so where the file does not load


def test_what_is_right_or_cannot_be_known_is_left_alone(found):
    """Names that the function sets itself, fields that exist, fixtures of pytest, options that are passed on."""
    assert (
        found(
            """
        @pytest.mark.parametrize("style", ["long", "short"])
        @cases(ROWS)
        def eval_it(case, model, database, tmp_path, style, request):
            options = {"max_tokens": 5}
            reply = model.chat(case.messages, **options)
            chat = model.session(case.messages, temperature=0.5)
            case = chat
            case.anything = case["whatever"] if case is None else 1
            return score.text(reply, "y", mode="contains"), score.check("text", bool(chat))
        """
        )
        == []
    )


def test_the_worked_examples_hold_no_mistakes(tmp_path):
    """Fourteen files with every kind of scorer."""
    arm = Arm(name="arm", backend="scripted")
    assert survey(EvalRequest(arms=(arm,), paths=(str(EXAMPLES),), out=str(tmp_path))).mistakes == ()


def test_what_another_file_decorates_and_whose_call_fails_elsewhere_is_no_mistake_of_ours(found, tmp_path):
    """A suite that is imported under another name runs where it is written; a class of the user's own has its own arguments."""
    (tmp_path / "shared.py").write_text("from trueup import suite\n@suite()\ndef eval_base(model): assert model\n")
    head = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\nfrom shared import eval_base as base\n"
    assert found(head + "@cases(ROWS)\ndef eval_it(case, model): assert model") == []
    problem, *_ = found("class Own:\n    def __call__(self): pass\nOwn()(columns=1)")
    assert "unexpected keyword argument 'columns'" in problem and "known arguments" not in problem
