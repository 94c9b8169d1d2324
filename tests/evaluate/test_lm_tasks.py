"""Tasks of lm-evaluation-harness as suites: the same metrics on every question as from that harness's own engine."""

import json
from textwrap import dedent

import pytest

pytest.importorskip("lm_eval", reason="needs the extra lm-eval")

from lm_eval.evaluator import simple_evaluate
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager

from harness.errors import UsageError
from harness.evaluate.lm_tasks import task
from harness.evaluate.stage import evaluate
from harness.types import Arm, EvalRequest
from tests.tiny import tiny_model

ROWS = [
    {"q": "A cat sleeps on the", "options": ["mat", "a dog of the window", "table"], "gold": 0},
    {"q": "Which of these is right?", "options": ["the dog", "seven in the evening", "null"], "gold": 1},
    {"q": "We are four people and want a", "options": ["answer", "table tomorrow", "dog"], "gold": 1},
    {"q": "", "options": ["x", "y y", "z"], "gold": 2},
]
COMMON = "task: {name}\ndataset_path: json\ndataset_kwargs:\n  data_files:\n    test: {data}\ntest_split: test\n"
TASKS = {
    "choice": """
        output_type: multiple_choice
        doc_to_text: "{{q}}"
        doc_to_choice: "{{options}}"
        doc_to_target: "{{gold}}"
        metric_list: [{metric: acc}, {metric: acc_norm}]
        """,
    "writing": """
        output_type: generate_until
        doc_to_text: "{{q}} so"
        doc_to_target: "{{options[0]}}"
        generation_kwargs: {until: ["e"], max_gen_toks: 8}
        metric_list: [{metric: exact_match}]
        """,
    "likely": """
        output_type: loglikelihood
        doc_to_text: "{{q}}"
        doc_to_target: " {{options[1]}}"
        metric_list: [{metric: acc}, {metric: perplexity}]
        """,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three tasks over one local file, an eval file for each, and the tiny model."""
    folder = tmp_path_factory.mktemp("tasks")
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    lines = ["from pathlib import Path", "from harness import *", "from harness.evaluate.lm_tasks import task"]
    for name, body in TASKS.items():
        text = COMMON.format(name=f"own_{name}", data=folder / "rows.jsonl") + dedent(body)
        (folder / f"{name}.yaml").write_text(text)
        lines += [
            f"{name} = task('own_{name}', include=Path(__file__).parent)",
            f"@cases({name}.cases)",
            f"def eval_{name}(case, model): return {name}.score(case, model)",
        ]
    (folder / "eval_known.py").write_text("\n".join(lines))
    tiny_model(folder / "model")
    return folder


@pytest.mark.slow
def test_every_question_has_the_metrics_of_lm_eval(folder):
    """Choices by likelihood, written answers and whether greedy decoding says it: equal in float32, case by case."""
    arm = Arm(name="base", model=str(folder / "model"), options={"dtype": "float32"})
    (run,) = evaluate(EvalRequest(arms=(arm,), paths=(str(folder),), out=str(folder / "out")))
    assert not run.problems and not [result.error for result in run.results if result.error]
    peer = HFLM(pretrained=str(folder / "model"), device="cpu", dtype="float32", batch_size=2)
    told = simple_evaluate(
        model=peer,
        tasks=[f"own_{name}" for name in TASKS],
        task_manager=TaskManager(include_path=str(folder)),
        bootstrap_iters=0,
    )
    for name in TASKS:
        ours = {r.case_id: {s.name: s.value for s in r.scores} for r in run.results if r.suite.endswith(f"eval_{name}")}
        theirs = told["samples"][f"own_{name}"]
        assert len(ours) == len(theirs) == len(ROWS)
        for sample in theirs:
            for metric, value in ours[str(sample["doc_id"])].items():
                assert value == sample[metric], (name, metric, sample["doc"])
    assert {score.name for result in run.results for score in result.scores} == {"acc", "acc_norm", "exact_match"}
    written = [r.replies[0].text for r in run.results if r.suite.endswith("eval_writing")]
    assert written == [sample["resps"][0][0] for sample in told["samples"]["own_writing"]]


def test_an_unknown_task_and_a_group_are_usage_errors():
    """The name is said, before anything is run."""
    with pytest.raises(UsageError, match="no task 'arc_eazy'"):
        task("arc_eazy")


def test_limit_takes_the_first_questions(folder):
    """Case ids are the numbers of the questions, and the question's text is the case's."""
    few = list(task("own_choice", include=folder, limit=2).cases())
    assert [(case.id, case.text) for case in few] == [(str(place), ROWS[place]["q"]) for place in range(2)]
