"""Every family's adapter is written, read back in a fresh process and served; merged, it is a model folder that answers."""

import pytest
import torch
from msgspec.structs import replace
from peft import PeftModel

from harness.core.codec import write_lines
from harness.core.rendering import prompt_ids
from harness.evaluate.backends import hf
from harness.types import Arm, Case, Recipe, Request, TuneRequest
from tests.zoo.build import build
from tests.zoo.families import FAMILIES
from tests.zoo.test_families import NEW, NONE, QUESTIONS, greedy, opened, say
from trainers import sft

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(request, tmp_path_factory):
    return build(request.param, tmp_path_factory.mktemp(request.param))


def trained(folder, tmp_path, form: str):
    cases = [
        Case(id=f"row {n}", messages=question, target=say("assistant", f'{{"people": {n}}}'))
        for n, question in enumerate(QUESTIONS)
    ]
    write_lines(tmp_path / "data" / "train.jsonl", cases)
    recipe = Recipe(rank=4, alpha=8, max_steps=4, batch_size=4, learning_rate=2e-2, dtype="float32", form=form)
    out = tmp_path / form
    request = TuneRequest(base=str(folder), dataset=str(tmp_path / "data"), prompt=NONE, recipe=recipe, out=str(out))
    return out, sft.train(request, lambda point, steps: None)


def answers(arm: Arm, model) -> None:
    """The arm's replies are the plain model's."""
    backend = hf.open([arm])
    replies = backend.answer(arm, [Request(messages=each, max_tokens=NEW) for each in QUESTIONS])
    resident = backend._resident(arm)
    for question, reply in zip(QUESTIONS, replies, strict=True):
        ids = prompt_ids(resident.tokenizer, NONE, question)
        new = [token for token in greedy(model, ids, resident.ends) if token not in resident.ends]
        assert reply.text == resident.tokenizer.decode(new, skip_special_tokens=True), resident.notes


@pytest.mark.parametrize("folder", FAMILIES, indirect=True)
def test_an_adapter_is_served_as_it_was_trained(folder, tmp_path):
    """What the hf backend answers with the adapter is what PEFT alone answers."""
    out, adapter = trained(folder, tmp_path, "adapter")
    assert adapter.checks["round_trip"]["effect"] > 0 and adapter.checks["training"]["layout"]
    arm = Arm(name="tuned", model=str(folder), adapter=str(out), options={"dtype": "float32"})
    answers(arm, PeftModel.from_pretrained(opened(folder), out).eval())


@pytest.mark.parametrize("folder", FAMILIES, indirect=True)
def test_a_merged_checkpoint_answers_as_a_model_of_its_own(folder, tmp_path):
    """The folder that ships is read by transformers alone, with the tokenizer that trained it."""
    out, adapter = trained(folder, tmp_path, "merged")
    assert adapter.checks["form"]["greedy"] > 0.99
    arm = replace(Arm(name="merged", options={"dtype": "float32"}), model=str(out))
    with torch.no_grad():
        answers(arm, opened(out))
