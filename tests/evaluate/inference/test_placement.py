"""A model that is larger than a device is spread over what there is, and answers the same; where it cannot train, that is said."""

import pytest
import torch
from msgspec.structs import replace
from safetensors.torch import load_file, save_file

from benchmarks.evaluation.adapter import make
from harness.errors import InputError, UsageError
from harness.evaluate.backends import hf
from harness.evaluate.inference import placement
from harness.evaluate.serving import gguf_file
from harness.types import Arm, Message, Request, TextPart
from tests.tiny import tiny_model
from trainers.model import parameters

ASKED = [
    Request(messages=(Message(role="user", parts=(TextPart(text=text),)),), max_tokens=8)
    for text in ("we are four people", "a table please", "dog and cat")
]
SCORED = Request(kind="loglikelihood", text="we are", options=(" four", " people"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_model(tmp_path_factory.mktemp("model"))


def answers(arms):
    backend = hf.open(arms)
    return [[(reply.text, reply.logprobs) for reply in backend.answer(arm, [*ASKED, SCORED])] for arm in arms]


def test_half_of_a_model_on_the_disk_answers_as_the_whole_one_in_memory(folder, tmp_path, monkeypatch):
    """The base bit for bit; an adapter is put beside weights that are not in memory, so it differs by rounding."""
    adapter = make(folder, tmp_path / "adapter", size=0.5)
    base = Arm(name="base", model=str(folder), options={"dtype": "float32"})
    arms = [base, replace(base, name="tuned", adapter=str(adapter))]
    whole = answers(arms)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(placement.VARIABLE, "cpu=3MB")
    spread = answers(arms)
    assert spread[0] == whole[0]
    assert [path.name for path in tmp_path.iterdir()] == ["adapter"]  # no copy of the weights
    assert [text for text, _ in spread[1]] == [text for text, _ in whole[1]] != [text for text, _ in whole[0]]
    assert torch.tensor(spread[1][-1][1]).allclose(torch.tensor(whole[1][-1][1]), atol=1e-3)


def test_what_is_on_the_disk_is_not_trained(folder, monkeypatch):
    """Before the first step, with what else to do."""
    monkeypatch.setenv(placement.VARIABLE, "cpu=3MB")
    with pytest.raises(InputError, match="a part of the model is on cpu and disk, where it cannot be trained"):
        parameters.open_base(folder, torch.float32)


def test_a_weight_on_the_disk_that_is_not_finite_is_refused(folder, tmp_path, monkeypatch):
    """It is looked for in the file, since it is in no memory."""
    broken = tiny_model(tmp_path / "broken")
    weights = load_file(broken / "model.safetensors")
    weights["model.layers.3.mlp.down_proj.weight"][0, 0] = float("nan")
    save_file(weights, broken / "model.safetensors", {"format": "pt"})
    monkeypatch.setenv(placement.VARIABLE, "cpu=3MB")
    with pytest.raises(InputError, match=r"not finite numbers, in model\.layers\.3\.mlp\.down_proj"):
        parameters.open_base(broken, torch.float32)


@pytest.mark.parametrize("text", ["gpu=3GB", "0", "cpu=much"])
def test_limits_that_cannot_be_read_are_refused_with_an_example(text, folder, monkeypatch):
    monkeypatch.setenv(placement.VARIABLE, text)
    with pytest.raises(UsageError, match=placement.VARIABLE) as caught:
        parameters.open_base(folder, torch.float32)
    assert "cpu=100GiB" in caught.value.next


def test_what_is_on_the_disk_is_not_merged_into_a_gguf_file(folder, tmp_path, monkeypatch):
    """A merge there would change nothing, without a word."""
    adapter = make(folder, tmp_path / "adapter", size=0.5)
    monkeypatch.setenv(placement.VARIABLE, "cpu=3MB")
    arm = Arm(name="tuned", model=str(folder), adapter=str(adapter))
    with pytest.raises(InputError, match="where it cannot be merged"):
        gguf_file.merged(arm, tmp_path / "whole")
