"""Which layers get an adapter, and that what is certified is what is served."""

from pathlib import Path

import pytest
import torch
from msgspec.structs import replace

from harness.errors import InvalidError, UsageError
from harness.evaluate.backends import hf
from harness.evaluate.inference import folding
from harness.types import Arm, Prompt, Recipe, Request
from tests.zoo.build import build
from trainers import sft
from trainers.model import parameters
from trainers.model.targets import targets_of
from trainers.publishing import round_trip


def adapted(model) -> set[str]:
    return {name.split(".lora_A")[0].rsplit(".", 1)[-1] for name, _ in model.named_parameters() if ".lora_A" in name}


def test_all_linear_of_a_plain_model_is_all_of_its_linear_layers(opened):
    """Nothing is left out of a llama, but for its embeddings."""
    assert targets_of(opened.model, "all-linear") == ("all-linear", None, {})
    model = parameters.attach(opened.model, Recipe(rank=4))
    assert adapted(model) == {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}


@pytest.mark.parametrize(
    ("family", "left_out"),
    [("qwen3_moe", "gate.weight"), ("gemma3_images", "model.vision_tower"), ("mamba", "dt_proj")],
)
def test_layers_that_are_not_trained_are_left_out_and_named(family, left_out, tmp_path):
    """Routers, a tower for images, and layers that are read past their forward pass."""
    model = parameters.attach(parameters.open_base(build(family, tmp_path), torch.float32).model, Recipe(rank=4))
    assert left_out in model.left_out
    trained = [name for name, weight in model.named_parameters() if weight.requires_grad]
    assert trained and not any(
        left_out.removesuffix(".weight") in name.split(".lora_")[0].split(".") for name in trained
    )
    assert not any("vision" in name or ".gate." in name for name in trained)


def test_an_unknown_layer_is_refused_with_the_nearest(opened):
    """A typo would train the layers that are spelt right, and nobody would know."""
    with pytest.raises(UsageError, match="'q_prj'") as caught:
        parameters.attach(opened.model, Recipe(target_modules="q_prj,v_proj"))
    assert "'q_proj'" in caught.value.next


def test_both_ends_of_tied_embeddings_are_refused(opened):
    """They are one weight, so two adapters on them would each undo what the other learnt."""
    with pytest.raises(UsageError, match="one weight"):
        parameters.attach(opened.model, Recipe(target_modules="embed_tokens,lm_head"))


@pytest.mark.parametrize("target", ["lm_head", "embed_tokens", "q_proj,lm_head"])
def test_an_adapter_on_tied_embeddings_is_served_as_it_was_trained(target, request_for, base, cases, here):
    """Folded into the weights it would change both ends: it stays beside them, and answers as PEFT alone does."""
    recipe = Recipe(rank=4, max_steps=6, batch_size=8, learning_rate=5e-2, dtype="float32", target_modules=target)
    request = request_for(recipe=recipe)
    sft.train(request, lambda point, steps: None)
    arm = Arm(name="tuned", model=str(base), adapter=request.out, options={"dtype": "float32"})
    backend = hf.open([arm])
    replies = backend.answer(arm, [Request(messages=case.messages, max_tokens=6) for case in cases[:5]])
    model = parameters.attach(parameters.open_base(base, torch.float32).model, recipe)
    parameters.load_weights(model, load(Path(request.out)))
    for case, reply in zip(cases, replies, strict=False):
        assert reply.text == plain_answer(model.eval(), backend, arm, case)


def load(folder: Path) -> dict[str, torch.Tensor]:
    import safetensors.torch

    return safetensors.torch.load_file(folder / "adapter_model.safetensors")


@torch.no_grad()
def plain_answer(model, backend, arm, case) -> str:
    from harness.core.rendering import prompt_ids

    resident = backend._resident(arm)
    ids = prompt_ids(resident.tokenizer, Prompt(name="none"), case.messages)
    new: list[int] = []
    while len(new) < 6 and not (new and new[-1] in resident.ends):
        new.append(int(model(input_ids=torch.tensor([[*ids, *new]]), use_cache=False).logits[0, -1].argmax()))
    return resident.tokenizer.decode([token for token in new if token not in resident.ends], skip_special_tokens=True)


def test_a_model_that_would_be_served_differently_is_not_certified():
    """The certificate's judgement: equal through PEFT, but not as serving puts it on."""
    finding = round_trip.RoundTrip(difference=0.0, equal=True, effect=1.0, served=0.5, served_equal=False)
    with pytest.raises(InvalidError, match="not served as it was trained"):
        round_trip._judge(finding)


def test_the_merged_form_of_a_tied_layer_is_refused(request_for):
    """Merging would change the embedding as well."""
    request = request_for()
    recipe = replace(request.recipe, target_modules="lm_head", form="merged", adapter="lora")
    with pytest.raises(UsageError, match="tied"):
        sft.train(replace(request, recipe=recipe), lambda point, steps: None)


def test_folding_is_for_weights_with_one_place(opened):
    """Untied layers fold, tied ones do not."""
    assert folding.foldable(parameters.attach(opened.model, Recipe(rank=4, target_modules="q_proj")))
