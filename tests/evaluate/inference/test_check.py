"""The check that chooses how a model is run: what counts as rounding, and how far a model's layers see."""

from dataclasses import replace

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM, Phi3Config, Qwen2Config

from harness.evaluate.backends import hf
from harness.evaluate.inference import check, general
from harness.evaluate.inference.check import TEXT, checked, examine, positions, reach
from harness.evaluate.inference.rounding import perturbed, within
from harness.evaluate.inference.ways import UNBOUNDED
from harness.types import Arm, Request
from tests.tiny import tiny_tokenizer

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


WIDE = 700
"""A window that is too wide to be tried before the work has a row beyond it."""


def windowed() -> MistralForCausalLM:
    torch.manual_seed(0)
    return MistralForCausalLM(MistralConfig(**SMALL, sliding_window=WIDE, initializer_range=0.3)).eval()


def blind_beyond(monkeypatch, bound: int) -> None:
    """The padded way forgets the first token of rows of more than `bound` tokens."""
    whole = general.General.generate

    def generate(self, prefix, rows, width, ends):
        if self.name == "padded":
            rows = [replace(row, tokens=row.tokens[len(row.tokens) > bound :]) for row in rows]
        return whole(self, prefix, rows, width, ends)

    monkeypatch.setattr(general.General, "generate", generate)


@pytest.mark.parametrize("bound", [WIDE + 1, WIDE - 3])
def test_a_way_that_is_wrong_beyond_a_wide_window_is_found_out_by_the_first_such_row(monkeypatch, bound):
    """Short rows do not show it; a row longer than the window, or one that becomes longer as it is written, does."""
    blind_beyond(monkeypatch, bound)
    tokens = [3 + place % 250 for place, _ in enumerate(TEXT)]
    assert examine(windowed(), tokens).ways == ("shared", "padded")
    assert examine(windowed(), tokens, longest=WIDE).ways == ("shared", "padded")
    finding = examine(windowed(), tokens, longest=WIDE + 1)
    assert finding.ways == ("shared", "unpadded") and "logits off by" in finding.refused["padded"]


def test_what_the_check_answers_for():
    """Rows of any length where a row beyond the window was tried or there is no window; else up to the window."""
    wide, narrow = MistralConfig(**SMALL, sliding_window=WIDE), MistralConfig(**SMALL, sliding_window=64)
    assert (checked(wide), checked(wide, WIDE), checked(wide, WIDE + 1)) == (WIDE, WIDE, UNBOUNDED)
    assert checked(narrow) == checked(LlamaConfig(**SMALL)) == UNBOUNDED


def test_the_backend_examines_a_wide_window_when_a_row_is_longer(monkeypatch, tmp_path):
    """The first prompts are answered as before; with the first long one the ways are chosen anew, and remembered apart."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    blind_beyond(monkeypatch, WIDE + 1)
    config = MistralConfig(**{**SMALL, "vocab_size": 512}, sliding_window=WIDE, initializer_range=0.3)
    torch.manual_seed(0)
    MistralForCausalLM(config).save_pretrained(tmp_path / "model")
    tiny_tokenizer().save_pretrained(tmp_path / "model")
    arm = Arm(name="base", model=str(tmp_path / "model"), options={"dtype": "float32"})
    backend = hf.open([arm])
    short, long = (Request(kind="completion", text="a b" * count, max_tokens=2) for count in (4, 400))
    backend.answer(arm, [short])
    resident = backend._resident(arm)
    assert [way.name for way in resident.ways] == ["shared", "padded"]
    backend.answer(arm, [long, short])
    assert [way.name for way in resident.ways] == ["shared", "unpadded"]
    assert len(list((tmp_path / "cache" / "trueup" / "ways").iterdir())) == 2
