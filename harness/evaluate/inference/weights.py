"""Keep one set of base weights for each model folder, and switch adapters on and off beside it."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import torch
from peft import PeftConfig, PeftModel, PeftModelForCausalLM
from transformers import PreTrainedModel

from harness.core.adapters import verify
from harness.core.rendering import stop_ids
from harness.errors import UsageError
from harness.evaluate.inference.attention import Prefix, read_virtual
from harness.evaluate.inference.check import RightWays, checked, known, positions
from harness.evaluate.inference.dtype import dtype_name, quantization
from harness.evaluate.inference.folding import fold
from harness.evaluate.inference.opening import open_model, open_tokenizer
from harness.evaluate.inference.placement import is_spread, misfit, places, with_adapter
from harness.evaluate.inference.recall import recalled
from harness.evaluate.inference.ways import Shared, Way
from harness.types import Arm, Json

VIRTUAL = "prompt_embeddings"
"""PEFT's name for virtual tokens in a file; it puts them in their place itself, and then reports the name as unknown."""


class Opened(NamedTuple):
    """Which weights are in memory, and how: arms that agree in it share them."""

    folder: str
    dtype: str
    quantization: str = ""
    """JSON text of what the adapter's manifest or the arm's `dtype` says; empty: none."""


class Place(NamedTuple):
    opened: Opened
    adapter: str
    """Folder of the adapter that is put on them; empty for none."""


def place_of(arm: Arm) -> Place:
    """The weights that an arm is answered from.

    An adapter goes on the base that it was trained on, quantized as it was then; one that is a whole checkpoint takes the
    base's place. Raises InvalidError when the adapter was made for another base, tokenizer or template.
    """
    manifest = verify(arm.adapter, arm.model) if arm.adapter else None
    whole = manifest is not None and manifest.form != "adapter"
    packed = (manifest.quantization if manifest and not whole else {}) or quantization(arm)
    opened = Opened(
        arm.adapter if whole else arm.model, dtype_name(arm), json.dumps(packed, sort_keys=True) if packed else ""
    )
    return Place(opened, "" if whole else arm.adapter)


class Resident:
    """A base model in memory, its tokenizer, and the adapter that is on.

    In float32 on a CPU an adapter is folded into the weights, which spares a quarter of the time; the base comes back
    bit for bit because it is read again from its file. Anywhere else folding would round, so adapters stay beside the
    weights and are switched. Virtual tokens are keys and values that every row starts with: `start_prefix`.
    """

    def __init__(self, folder: str, dtype: str, quantization: str = "") -> None:
        self.folder, self._dtype = folder, getattr(torch, dtype)
        self._quantization = json.loads(quantization) if quantization else {}
        self.tokenizer = open_tokenizer(folder)
        self._finding: RightWays | None = None
        self.ends = stop_ids(self.tokenizer, folder)
        starts = (self.tokenizer.bos_token_id, self.tokenizer.eos_token_id, 0)
        self.start: int = next(token for token in starts if token is not None)
        """Stands where a text has no context at all."""
        self._active = ""
        self._grammars: Any = None
        self._read()
        self._positions = positions(self.model.config)

    @property
    def limit(self) -> int:
        """Most tokens of prompt and reply."""
        return self._positions - self.start_prefix.length

    @property
    def notes(self) -> str:
        """Which way the model is run, and why not a faster one."""
        assert self._finding is not None
        why = "; ".join(f"not {name}: {reason}" for name, reason in self._finding.refused.items())
        spread = f", spread over {', '.join(places(self.model))}" if is_spread(self.model) else ""
        return ", then ".join(way.name for way in self.ways) + (f" ({why})" if why else "") + spread

    def routed(self, lengths: Mapping[int, int]) -> Iterator[tuple[Way, list[int]]]:
        """Which rows go which way. `lengths`: row to its tokens, of prompt and reply.

        Before the first row that is longer than a wide attention window the ways are examined on such a row.
        """
        left = dict(lengths)
        if (longest := max(left.values(), default=0)) > self._checked:
            self._examine(longest)
            self._choose_ways()
        for way in self.ways:
            mine = [place for place, tokens in left.items() if tokens + self.start_prefix.length <= way.reach]
            if way is self.ways[-1]:
                mine = list(left)
            left = {place: tokens for place, tokens in left.items() if place not in set(mine)}
            if mine:
                way.begin()
                yield way, mine

    def use(self, adapter: str) -> None:
        """Answer as the adapter in this folder, or as the base for an empty one.

        Raises InvalidError when the adapter was made for another base, tokenizer or template, or does not fit.
        """
        if adapter == self._active:
            return
        if adapter:
            verify(adapter, self.folder)
        if adapter and PeftConfig.from_pretrained(adapter).is_prompt_learning:
            self.use("")
            self.start_prefix = self._virtual(adapter)
        elif is_spread(self.model):
            self._spread(adapter)
        elif self._folds:
            self._fold(adapter)
        else:
            self._switch(adapter)
        self._active = adapter

    @property
    def _folds(self) -> bool:
        return self._dtype is torch.float32 and not self._quantization and self.model.device.type == "cpu"

    def encode(self, text: str) -> list[int]:
        """Tokens of plain text, without any that the tokenizer would put around it."""
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def matcher(self, schema: Json) -> Any:
        """A new `_grammar.Matcher` of a JSON Schema.

        Raises UsageError when the extra is not installed, or replies cannot be held to this schema.
        """
        if self._grammars is None:
            try:
                from harness.evaluate.inference import grammar
            except ModuleNotFoundError as error:
                raise UsageError(
                    f"replies can be held to a schema by the package {error.name!r} only",
                    next='pip install "trueup[schema]"',
                ) from error
            vocabulary = self.model.get_output_embeddings().out_features
            self._grammars = grammar.Grammars(self.tokenizer, self.ends, vocabulary)
        return self._grammars.matcher(schema)

    @property
    def token_bytes(self) -> int:
        """Memory of one token's keys and values in all layers."""
        config = self.model.config.get_text_config()
        each = getattr(config, "per_layer_config", None) or dict.fromkeys(range(config.num_hidden_layers), config)
        return sum(_kept(each[layer], config) for layer in range(config.num_hidden_layers)) * self.model.dtype.itemsize

    def _read(self) -> None:
        """The base as its files say it, with no adapter."""
        self._peft: PeftModel | None = None
        self.start_prefix = Prefix()
        self._names: dict[str, str] = {}
        self._active = ""
        device = "cuda" if torch.cuda.is_available() else "cpu"
        self.model: PreTrainedModel = open_model(
            self.folder, self._dtype, self._quantization, torch.device(device), self.tokenizer
        )
        self._known = {way.name: way for way in known(self.model)}
        if self._finding is None:
            self._examine()
        self._choose_ways()

    def _examine(self, longest: int = 0) -> None:
        """Find out which ways are right, for rows of up to `longest` tokens too where windows are wide."""
        opened: Json = [str(self._dtype), self._quantization, *places(self.model)]
        self._finding = recalled(self.model, self.tokenizer, self.folder, opened, longest, tuple(self._known.values()))
        self._checked = checked(self.model.config, longest)

    def _choose_ways(self) -> None:
        assert self._finding is not None
        self.ways = [self._known[name] for name in self._finding.ways]
        self.ways[0].begin()

    def _fold(self, adapter: str) -> None:
        if self._peft is not None:
            self._read()
        self.start_prefix = Prefix()
        if adapter:
            fold(self._load(adapter))

    def _switch(self, adapter: str) -> None:
        self.start_prefix = Prefix()
        if not adapter:
            if self._peft is not None:
                self._peft.disable_adapter_layers()
            return
        peft = self._load(adapter)
        peft.set_adapter(self._names[adapter])
        peft.enable_adapter_layers()

    def _spread(self, adapter: str) -> None:
        """The adapter's weights go where the layers are, which PEFT does for one adapter at a time."""
        if self._peft is not None:
            self._read()
        if adapter:
            self._peft = with_adapter(self.model, adapter)

    def _load(self, adapter: str) -> PeftModel:
        """The PEFT model around the base with this adapter's weights in it, all of them checked to have a place."""
        if adapter in self._names and self._peft is not None:
            return self._peft
        name = f"adapter{len(self._names)}"
        config = PeftConfig.from_pretrained(adapter)
        config.inference_mode = True
        if self._peft is None:
            self._peft = PeftModel(self.model, config, adapter_name=name)
        result = self._peft.load_adapter(adapter, name, torch_device=str(self.model.device))
        self._peft.eval()
        wrong = [*result.missing_keys, *result.unexpected_keys]
        if wrong:
            self._read()
            raise misfit(adapter, wrong)
        self._names[adapter] = name
        return self._peft

    def _virtual(self, adapter: str) -> Prefix:
        """Keys and values of the adapter's virtual tokens, which nothing of the base has to change for.

        Raises UsageError where the model is not run in a way that puts keys and values before a row.
        """
        if len(self.ways) > 1 or not isinstance(self.ways[0], Shared):
            raise UsageError(
                f"virtual tokens cannot be put before this model's text: {self.notes}",
                where=adapter,
                next='train with [tune] adapter = "lora"',
            )
        config = PeftConfig.from_pretrained(adapter)
        config.inference_mode = True
        try:
            peft = PeftModelForCausalLM(self.model, config)
            result = peft.load_adapter(adapter, "default", torch_device=str(self.model.device))
        except RuntimeError as error:  # a tensor of another shape
            raise misfit(adapter, [str(error)]) from error
        wrong = [*result.missing_keys, *(name for name in result.unexpected_keys if name != VIRTUAL)]
        if wrong:
            raise misfit(adapter, wrong)
        with torch.inference_mode():
            prompt = peft.get_prompt(1)
        if isinstance(prompt, torch.Tensor):
            return read_virtual(self.model, prompt.to(self.model.dtype))
        layers = [(layer.keys.to(self.model.dtype), layer.values.to(self.model.dtype)) for layer in prompt.layers]
        return Prefix(config.num_virtual_tokens, layers, virtual=config.num_virtual_tokens)


def _kept(layer: Any, config: Any) -> int:
    """Numbers that one layer keeps of a token: its key and value, of which a state-space model keeps less."""
    all_heads = getattr(layer, "num_attention_heads", None) or 1
    heads = getattr(layer, "num_key_value_heads", None) or all_heads
    return int(2 * heads * (getattr(layer, "head_dim", None) or config.hidden_size // all_heads))
