"""Each recipe, whole and in its own processes, gets better at its own measure on cases it did not train on, and what it
wrote is loaded again by the backend that serves.

The model is small and starts at random, so the tasks are small: how an answer begins, which of two beginnings to prefer.
"""

import pytest
from msgspec.structs import replace

pytest.importorskip("trl")

from harness.core.codec import write_lines
from harness.core.rendering import merge_prompt
from harness.evaluate.backends import hf
from harness.evaluate.reward_client import Answer, JudgeRequest, SuiteJudge
from harness.tune.stage import tune
from harness.types import Arm, Case, Prompt, Recipe, Reply, Request, TuneRequest
from tests.trainers.conftest import SYSTEM, say
from trainers.model import parameters
from trainers.rows import pairs
from trainers.training import beginning

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
SFT = Recipe(learning_rate=5e-3, batch_size=8, max_steps=40, rank=16)
SUITE = """
from harness import cases, suite, target

WANTED = "It is"

@suite(role=target())
@cases.held_out("mined")
def eval_beginning(case, model):
    said = model.chat(case.messages, max_tokens=6).text[: len(WANTED)]
    return sum(one == other for one, other in zip(said, WANTED)) / len(WANTED)
"""


@pytest.fixture(scope="module")
def everything() -> list[Case]:
    return [
        Case(
            id=f"case-{number}",
            messages=(say("user", f"What comes after {number}?"),),
            target=say("assistant", f"It is {number + 1}."),
            rejected=f"No {number}.",  # shorter, so the base finds it likelier
            group=f"group-{number}",
        )
        for number in range(160)
    ]


@pytest.fixture
def asked(tmp_path, base, everything):
    """Makes a request on 120 of the cases; 40 are for measuring."""
    write_lines(tmp_path / "data" / "train.jsonl", everything[:120])
    write_lines(tmp_path / "held_out.jsonl", everything[120:])
    (tmp_path / "evals").mkdir()
    (tmp_path / "evals" / "eval_it.py").write_text(SUITE, encoding="utf-8")

    def make(recipe: Recipe, **fields) -> TuneRequest:
        return TuneRequest(
            base=str(base), dataset=str(tmp_path / "data"), prompt=SYSTEM, recipe=recipe, out=str(tmp_path / "out"),
            evals=(str(tmp_path / "evals"),), **fields,
        )  # fmt: skip

    return make


@pytest.fixture
def score(tmp_path, base, everything):
    """The suite's mean score of what an adapter's folder answers on the held-out cases, served by the hf backend."""

    def measure(adapter: str, prompt: Prompt = SYSTEM) -> float:
        arm = Arm(name="arm", model=str(base), adapter=adapter, prompt=prompt, options={"dtype": "float32"})
        held = everything[120:]
        requests = [Request(messages=merge_prompt(prompt, case.messages), max_tokens=6) for case in held]
        replies = hf.open([arm]).answer(arm, requests)
        request = JudgeRequest("eval_beginning", (str(tmp_path / "evals"),), str(tmp_path / "held_out.jsonl"))
        with SuiteJudge(request) as judge:
            given = [
                Answer(case_id=case.id, reply=r) for case, r in zip(held, replies, strict=True) if isinstance(r, Reply)
            ]
            found = judge.judge(given)
        return sum(one.value or 0.0 for one in found) / len(held)

    return measure


def preferring(adapter: str, request: TuneRequest, held) -> float:
    """Share of held-out pairs whose chosen answer is the likelier one."""
    import torch

    from harness.core.adapters import read_manifest

    opened = parameters.open_base(request.base, torch.float32)
    if adapter:
        manifest = read_manifest(adapter)
        start = beginning.Start(manifest.recipe, manifest, beginning.Path(adapter))
        opened = opened._replace(model=beginning.attach(opened.model, start))
    folder = beginning.Path(request.out).parent / "pairs"
    write_lines(folder / "train.jsonl", held)
    rows = pairs.build(replace(request, dataset=str(folder)), opened, pairs.ACCEPT).rows
    opened.model.eval()

    @torch.no_grad()
    def likelihood(row) -> float:
        logs = opened.model(torch.tensor([row.ids])).logits[0].log_softmax(-1)
        return sum(logs[place - 1, row.ids[place]].item() for place in range(row.first, len(row.ids)))

    return sum(likelihood(row.chosen) > likelihood(row.rejected) for row in rows) / len(rows)


@pytest.mark.parametrize("loss", ["dpo", "kto", "orpo"])
def test_preference(loss, asked, everything):
    """More held-out pairs are preferred the right way round than by the base: nearly all of them."""
    options = {"loss": loss, "length_bias": "accept", "start": "base"}
    recipe = replace(SFT, method="preference", learning_rate=3e-3, options=options)
    request = asked(recipe)
    before = preferring("", request, everything[120:])
    adapter = tune(request)
    after = preferring(request.out, request, everything[120:])
    assert after > max(before, 0.8), (before, after)
    assert adapter.checks["round_trip"]["difference"] <= 1e-5


@pytest.mark.parametrize("loss", ["grpo", "rloo"])
def test_reinforcement(loss, asked, score):
    """After a short supervised stage the suite's own score rises on held-out cases, served."""
    options = {
        "suite": "eval_beginning",
        "loss": loss,
        "generations": 8,
        "sft": {"max_steps": 4, "learning_rate": 2e-3},
    }
    recipe = replace(SFT, method="reinforcement", learning_rate=3e-3, batch_size=32, max_steps=30, options=options)
    request = asked(recipe)
    adapter = tune(request)
    first, last = score(f"{request.out}.checkpoints/sft"), score(request.out)
    assert last > first + 0.05, (first, last)
    assert adapter.checks["reinforcement"]["rose_together"]


def test_prompt_distillation(asked, score, base, everything, tmp_path):
    """The teacher needs worked examples in its prompt; the student learns its accepted answers without them."""
    examples = Prompt(
        name="long", messages=(*SYSTEM.messages, *(m for case in everything[:4] for m in (*case.messages, case.target)))
    )
    answers = {case.text: case.target.text if n % 5 else "No." for n, case in enumerate(everything)}
    teacher = Arm(name="prompted", backend="scripted", prompt=examples, options={"replies": answers})
    recipe = replace(SFT, method="distill", options={"suite": "eval_beginning", "teacher": "prompted"})
    request = asked(recipe, teacher=teacher)
    before = score("")
    adapter = tune(request)
    assert score(request.out) > before + 0.3
    assert adapter.rows == {"trained": 96, "not_accepted": 24}
    assert adapter.checks["distillation"]["prompt_messages"] == {"teacher": 9, "student": 1}


def test_reward(asked):
    """The judge prefers the right answer on pairs of groups that it did not train on."""
    recipe = replace(SFT, method="reward", learning_rate=3e-3, options={"length_bias": "accept"})
    adapter = tune(asked(recipe))
    assert adapter.checks["reward"]["accuracy"] > 0.9 and adapter.checks["round_trip"]["difference"] < 1e-4
