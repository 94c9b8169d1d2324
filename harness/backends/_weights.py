"""One resident set of base weights for each model folder, with adapters beside it that are switched on and off."""

import os
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel
from transformers.utils import logging as transformers_logging

from harness.adapters import verify
from harness.backends._attention import install
from harness.errors import InputError, InvalidError, UsageError
from harness.rendering import stop_ids
from harness.types import Arm

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def dtype_name(arm: Arm) -> str:
    """The arm's `dtype` option; by default bfloat16 where the processor multiplies it in hardware, else float32."""
    name = arm.options.get("dtype", "auto")
    if name == "auto":
        return "bfloat16" if _fast_bfloat16() else "float32"
    if name not in DTYPES:
        raise UsageError(f"there is no dtype {name!r}", where=f"arm {arm.name}", next=f"known: auto, {', '.join(DTYPES)}")
    return str(name)


def _fast_bfloat16() -> bool:
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    able = torch.cpu.get_capabilities()
    return bool(able.get("amx_bf16") or able.get("avx512_bf16"))


class Resident:
    """A base model in memory, its tokenizer, and the adapters that were loaded onto it."""

    def __init__(self, folder: str, dtype: str) -> None:
        self.folder = folder
        self.tokenizer = _open(AutoTokenizer, folder)
        self.model: PreTrainedModel = _open(AutoModelForCausalLM, folder, dtype=DTYPES[dtype], use_safetensors=True)
        self.model.to("cuda" if torch.cuda.is_available() else "cpu").eval()
        install(self.model)
        self.ends = stop_ids(self.tokenizer, folder)
        self.start: int = next(
            token for token in (self.tokenizer.bos_token_id, self.tokenizer.eos_token_id, 0) if token is not None
        )
        """Stands where a text has no context at all."""
        self.limit = int(getattr(self.model.config.get_text_config(), "max_position_embeddings", 0) or 2**31)
        self._peft: PeftModel | None = None
        self._loaded: dict[str, str] = {}
        self._active = ""

    def use(self, adapter: str) -> None:
        """Answer as the adapter in this folder, or as the base for an empty one. Loads it when it is new.

        Raises InvalidError when the adapter was made for another base, tokenizer or template, or does not fit.
        """
        if adapter and adapter not in self._loaded:
            self._load(adapter)
        if self._peft is None or adapter == self._active:
            return
        if adapter:
            self._peft.set_adapter(self._loaded[adapter])
            self._peft.base_model.enable_adapter_layers()
        else:
            self._peft.base_model.disable_adapter_layers()
        self._active = adapter

    def encode(self, text: str) -> list[int]:
        """Tokens of plain text, without any that the tokenizer would put around it."""
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    @property
    def token_bytes(self) -> int:
        """Memory of one token's keys and values in all layers."""
        config = self.model.config.get_text_config()
        heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        return 2 * config.num_hidden_layers * heads * size * self.model.dtype.itemsize

    def _load(self, adapter: str) -> None:
        verify(adapter, self.folder)
        name = f"adapter{len(self._loaded)}"
        options: dict[str, Any] = {"adapter_name": name, "is_trainable": False, "torch_device": str(self.model.device)}
        if self._peft is None:
            self._peft = PeftModel.from_pretrained(self.model, adapter, **options)
        result = self._peft.load_adapter(adapter, **options)
        self._peft.eval()
        self._active = "not set"
        if result.missing_keys or result.unexpected_keys:
            wrong = [*result.missing_keys, *result.unexpected_keys]
            raise InvalidError(
                f"the adapter does not fit the model: {len(wrong)} weights, such as {wrong[0]}",
                where=adapter,
                next="tune it again on this base",
            )
        if self._peft.peft_config[name].is_prompt_learning:
            raise UsageError("adapters that prepend virtual tokens are not served here", where=adapter)
        self._loaded[adapter] = name


def _open(kind: Any, folder: str, **options: Any) -> Any:
    """`from_pretrained` of a local folder: no network, no code that the model brings."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    transformers_logging.disable_progress_bar()
    try:
        return kind.from_pretrained(Path(folder), local_files_only=True, trust_remote_code=False, **options)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"the model cannot be loaded: {error}", where=folder, next="check the model's folder") from error
