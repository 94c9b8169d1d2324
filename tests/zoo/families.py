"""Tiny configurations of model families, from transformers' own configuration classes: each has what makes it special."""

from collections.abc import Callable
from typing import Any

import transformers as t

WINDOW = 16
COMMON: dict[str, Any] = {
    "vocab_size": 512,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 1024,
    "bos_token_id": None,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
ROUTED = {"num_experts_per_tok": 2, "moe_intermediate_size": 32}
LATENT = {"kv_lora_rank": 16, "q_lora_rank": 32, "qk_rope_head_dim": 8, "qk_nope_head_dim": 16, "v_head_dim": 16}
MAMBA = {"mamba_n_heads": 8, "mamba_d_head": 16, "mamba_d_state": 16, "mamba_n_groups": 1, "mamba_chunk_size": 16}
LINEAR = {
    "layer_types": ["linear_attention", "linear_attention", "linear_attention", "full_attention"],
    "linear_num_value_heads": 4,
    "linear_num_key_heads": 2,
    "linear_key_head_dim": 16,
    "linear_value_head_dim": 16,
}
OLD = {"vocab_size": 512, "bos_token_id": None, "eos_token_id": 2}
SIGHT = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "image_size": 28,
    "patch_size": 14,
}
SECTIONS = {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 10000.0}


def _of(kind: str, leave_out: tuple[str, ...] = (), **special: Any) -> Callable[[], Any]:
    """Makes the configuration when it is asked for: importing all families takes a while."""
    common = {name: value for name, value in COMMON.items() if name not in leave_out}
    return lambda: getattr(t, f"{kind}Config")(**{**common, **special})


def _text(kind: str, **special: Any) -> dict[str, Any]:
    return _of(kind, **special)().to_dict()


FAMILIES: dict[str, Callable[[], Any]] = {
    "llama": _of("Llama", head_dim=16, tie_word_embeddings=True),
    "qwen2": _of("Qwen2", use_sliding_window=False, sliding_window=131072),
    "qwen2_window": _of("Qwen2", use_sliding_window=True, sliding_window=WINDOW, max_window_layers=2),
    "qwen3": _of("Qwen3", head_dim=32, tie_word_embeddings=True),
    "qwen3_moe": _of("Qwen3Moe", head_dim=16, num_experts=4, decoder_sparse_step=1, norm_topk_prob=True, **ROUTED),
    "qwen2_moe": _of("Qwen2Moe", num_experts=4, shared_expert_intermediate_size=64, **ROUTED),
    "qwen3_next": _of("Qwen3Next", head_dim=16, num_experts=4, shared_expert_intermediate_size=32, **ROUTED, **LINEAR),
    "qwen3_5": lambda: t.Qwen3_5TextConfig(**COMMON, head_dim=16, **LINEAR),
    "mixtral": _of("Mixtral", num_local_experts=4, num_experts_per_tok=2, sliding_window=None),
    "mistral": _of("Mistral", head_dim=16, sliding_window=None),
    "mistral_window": _of("Mistral", head_dim=16, sliding_window=WINDOW),
    "mistral_wide_window": _of("Mistral", head_dim=16, sliding_window=4096),
    "mistral_window_of_some_prompts": _of("Mistral", head_dim=16, sliding_window=80),
    "ministral": _of("Ministral", head_dim=16, sliding_window=WINDOW),
    "gemma": _of("Gemma", head_dim=16),
    "gemma2": _of("Gemma2", head_dim=16, sliding_window=WINDOW),
    "gemma3": _of("Gemma3Text", head_dim=16, sliding_window=WINDOW),
    "gemma4": _of(
        "Gemma4Text",
        head_dim=16,
        sliding_window=WINDOW,
        vocab_size_per_layer_input=512,
        hidden_size_per_layer_input=16,
    ),
    "phi": _of("Phi"),
    "phi3": _of("Phi3", sliding_window=None),
    "phi3_wide_window": _of("Phi3", sliding_window=262144),
    "gpt2": lambda: t.GPT2Config(n_positions=1024, n_embd=64, n_layer=4, n_head=4, **OLD),
    "gpt_neox": _of("GPTNeoX", leave_out=("num_key_value_heads",)),
    "gptj": lambda: t.GPTJConfig(n_positions=1024, n_embd=64, n_layer=4, n_head=4, rotary_dim=8, **OLD),
    "falcon": _of("Falcon", leave_out=("intermediate_size", "num_key_value_heads"), alibi=False),
    "bloom": lambda: t.BloomConfig(hidden_size=64, n_layer=4, n_head=4, **OLD),
    "opt": _of("OPT", leave_out=("intermediate_size", "num_key_value_heads"), ffn_dim=128, word_embed_proj_dim=64),
    "olmo2": _of("Olmo2"),
    "olmo3": _of("Olmo3", sliding_window=WINDOW),
    "olmoe": _of("Olmoe", num_experts=4, num_experts_per_tok=2),
    "granite": _of("Granite", attention_multiplier=0.2, logits_scaling=4.0, residual_multiplier=0.5),
    "granite_hybrid": _of(
        "GraniteMoeHybrid",
        layer_types=["mamba", "mamba", "attention", "mamba"],
        num_local_experts=0,
        num_experts_per_tok=0,
        shared_intermediate_size=128,
        mamba_expand=2,
        **MAMBA,
    ),
    "mamba": lambda: t.MambaConfig(hidden_size=64, num_hidden_layers=4, state_size=8, pad_token_id=0, **OLD),
    "mamba2": lambda: t.Mamba2Config(
        hidden_size=64, num_hidden_layers=4, num_heads=8, head_dim=16, state_size=16, n_groups=1, chunk_size=16, **OLD
    ),
    "lfm2": _of(
        "Lfm2",
        layer_types=["conv", "full_attention", "conv", "full_attention"],
        block_ff_dim=128,
        block_auto_adjust_ff_dim=False,
    ),
    "falcon_h1": _of("FalconH1", mamba_d_ssm=64, **{**MAMBA, "mamba_n_heads": 4}),
    "recurrent_gemma": _of("RecurrentGemma", head_dim=16, attention_window_size=WINDOW, lru_width=64),
    "gpt_oss": _of("GptOss", head_dim=16, num_local_experts=4, num_experts_per_tok=2, sliding_window=WINDOW),
    "gpt_oss_full": _of(
        "GptOss", head_dim=16, num_local_experts=4, num_experts_per_tok=2, layer_types=["full_attention"] * 4
    ),
    "deepseek_v3": _of(
        "DeepseekV3",
        num_key_value_heads=4,
        n_shared_experts=1,
        n_routed_experts=4,
        n_group=1,
        topk_group=1,
        first_k_dense_replace=1,
        **ROUTED,
        **LATENT,
    ),
    "minicpm3": _of("MiniCPM3", num_key_value_heads=4, **LATENT),
    "glm4": _of("Glm4", head_dim=16),
    "cohere": _of("Cohere"),
    "cohere2": _of("Cohere2", sliding_window=WINDOW),
    "smollm3": _of("SmolLM3", use_sliding_window=False),
    "stablelm": _of("StableLm"),
    "nemotron": _of("Nemotron"),
    "starcoder2": _of("Starcoder2", sliding_window=None),
    "diffllama": _of("DiffLlama"),
    "llama4": lambda: t.Llama4TextConfig(
        **COMMON, head_dim=16, num_local_experts=2, intermediate_size_mlp=128, attention_chunk_size=WINDOW
    ),
    "seed_oss": _of("SeedOss", head_dim=16),
    "ernie4_5": lambda: t.Ernie4_5Config(**COMMON, head_dim=16),
    "hunyuan": _of("HunYuanDenseV1", head_dim=16),
    "minimax_m2": _of("MiniMaxM2", head_dim=16, num_local_experts=4, num_experts_per_tok=2),
    "apertus": _of("Apertus"),
    "gemma3_images": lambda: t.Gemma3Config(
        text_config=_text("Gemma3Text", head_dim=16, sliding_window=WINDOW),
        vision_config=dict(SIGHT),
        mm_tokens_per_image=4,
        image_token_index=500,
        boi_token_index=501,
        eoi_token_index=502,
    ),
    "mistral3_images": lambda: t.Mistral3Config(
        text_config=_text("Mistral", head_dim=16, sliding_window=WINDOW),
        vision_config={**SIGHT, "model_type": "pixtral"},
        image_token_index=500,
    ),
    "qwen2_5_vl": lambda: t.Qwen2_5_VLConfig(
        text_config={**COMMON, "rope_parameters": SECTIONS},
        vision_config={
            "depth": 1,
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_heads": 2,
            "out_hidden_size": 64,
            "patch_size": 14,
        },
    ),
    "smolvlm": lambda: t.SmolVLMConfig(
        text_config=_text("Llama", head_dim=16), vision_config=dict(SIGHT), image_token_id=500
    ),
}
FAST = (
    "llama",
    "qwen2_window",
    "mistral_window_of_some_prompts",
    "gemma3_images",
    "gpt_oss_full",
    "diffllama",
    "mamba",
    "lfm2",
    "deepseek_v3",
    "qwen3_moe",
    "smolvlm",
)
"""One of each kind: full attention, windows, a multimodal layout, sinks, differences of softmaxes, state space, hybrid,
latent attention, experts."""
