"""What a model that cannot go the whole way gets: one reason, before any cost, and a hint that works."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import T5Config, T5ForConditionalGeneration

from harness.errors import InputError
from harness.evaluate.inference.acceptance import accept, accept_whole
from harness.evaluate.inference.opening import open_model, open_tokenizer

CPU = torch.device("cpu")


@pytest.fixture
def copied(folder, tmp_path) -> Path:
    return shutil.copytree(folder, tmp_path / "model")


def changed(folder: Path, **fields) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def rewritten(folder: Path, change) -> None:
    """The weights after `change`, which takes and gives name to tensor."""
    weights = change(load_file(folder / "model.safetensors"))
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def opened(folder: Path):
    return open_model(folder, torch.float32, None, CPU, open_tokenizer(folder))


def test_a_whole_model_is_accepted(folder):
    """Nothing is wrong with the tiny llama."""
    accept_whole(folder)
    assert opened(folder).num_parameters() > 0


def test_an_encoder_decoder_is_refused(copied):
    """T5 writes text, but does not continue a prompt."""
    T5ForConditionalGeneration(
        T5Config(vocab_size=400, d_model=16, d_kv=4, d_ff=16, num_layers=1, num_heads=2)
    ).save_pretrained(copied)
    with pytest.raises(InputError, match="encoder-decoder") as caught:
        accept(copied)
    assert "decoder-only" in caught.value.next


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"model_type": "warp", "auto_map": {"AutoModelForCausalLM": "warp.Warp"}}, "code of its own"),
        ({"model_type": "warp"}, "does not know the architecture 'warp'"),
        ({"model_type": "vit", "architectures": ["ViTModel"]}, "does not write text"),
    ],
)
def test_architectures_that_cannot_be_run_are_named(copied, fields, reason):
    """Custom code, unknown types, and types that do not write text each have their own reason."""
    changed(copied, **fields)
    with pytest.raises(InputError, match=reason):
        accept_whole(copied)


def test_what_a_folder_lacks_is_named(copied):
    """No template, no weights in safetensors format, no config.json."""
    (copied / "chat_template.jinja").unlink()
    with pytest.raises(InputError, match="no chat template"):
        accept_whole(copied)
    (copied / "model.safetensors").rename(copied / "pytorch_model.bin")
    with pytest.raises(InputError, match="safetensors"):
        accept_whole(copied)
    (copied / "config.json").unlink()
    with pytest.raises(InputError, match=r"no config\.json"):
        accept_whole(copied)


def test_a_tokenizer_larger_than_the_embedding_is_refused(copied):
    """A token that has no embedding would be an IndexError in the middle of a run; serving refuses it as well."""
    tokenizer = open_tokenizer(copied)
    tokenizer.add_tokens(["<extra>"])
    tokenizer.save_pretrained(copied)
    for check in (accept_whole, opened):
        with pytest.raises(InputError, match="<extra>"):
            check(copied)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda weights: {k: v for k, v in weights.items() if "layers.1.mlp.up_proj" not in k}, "lack 1 tensors"),
        (lambda weights: {f"other.{name}": tensor for name, tensor in weights.items()}, "lack"),
        (lambda weights: {**weights, "model.layers.9.mlp.up_proj.weight": torch.zeros(2)}, "have no place"),
        (lambda weights: {**weights, "model.norm.weight": torch.full((128,), float("nan"))}, "not finite"),
        (lambda weights: {**weights, "model.norm.weight": torch.full((128,), float("inf"))}, "not finite"),
        (lambda weights: {**weights, "model.norm.weight": torch.ones(64)}, "shape|size"),
    ],
)
def test_weights_that_are_not_the_models_are_refused(copied, change, reason):
    """transformers would fill what is missing with random numbers, and go on."""
    rewritten(copied, change)
    with pytest.raises(InputError, match=reason):
        opened(copied)


def test_what_a_folder_says_of_generation_does_not_change_answers(copied):
    """A repetition penalty or a sampling default of the folder is not applied behind a request's back."""
    (copied / "generation_config.json").write_text(json.dumps({"repetition_penalty": 1.9, "do_sample": True}))
    model = opened(copied)
    assert model.generation_config.repetition_penalty in (None, 1.0) and not model.generation_config.do_sample
