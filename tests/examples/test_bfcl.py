"""BFCL's multi-turn tasks run as a suite: its possible answers pass, a model that calls nothing does not."""

import json
from pathlib import Path

import pytest

from harness.evaluate.stage import evaluate
from harness.types import Arm, EvalRequest

pytest.importorskip("bfcl_eval", reason="bfcl-eval is not installed: pip install --no-deps bfcl-eval mpmath")

SUITE = Path(__file__).parents[2] / "examples" / "agent_suites" / "evals" / "eval_bfcl.py"
BROKEN = "multi_turn_base_173"
"""Its possible answer gives text where the API's own signature wants a number, so the call is turned down."""


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    from examples.agent_suites.bfcl_oracle import script

    folder = tmp_path_factory.mktemp("bfcl")
    (folder / "oracle.json").write_text(json.dumps(script()))
    oracle = Arm(name="oracle", backend="scripted", model=str(folder / "oracle.json"))
    silent = Arm(name="silent", backend="scripted", options={"default": "I cannot help."})
    return evaluate(EvalRequest(arms=(oracle, silent), paths=(str(SUITE),), out=str(folder / "out")))


def test_the_possible_answers_pass(night):
    """All 200 tasks are played on the live APIs; every one but the broken one ends as it should, without an error."""
    oracle, _ = night
    assert len(oracle.results) == 200 and not any(result.error for result in oracle.results)
    assert {result.case_id for result in oracle.results if result.score("outcome") != 1} == {BROKEN}
    assert all(result.score("steps") == 1 for result in oracle.results)


def test_a_model_that_does_nothing_fails(night):
    """No task is right as it begins."""
    _, silent = night
    assert not any(result.error for result in silent.results)
    assert all(result.score("outcome") == 0 for result in silent.results)


def test_the_suite_is_short():
    """An eval file for a real suite has fewer than 40 lines."""
    assert len(SUITE.read_text(encoding="utf-8").splitlines()) < 40
