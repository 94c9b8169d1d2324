"""Suites with a judge, as a whole evaluation runs them."""

import json
from pathlib import Path
from textwrap import dedent

import pytest

from harness.evaluate.judging import words
from harness.evaluate.runner import usage
from harness.evaluate.stage import evaluate, survey
from harness.types import Arm, EvalRequest

EVAL = """
from harness import cases, guard, info, judge, score, suite

sound = judge("polite.md", by="scripted:sound.jsonl", calibration="labels.jsonl")
gullible = judge(text="Says please.", by="scripted:gullible.jsonl", name="gullible")
away = judge(text="Says please.", by="scripted:away.jsonl", name="away")
rows = [{"id": "good", "text": "please"}, {"id": "bad", "text": "now"}]

def helped(reply, case):
    return sound(reply, case)

@suite(role=guard(margin=0.1))
@cases(rows)
def eval_sound(case, model):
    return helped(model.chat(case.messages), case), score.text("a", "a")

@cases(rows)
def eval_gullible(case, model):
    return gullible(model.chat(case.messages), case)

@cases(rows)
def eval_away(case, model):
    return away(model.chat(case.messages), case)

@cases(rows)
def eval_plain(case, model):
    return score.text(model.chat(case.messages), "please")
"""
FIRST_LINE = r"(?s)[0-9a-f]{24} the answer to judge\n[^\n]*please"
PASS, FAIL = (json.dumps({"reason": "It says so.", "grade": grade}) for grade in ("pass", "fail"))


def script(path, *rules):
    path.write_text("".join(json.dumps(rule) + "\n" for rule in rules))


@pytest.fixture(scope="module")
def request_(tmp_path_factory):
    folder = tmp_path_factory.mktemp("judged") / "evals"
    folder.mkdir()
    (folder / "eval_it.py").write_text(EVAL)
    (folder / "eval_lost.py").write_text(
        dedent("""
        from harness import cases, judge
        lost = judge(text="Says please.", by="gpt")

        @cases([{"id": "a", "text": "a"}])
        def eval_lost(case, model):
            return lost(model.chat(case.messages), case)
        """)
    )
    (folder / "polite.md").write_text("The answer says please.")
    script(folder / "sound.jsonl", {"match": FIRST_LINE, "reply": PASS}, {"match": ".", "reply": FAIL})
    script(folder / "gullible.jsonl", {"match": 'please|"grade": "pass"', "reply": PASS}, {"match": ".", "reply": FAIL})
    script(folder / "away.jsonl", {"match": ".", "error": "HTTP 500"})
    labels = [("please", "pass")] * 4 + [("no", "fail")] * 4
    rows = [{"id": str(n), "text": "Hi", "reply": said, "label": label} for n, (said, label) in enumerate(labels)]
    script(folder / "labels.jsonl", *rows)
    arm = Arm(name="echo", backend="scripted")
    return EvalRequest(arms=(arm,), paths=(str(folder),), out=str(folder.parent / "out"))


@pytest.fixture(scope="module")
def run(request_):
    return evaluate(request_)[0]


def of(run, name):
    suite = next(suite for suite in run.suites if suite.name.endswith(name))
    return suite, {result.case_id: result for result in run.results if result.suite == suite.name}


def test_a_judge_that_stands_its_trial_gives_scores(run):
    """Its verdicts are the deciding score, and the outcome of its trial stands in the suite."""
    suite, results = of(run, "eval_sound")
    assert {name: result.scores[0].value for name, result in results.items()} == {"good": 1, "bad": 0}
    assert results["bad"].scores[0].explanation == "It says so."
    found = suite.judge
    assert suite.metric == found.name == "polite"
    assert (found.true_pass, found.true_fail, found.kappa, found.flips, found.problem) == (4, 4, 1, 0, "")
    assert found.attacks > 50


def test_what_a_judge_takes_is_counted_apart_from_the_arm(run):
    """Its verdicts and its trial have tokens of their own; the arm's results hold the arm's replies only."""
    spent = {part.name: part for part in run.judged}
    assert spent["judge polite"].calls == 2
    assert spent["judge polite, its trial"].calls == 8 + of(run, "eval_sound")[0].judge.attacks
    assert spent["judge polite"].input > 0 and spent["judge polite"].output > 0 and spent["judge polite"].cost is None
    assert "judge gullible" not in spent and "judge gullible, its trial" in spent
    arm = usage.of_runs([run])[0]
    assert (arm.name, arm.calls) == ("echo", sum(len(result.replies) for result in run.results))
    twice = {part.name: part for part in usage.of_runs([run, run])}
    assert twice["judge polite"].calls == 4 and twice["judge polite"].input == 2 * spent["judge polite"].input


@pytest.mark.parametrize(("name", "why"), [("eval_gullible", "attacks made it pass"), ("eval_away", "HTTP 500")])
def test_a_judge_that_fails_its_trial_makes_errors_not_zeros(run, name, why):
    """Every case of it is an error with the reason, and has no score; the outcome of the trial is there to be read."""
    suite, results = of(run, name)
    assert all(why in result.error and not result.scores for result in results.values())
    assert why in suite.judge.problem and "it does not count" in words.sentence(suite.judge)


def test_the_other_suites_run_all_the_same(run):
    """A judge that is away takes nothing else with it; a judge without a model is a problem of its file."""
    _, results = of(run, "eval_plain")
    assert {name: result.scores[0].value for name, result in results.items()} == {"good": 1, "bad": 0}
    (problem,) = run.problems
    assert "eval_lost.py" in problem and "[judges.gpt]" in problem


def test_another_rubric_is_another_suite(request_):
    """The digest of a judged suite holds the rubric, so an earlier run is not taken for one under this rubric."""
    before = {suite.name: suite.digest for suite in survey(request_).suites}
    Path(request_.paths[0], "polite.md").write_text("The answer says thank you.")
    after = {suite.name: suite.digest for suite in survey(request_).suites}
    assert {name for name in before if before[name] != after[name]} == {"eval_it::eval_sound"}
