"""A GGUF file becomes a model folder that is accepted, with the same answers and the tokenizer of the file."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from gguf import GGUFWriter, TokenType
from transformers import LlamaConfig, LlamaForCausalLM

from harness.errors import InputError, UsageError
from harness.evaluate.inference.acceptance import accept_whole
from harness.evaluate.inference.gguf import unpack
from harness.evaluate.inference.opening import open_model, open_tokenizer
from tests.tiny import CONTROL, TEMPLATE, tiny_tokenizer

NAMES = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
}
CONFIG = {
    "vocab_size": 400,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 1,
    "num_attention_heads": 1,
    "num_key_value_heads": 1,
    "max_position_embeddings": 256,
}


@pytest.fixture
def written(tmp_path) -> tuple[Path, LlamaForCausalLM]:
    """A GGUF file of a random llama, in float32, and that model."""
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(**CONFIG, tie_word_embeddings=False)).eval()
    file, tokenizer = tmp_path / "tiny.gguf", json.loads(tiny_tokenizer().backend_tokenizer.to_str())
    writer = GGUFWriter(file, "llama")
    writer.add_context_length(256)
    writer.add_embedding_length(64)
    writer.add_block_count(1)
    writer.add_feed_forward_length(128)
    writer.add_head_count(1)
    writer.add_head_count_kv(1)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_dimension_count(64)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(400)
    vocabulary = sorted(tokenizer["model"]["vocab"], key=tokenizer["model"]["vocab"].get)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(vocabulary)
    writer.add_token_types([TokenType.CONTROL if token in CONTROL else TokenType.NORMAL for token in vocabulary])
    writer.add_token_merges([" ".join(pair) for pair in tokenizer["model"]["merges"]])
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(0)
    writer.add_chat_template(TEMPLATE)
    state = model.state_dict()
    named = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
    named |= {f"blk.0.{theirs}": f"model.layers.0.{ours}" for theirs, ours in NAMES.items()}
    for theirs, ours in named.items():
        writer.add_tensor(f"{theirs}.weight", _laid_out(theirs, state[f"{ours}.weight"].numpy()))
    for step in ("write_header_to_file", "write_kv_data_to_file", "write_tensors_to_file", "close"):
        getattr(writer, step)()
    return file, model


def _laid_out(name: str, weight: np.ndarray) -> np.ndarray:
    """GGUF keeps the halves of a rotary head interleaved."""
    if not name.endswith(("attn_q", "attn_k")):
        return weight
    return weight.reshape(1, 2, 32, 64).swapaxes(1, 2).reshape(weight.shape)


def test_a_gguf_file_becomes_a_folder_that_is_accepted(written, tmp_path):
    """Weights, tokenizer and template are those of the file; a folder that is there is left alone."""
    file, model = written
    folder = tmp_path / "models" / "tiny"
    unpack(file, folder)
    accept_whole(folder)
    tokenizer = open_tokenizer(folder)
    assert tokenizer.chat_template == TEMPLATE and tokenizer.encode("a table") == tiny_tokenizer().encode("a table")
    opened = open_model(folder, torch.float32, None, torch.device("cpu"), tokenizer)
    ids = torch.arange(3, 20)[None]
    with torch.no_grad():
        assert torch.allclose(opened(ids).logits, model.to(torch.bfloat16).float()(ids).logits, atol=1e-4)
    with pytest.raises(UsageError, match="there already"):
        unpack(file, folder)


def test_the_error_of_a_gguf_file_as_the_model_names_the_command(written, tmp_path):
    """Given as the base it is refused with what to type; a file that is none leaves nothing behind."""
    with pytest.raises(InputError, match="GGUF") as caught:
        accept_whole(written[0])
    assert f"python -m harness.evaluate.inference.gguf {written[0]} {tmp_path / 'tiny'}" in caught.value.next
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF1234")
    with pytest.raises(InputError, match="cannot read this GGUF"):
        unpack(broken, tmp_path / "out")
    assert not (tmp_path / "out").exists() and not list(tmp_path.glob(".out*"))
