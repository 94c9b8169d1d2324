"""What a model that cannot go the whole way gets: one reason, before any cost, and a hint that works."""

import json
import re
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import BitsAndBytesConfig, LlamaForCausalLM, T5Config, T5ForConditionalGeneration

from harness.errors import InputError
from harness.evaluate.inference.acceptance import accept, accept_whole
from harness.evaluate.inference.dtype import NF4
from harness.evaluate.inference.model_files import tensors
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


def removed(*patterns: str):
    """A change of a folder: without these files."""

    def change(folder: Path) -> None:
        for file in [file for pattern in patterns for file in folder.glob(pattern)]:
            file.unlink()

    return change


def in_shards(folder: Path) -> None:
    model = LlamaForCausalLM.from_pretrained(folder)
    removed("*.safetensors")(folder)
    model.save_pretrained(folder, max_shard_size="1MB")


def without_a_shard(folder: Path) -> None:
    in_shards(folder)
    next(folder.glob("model-00002-*")).unlink()


def without_a_tensor(folder: Path) -> None:
    in_shards(folder)
    file = next(folder.glob("model-00002-*"))
    save_file(dict(list(load_file(file).items())[1:]), file, metadata={"format": "pt"})


def as_peft(folder: Path) -> None:
    removed("*")(folder)
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "org/base"}')


def as_gguf(folder: Path) -> None:
    removed("*.safetensors", "config.json")(folder)
    (folder / "q4.gguf").write_bytes(b"GGUF")


def as_pointer(folder: Path) -> None:
    (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 3\n")


@pytest.mark.parametrize(
    ("change", "reason", "then"),
    [
        (without_a_shard, "1 of its files are missing: model-00002-", "download"),
        (without_a_tensor, "tensors are not in its files", "download"),
        (lambda folder: (in_shards(folder), removed("*.index.json")(folder)), "no model.safetensors.index.json", "copy"),
        (as_peft, "an adapter of PEFT for org/base", "merge_and_unload"),
        (as_gguf, "contains a GGUF file", r"python -m harness\.evaluate\.inference\.gguf .*q4\.gguf .*-safetensors"),
        (as_pointer, "a pointer of Git LFS", "lfs pull"),
        (removed("tokenizer*"), "no tokenizer", r"tokenizer\.json"),
        (removed("tokenizer.json"), "no tokenizer", r"tokenizer\.json"),
        (lambda folder: (folder / "config.json").write_text("[]"), "no model_type", "copy"),
        (lambda folder: changed(folder, num_hidden_layers=9), "describes a model of", "copy the weights"),
        (lambda folder: changed(folder, num_attention_heads=0), "does not make a model|cannot be read", "config"),
        (lambda folder: changed(folder, architectures=["LlamaForSequenceClassification"]), "does not write text", "Qwen3"),
        (lambda folder: changed(folder, model_type="bert", architectures=["BertForMaskedLM"]), "does not write", "Qwen3"),
        (
            lambda folder: changed(folder, quantization_config={"quant_method": "bitsandbytes", "load_in_8bit": True}),
            "other rows in the batch",
            "qlora",
        ),
        *(
            (lambda folder, method=method: changed(folder, quantization_config=method), "cannot run here", "qlora")
            for method in ({"quant_method": "gptq", "bits": 4}, {"quant_method": "awq", "bits": 4}, {"quant_method": "zork"})
        ),
    ],
)  # fmt: skip
def test_what_is_given_as_a_model_and_is_none(copied, change, reason, then):
    """Each gets one reason and a hint that leads on, before its weights are read."""
    change(copied)
    with pytest.raises(InputError, match=reason) as caught:
        accept_whole(copied)
    assert re.search(then, caught.value.next)


def test_a_model_in_shards_is_accepted(copied):
    """All files that the index names are there, and every tensor is found in them."""
    whole = {name for name, _ in tensors(copied)}
    in_shards(copied)
    accept_whole(copied)
    assert not (copied / "model.safetensors").exists() and {name for name, _ in tensors(copied)} == whole


def test_a_checkpoint_in_4_bits_is_accepted(copied, tmp_path):
    """It is the model that 4-bit weights made at loading are."""
    packed = LlamaForCausalLM.from_pretrained(
        copied, quantization_config=BitsAndBytesConfig(**NF4), dtype=torch.float32, device_map={"": "cpu"}
    )
    packed.save_pretrained(tmp_path / "nf4")
    open_tokenizer(copied).save_pretrained(tmp_path / "nf4")
    accept_whole(tmp_path / "nf4")
    ids = torch.arange(3, 20)[None]
    with torch.no_grad():
        loaded = open_model(copied, torch.float32, NF4, CPU, open_tokenizer(copied))(ids).logits
        assert torch.allclose(opened(tmp_path / "nf4")(ids).logits, loaded, atol=1e-4)


def test_what_is_no_folder(copied):
    """A name on the Hub, and a file of weights."""
    with pytest.raises(InputError, match="does not exist") as caught:
        accept_whole("Qwen/Qwen3-0.6B")
    assert "hf download" in caught.value.next
    with pytest.raises(InputError, match="a file, not a folder") as caught:
        accept_whole(copied / "model.safetensors")
    assert str(copied) in caught.value.next


EACH = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
OPENS = "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        (EACH.replace("{{ m.content }}", "{{ m.content if m.role == 'user' }}") + OPENS, "leaves out the assistant"),
        (EACH, "no answers that can be read back"),
        (EACH.replace("{% for m in messages %}", "{% for m in messages[:1] %}") + OPENS, "leaves out|differently"),
        ("{% if messages[1] %}{{ raise_exception('one turn only') }}{% endif %}" + EACH + OPENS, "one turn only"),
        ("{% for m in %}", "refuses the conversation"),
        ("Hello", "leaves out the user text"),
    ],
)
def test_a_template_without_assistant_turns_is_refused(copied, template, reason):
    """It is asked to write an answer, which is read back, before anything is trained."""
    (copied / "chat_template.jinja").write_text(template)
    with pytest.raises(InputError, match=reason) as caught:
        accept_whole(copied)
    assert caught.value.next


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
