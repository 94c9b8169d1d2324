"""The check that chooses how a model is run: what counts as rounding, and how far a model's layers see."""

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, MistralConfig, Phi3Config, Qwen2Config

from harness.evaluate.inference import check
from harness.evaluate.inference.check import TEXT, examine, positions, reach
from harness.evaluate.inference.rounding import perturbed, within

SMALL = {
    "vocab_size": 300,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "max_position_embeddings": 4096,
}


def made(dtype: torch.dtype) -> LlamaForCausalLM:
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(**SMALL, initializer_range=0.3)).to(dtype).eval()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_rounding_is_measured_in_the_models_own_format(dtype):
    """A change in the last place of every module is rounding; one token more in view is not, in either format."""
    model, ids = made(dtype), torch.arange(3, 40)[None]
    with torch.no_grad():
        plain = model(ids).logits[0].float()
        with perturbed(model, seed=1):
            disturbed = model(ids).logits[0].float()
        with perturbed(model, seed=2):
            other = model(ids).logits[0].float()
        wrong = model(ids[:, 1:]).logits[0].float()
    assert within(other, plain, disturbed)[0]
    assert not within(wrong, plain[1:], disturbed[1:])[0]
    assert not within(torch.full_like(plain, float("nan")), plain, disturbed)[0]
    with torch.no_grad():
        assert torch.equal(model(ids).logits[0].float(), plain), "the hooks are gone"


def test_how_far_layers_see_is_read_off_the_text_configuration():
    """Windows count where a layer uses them, and stretched rotary embeddings up to where they change."""
    assert reach(LlamaConfig(**SMALL)) == 4096
    assert reach(MistralConfig(**SMALL, sliding_window=512)) == 512
    assert reach(MistralConfig(**SMALL, sliding_window=32768)) == 4096
    assert reach(Qwen2Config(**SMALL, use_sliding_window=False, sliding_window=64)) == 4096
    long = {"rope_type": "longrope", "short_factor": [1.0] * 8, "long_factor": [2.0] * 8, "rope_theta": 10000.0}
    phi = Phi3Config(**SMALL, pad_token_id=0, rope_parameters=long, original_max_position_embeddings=2048)
    assert reach(phi) == 2048 < positions(phi)


def test_a_fast_way_that_is_wrong_is_not_used(monkeypatch):
    """Attention that forgets the prefix is found out by its logits, and transformers' own generation takes over."""
    model, tokens = made(torch.float32), [3 + place % 250 for place, _ in enumerate(TEXT)]
    assert examine(model, tokens).ways == ("shared",)
    whole = check.Shared.generate

    def forgetful(self, prefix, rows, width, ends):
        for place, (key, value) in enumerate(prefix.layers):
            prefix.layers[place] = (key, torch.zeros_like(value))
        return whole(self, prefix, rows, width, ends)

    model.set_attn_implementation("sdpa")
    monkeypatch.setattr(check.Shared, "generate", forgetful)
    finding = examine(model, tokens)
    assert finding.ways == ("padded",) and "logits off by" in finding.refused["shared"]
