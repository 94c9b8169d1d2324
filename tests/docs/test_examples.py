"""The worked examples of docs/examples run, tell right from wrong, and are short."""

import ast
from pathlib import Path

import pytest

from harness.evaluate.judging import labels, words
from harness.evaluate.stage import evaluate
from harness.types import Arm, EvalRequest

FOLDER = Path(__file__).parents[2] / "docs" / "examples"
FILES = sorted(FOLDER.glob("*/eval_*.py"))
JUDGE = Arm(name="judge", backend="scripted", model=str(FOLDER / "judge.jsonl"))
RIGHT = Arm(name="right", backend="scripted", model=str(FOLDER / "right.jsonl"))
RECORDED = Arm(name="recorded", backend="recorded", model=str(FOLDER / "refunds" / "recorded.jsonl"))
OWN_WAY = {
    "refunds": "needs a model that calls tools",
    "lengths": "measures a budget, and both arms keep it",
    "units": "holds a case that is known to fail",
    "summaries": "gives shades, not right or wrong",
    "refusals": "an echo is no refusal, and right where none is due",
    "intents": "an echo chooses the first label, which is right once",
}


@pytest.fixture(scope="module")
def means(tmp_path_factory):
    """Folder of the example to its mean score, under the right and the wrong arm; of errors the first is kept."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRUEUP_RUN_CODE", "1")
        out = str(tmp_path_factory.mktemp("examples"))
        arms = (RIGHT, Arm(name="wrong", backend="scripted"))
        runs = evaluate(EvalRequest(arms=arms, paths=(str(FOLDER),), out=out, judges=(JUDGE,)))
    assert not [problem for run in runs for problem in run.problems]
    return [collected(run) for run in runs]


def collected(run):
    found = {}
    for suite in run.suites:
        results = [result for result in run.results if result.suite == suite.name and not result.skipped]
        errors = [result.error for result in results if result.error]
        scores = [result.score(suite.metric) for result in results if not result.error]
        found[suite.name.split("::eval_")[1]] = errors[0] if errors else sum(scores) / len(scores)
    return found


@pytest.mark.parametrize("name", [file.parent.name for file in FILES])
def test_an_example_tells_right_from_wrong(means, name):
    """The scripted right answers get full marks, and an echo of the question gets none."""
    right, wrong = means[0][name], means[1][name]
    if isinstance(right, str) and "cannot be confined" in right:
        pytest.skip(right)
    if name in OWN_WAY:
        assert isinstance(right, float) and isinstance(wrong, float), (right, wrong)
        assert right >= wrong
    else:
        assert (right, wrong) == (1, 0)


def test_recorded_answers_call_the_right_tools(tmp_path):
    """The suite with tools runs on recorded calls, turn by turn."""
    request = EvalRequest(arms=(RECORDED,), paths=(str(FOLDER / "refunds"),), out=str(tmp_path))
    assert collected(evaluate(request)[0]) == {"refunds": 1}


def test_there_is_an_example_for_every_family_and_each_is_short():
    """At least twelve, half of them under 15 lines of code."""
    sizes = sorted(lines(file) for file in FILES)
    assert len(FILES) >= 12 and sizes[len(sizes) // 2] < 15, sizes


def lines(file):
    """Lines of code: without comments, docstrings and blank lines."""
    tree = ast.parse(file.read_text())
    docs = {
        node.value.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    text = ast.unparse(tree).splitlines()
    return len([line for line in text if line.strip()]) - len(docs)


def test_the_labels_of_the_example_are_enough_for_the_gate(tmp_path):
    """The judge of the worked example counts, and nothing is lacking that the gate would ask for; a first try is brief."""
    request = EvalRequest(arms=(RIGHT,), paths=(str(FOLDER / "tone"),), out=str(tmp_path), judges=(JUDGE,))
    (suite,) = evaluate(request)[0].suites
    assert suite.judge.problem == "" and suite.judge.most_bias == 0.05 and suite.judge.attacks > 50
    assert labels.weakness(suite.judge) == ""
    assert words.sentence(suite.judge).endswith(f"it counts (pin {suite.judge.judge[:16]})")
