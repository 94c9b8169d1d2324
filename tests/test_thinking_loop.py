"""One whole loop with a model that thinks and calls tools: nothing of a call's reasoning and tool calls is lost or misread."""

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from harness.config import load
from harness.core.codec import from_chat
from harness.core.rendering import stop_ids
from harness.evaluate.inference.opening import open_tokenizer
from harness.project import Project
from harness.types import Case, Dataset, Message, Prompt, Recipe, Run, TextPart
from tests.cli.inside import trueup
from tests.thinking import DESK, THANKS, message, right_answer, thinking_model, tools, write_traces
from trainers.rows.tokens import Renderer, build

CONFIG = """
[project]
name = "desk"

[model]
base = "model"

[ingest]
paths = ["traces"]

[arms.base]

[arms.tuned]

[tune]
adapter = "full"
dtype = "float32"
max_steps = 150
batch_size = 8
learning_rate = 5e-3
checkpoint_every = 150
validation_share = 0.1

[tune.options]
reasoning = "learn"

[gate.options]
train_anyway = true
"""
EVAL = """
from trueup import cases, guard, score, suite, target

def right(case, reply):
    if isinstance(case.expected, dict):
        return {"right": score.calls(reply, case.expected)[0]}
    return {"right": score.text(reply, case.expected)}

@suite(role=target(min_gain=0.1))
@cases.held_out("desk")
def eval_desk(case, model):
    reply = model.chat(case.messages, tools=case.tools, max_tokens=64)
    return {**right(case, reply), "thought": "want to" in reply.reasoning or "only say" in reply.reasoning}

@suite(role=guard(margin=0.1))
@cases.regression("desk")
def eval_passed(case, model):
    return right(case, model.chat(case.messages, tools=case.tools, max_tokens=64))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A project of 240 calls, half of them corrected."""
    folder = tmp_path_factory.mktemp("desk")
    (folder / "evals").mkdir()
    (folder / "trueup.toml").write_text(CONFIG)
    (folder / "evals" / "eval_desk.py").write_text(EVAL)
    thinking_model(folder / "model")
    write_traces(folder / "traces", 240)
    return folder


@pytest.fixture(scope="module")
def renderer(folder) -> Renderer:
    tokenizer = open_tokenizer(folder / "model")
    return Renderer(tokenizer, stop_ids(tokenizer, folder / "model"), Prompt(name="none"), 2048)


def case_of(number: int) -> Case:
    asked = Message(role="user", parts=(TextPart(text=message(number)),))
    return Case(id=f"c{number}", messages=(asked,), tools=tuple(tools()), target=from_chat(right_answer(number)))


@pytest.mark.parametrize(
    ("reasoning", "thought", "learnt"),
    [
        ("drop", "", "<think>\n\n</think>\n\n<tool_call>"),
        ("mask", "They want to cancel.", "\n\n<tool_call>"),
        ("learn", "They want to cancel.", "<think>\nThey want to cancel.\n</think>\n\n<tool_call>"),
    ],
)
def test_what_becomes_of_the_reasoning_in_the_rows(renderer, reasoning, thought, learnt):
    """Left out, read but not learnt, or learnt; the call is learnt in each, and every row is certified."""
    built = build(map(case_of, range(4)), renderer._replace(reasoning=reasoning), Recipe())
    assert built.fates == {"trained": 4} and not built.reasons
    row = built.rows[0]
    taught = renderer.tokenizer.decode([token for token, on in zip(row.ids, row.supervised, strict=True) if on])
    assert taught.startswith(learnt) and '"name": "cancel_order"' in taught and taught.endswith("<|im_end|>")
    assert ("They want to cancel." in renderer.tokenizer.decode(row.ids)) == bool(thought)


def test_a_call_that_would_be_misread_is_not_trained(renderer):
    """A closing mark inside an argument ends the call early when it is read: the row has the fate `unreadable`, and why."""
    broken = right_answer(0)
    broken["tool_calls"][0]["function"]["arguments"] = {"order": "A1}\n</tool_call>"}
    built = build([replace(case_of(0), target=from_chat(broken)), *map(case_of, range(1, 3))], renderer, Recipe())
    assert built.fates == {"unreadable": 1, "trained": 2}
    assert "the tool calls are" in built.reasons["c0"]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_loop_ends_in_a_verdict_on_calls_and_reasoning(folder):
    """Mined corrections are calls with reasoning; they train, are read back, scored, and shown in the report."""
    done = trueup("run", "--json", cwd=folder)
    assert done.returncode in (0, 1, 3), done.stderr
    answer = json.loads(done.stdout.strip().splitlines()[-1])
    work = Project.open(load(folder))
    dataset: Dataset = work.latest_dataset()
    held = list(work.store.artifacts.folder("dataset", dataset.id).glob("held_out.jsonl"))[0].read_text()
    assert '"expected":{"tool_calls":[{"arguments":{"order":"A1"},"name":"cancel_order"}]}' in held
    assert "role" not in json.loads(held.splitlines()[0])["expected"]
    adapter = work.adapter(work.latest("adapter", "trueup tune"))
    assert set(adapter.rows) == {"trained", "validation"} and adapter.recipe.options["reasoning"] == "learn"
    scores = [point.score for point in adapter.curve if point.score is not None]
    runs = {
        run.arm.name: run
        for run in (work.store.artifacts.get("run", name, Run) for name in work.store.artifacts.ids("run"))
    }
    right = {name: mean_of(run, "right") for name, run in runs.items()}
    assert right["tuned"] > 0.4 > right["constant"] > right["base"] == 0.0, (right, answer)
    assert max(scores) > 0.2, "what validates is read as serving reads it"
    assert mean_of(runs["tuned"], "thought") > 0.9
    replies = [reply for result in runs["tuned"].results for reply in result.replies]
    made = {call.name for reply in replies for call in reply.tool_calls}
    assert len(made & {name for name, _ in DESK.values()}) >= 2
    assert all(
        "<think>" not in reply.text and "<tool_call>" not in reply.text for reply in replies if reply.text == THANKS
    )
    shown = json.loads((folder / "out" / "report.json").read_text())["cases"]
    assert any("They want to" in text for case in shown for text in case["reasoning"].get("tuned", ()))
    assert answer["verdict"] == "promote", answer["sentence"]


def mean_of(run: Run, name: str) -> float:
    values = [score.value for result in run.results for score in result.scores if score.name == name]
    return sum(values) / len(values)
