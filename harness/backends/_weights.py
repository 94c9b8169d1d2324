"""One resident set of base weights for each model folder, with adapters beside it that are switched on and off."""

import os
from pathlib import Path
from typing import Any

import torch
from peft import PeftConfig, PeftModel
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
        raise UsageError(
            f"there is no dtype {name!r}", where=f"arm {arm.name}", next=f"known: auto, {', '.join(DTYPES)}"
        )
    return str(name)


def _fast_bfloat16() -> bool:
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    able = torch.cpu.get_capabilities()
    return bool(able.get("amx_bf16") or able.get("avx512_bf16"))


class Resident:
    """A base model in memory, its tokenizer, and the adapter that is on.

    In float32 on a CPU an adapter is folded into the weights, which spares a quarter of the time; the base comes back
    bit for bit because it is read again from its file. Anywhere else folding would round, so adapters stay beside the
    weights and are switched.
    """

    def __init__(self, folder: str, dtype: str) -> None:
        self.folder, self._dtype = folder, DTYPES[dtype]
        self.tokenizer = _open(AutoTokenizer, folder)
        self.ends = stop_ids(self.tokenizer, folder)
        starts = (self.tokenizer.bos_token_id, self.tokenizer.eos_token_id, 0)
        self.start: int = next(token for token in starts if token is not None)
        """Stands where a text has no context at all."""
        self._active = ""
        self._read()
        self.limit = int(getattr(self.model.config.get_text_config(), "max_position_embeddings", 0) or 2**31)

    def use(self, adapter: str) -> None:
        """Answer as the adapter in this folder, or as the base for an empty one.

        Raises InvalidError when the adapter was made for another base, tokenizer or template, or does not fit, and
        UsageError for a kind of adapter that is not served here.
        """
        if adapter == self._active:
            return
        if adapter:
            verify(adapter, self.folder)
        if self.model.device.type == "cpu" and self._dtype is torch.float32:
            self._fold(adapter)
        else:
            self._switch(adapter)
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

    def _read(self) -> None:
        """The base as its files say it, with no adapter."""
        self._peft: PeftModel | None = None
        self._names: dict[str, str] = {}
        self._active = ""
        self.model: PreTrainedModel = _open(AutoModelForCausalLM, self.folder, dtype=self._dtype, use_safetensors=True)
        self.model.to("cuda" if torch.cuda.is_available() else "cpu").eval()
        install(self.model)

    def _fold(self, adapter: str) -> None:
        if self._active:
            self._read()
        if adapter:
            self._load(adapter).merge_and_unload()

    def _switch(self, adapter: str) -> None:
        if not adapter:
            assert self._peft is not None
            self._peft.disable_adapter_layers()  # type: ignore[operator] # handed on to the tuner
            return
        peft = self._load(adapter)
        peft.set_adapter(self._names[adapter])
        peft.enable_adapter_layers()  # type: ignore[operator]

    def _load(self, adapter: str) -> PeftModel:
        """The PEFT model around the base with this adapter's weights in it, all of them checked to have a place."""
        if adapter in self._names and self._peft is not None:
            return self._peft
        name = f"adapter{len(self._names)}"
        config = PeftConfig.from_pretrained(adapter)
        if config.is_prompt_learning:
            raise UsageError("adapters that prepend virtual tokens are not served here", where=adapter)
        config.inference_mode = True
        if self._peft is None:
            self._peft = PeftModel(self.model, config, adapter_name=name)
        result = self._peft.load_adapter(adapter, name, torch_device=str(self.model.device))
        self._peft.eval()
        wrong = [*result.missing_keys, *result.unexpected_keys]
        if wrong:
            self._read()
            raise InvalidError(
                f"the adapter does not fit the model: {len(wrong)} weights have no place, such as {wrong[0]}",
                where=adapter,
                next="tune it again on this base",
            )
        self._names[adapter] = name
        return self._peft


def _open(kind: Any, folder: str, **options: Any) -> Any:
    """`from_pretrained` of a local folder: no network, no code that the model brings."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    transformers_logging.disable_progress_bar()
    try:
        return kind.from_pretrained(Path(folder), local_files_only=True, trust_remote_code=False, **options)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"the model cannot be loaded: {error}", where=folder, next="check the model's folder"
        ) from error
