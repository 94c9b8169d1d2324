"""Compute attention over a prefix that a whole batch shares: its keys and values are kept and read once.

Each row attends to [shared prefix | its own tokens] under one softmax. The prefix part of the scores is one matrix
product for all rows of the batch (shared-prefix attention as in Hydragen, arXiv:2402.05099), so a few-shot prompt of
700 tokens is neither copied nor read again for each row. Query heads that share a key head are folded into it, so
keys and values are never repeated for grouped-query models either.

It plugs into any transformers model that passes its keyword arguments down to its attention function
(`_supports_attention_backend`), under the name `NAME`; a `Frame` says what the tokens of one forward pass may see.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, PreTrainedModel

from harness.errors import UsageError

NAME = "trueup_shared_prefix"

KeyValue = tuple[torch.Tensor, torch.Tensor]
"""Keys and values, each (rows, key heads, tokens, head size)."""


@dataclass
class Prefix:
    """Keys and values of the tokens that all rows begin with: one pair a layer, of one row."""

    length: int = 0
    layers: list[KeyValue] = field(default_factory=list)
    virtual: int = 0
    """How many of them are an adapter's virtual tokens, which stand before the first real one."""

    @property
    def tokens(self) -> int:
        """Real tokens in it."""
        return self.length - self.virtual


@dataclass
class Frame:
    """What one forward pass sees and keeps."""

    prefix: Prefix
    mask: torch.Tensor | None = None
    """True where a query may look at a row's own token: (rows, 1, queries, tokens); None: causal, own tokens only."""
    keep: Callable[[int, KeyValue], KeyValue] | None = None
    """Stores the new keys and values of a layer and returns all of each row's own."""


def install(model: PreTrainedModel) -> None:
    """Make the model attend through `attend`. Raises UsageError when it does not hand its attention to a function."""
    if model.config._attn_implementation == NAME:
        return
    if not getattr(model, "_supports_attention_backend", False):
        raise UsageError(
            f"{type(model).__name__} computes its attention itself",
            where=str(model.name_or_path),
            next="leave the way to transformers (`harness.evaluate.inference.general`)",
        )
    AttentionInterface.register(NAME, attend)
    model.set_attn_implementation(NAME)


@torch.inference_mode()
def read_prefix(model: PreTrainedModel, tokens: list[int], start: Prefix | None = None) -> Prefix:
    """Keys and values of `tokens` behind those of `start`, computed once; `start` itself for no tokens."""
    start = start or Prefix()
    if not tokens:
        return start
    prefix = Prefix(start.length + len(tokens), virtual=start.virtual)

    def keep(layer: int, new: KeyValue) -> KeyValue:
        if start.length:
            (old_keys, old_values), (keys, values) = start.layers[layer], new
            prefix.layers.append((torch.cat([old_keys, keys], dim=2), torch.cat([old_values, values], dim=2)))
        else:
            prefix.layers.append(new)
        return new

    ids = torch.tensor([tokens], device=model.device)
    positions = torch.arange(len(tokens), device=model.device)[None] + start.length
    run(model.base_model, ids, positions, Frame(start, keep=keep))
    return prefix


@torch.inference_mode()
def read_virtual(model: PreTrainedModel, embeddings: torch.Tensor) -> Prefix:
    """Keys and values of virtual tokens. `embeddings`: (1, tokens, hidden size)."""
    layers: list[KeyValue] = []

    def keep(layer: int, new: KeyValue) -> KeyValue:
        layers.append(new)
        return new

    count = embeddings.shape[1]
    positions = torch.arange(count, device=model.device)[None]
    frame = Frame(Prefix(), keep=keep)
    model.base_model(inputs_embeds=embeddings, position_ids=positions, use_cache=False, frame=frame)
    return Prefix(count, layers, virtual=count)


def run(module: Any, ids: torch.Tensor, positions: torch.Tensor, frame: Frame, **options: Any) -> Any:
    """One forward pass of the model or of its body. `positions` count from the start of the prefix."""
    return module(input_ids=ids, position_ids=positions, use_cache=False, frame=frame, **options)


def attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    frame: Frame | None = None,
    softcap: float | None = None,
    s_aux: torch.Tensor | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attention function in the form that transformers calls: (rows, heads, queries, head size) in, rows-first out."""
    assert frame is not None, "the model was called without a Frame"
    if softcap is not None or s_aux is not None:
        raise UsageError("scores that are capped, or share their softmax with a sink, are not computed here")
    layer = cast(int, module.layer_idx)
    own = frame.keep(layer, (key, value)) if frame.keep else (key, value)
    scale = scaling if scaling is not None else query.shape[-1] ** -0.5
    if 0 < frame.prefix.length <= query.shape[2]:
        out = _over_both(query, frame.prefix.layers[layer], own, frame.mask, scale)
    elif frame.prefix.length:
        out = _over_prefix(query, frame.prefix.layers[layer], own, frame.mask, scale)
    else:
        out = _over_own(query, own, frame.mask, scale)
    return out.transpose(1, 2), None


def _over_own(query: torch.Tensor, own: KeyValue, mask: torch.Tensor | None, scale: float) -> torch.Tensor:
    """(rows, heads, queries, head size). A single query folds its heads, which spares a copy of the keys."""
    rows, heads, queries, size = query.shape
    key, value = own
    if queries == 1:
        folded = query.view(rows, key.shape[1], -1, size)
        return scaled_dot_product_attention(folded, key, value, mask, scale=scale).view(rows, heads, 1, size)
    return scaled_dot_product_attention(
        query, key, value, mask, is_causal=mask is None, scale=scale, enable_gqa=heads != key.shape[1]
    )


def _over_both(
    query: torch.Tensor, prefix: KeyValue, own: KeyValue, mask: torch.Tensor | None, scale: float
) -> torch.Tensor:
    """A prefix that is shorter than what each row reads: a copy of it for each row costs less than two products."""
    rows, heads, queries, _ = query.shape
    key, value = (torch.cat([all_.expand(rows, -1, -1, -1), each], 2) for all_, each in zip(prefix, own, strict=True))
    seen = _visible(mask, queries, query.device)
    seen = torch.cat([seen.new_ones(*seen.shape[:-1], prefix[0].shape[2]), seen], -1)
    return scaled_dot_product_attention(query, key, value, seen, scale=scale, enable_gqa=heads != key.shape[1])


def _over_prefix(
    query: torch.Tensor, prefix: KeyValue, own: KeyValue, mask: torch.Tensor | None, scale: float
) -> torch.Tensor:
    """One softmax over [prefix | own]; the prefix products run over all rows at once."""
    rows, heads, queries, size = query.shape
    prefix_key, prefix_value = prefix[0][0], prefix[1][0]  # (key heads, prefix, size)
    key_heads, length = prefix_key.shape[:2]
    folded = (query * scale).reshape(rows, key_heads, -1, size)  # (rows, key heads, group x queries, size)
    together = folded.transpose(0, 1).reshape(key_heads, -1, size)
    before = torch.bmm(together, prefix_key.transpose(1, 2)).view(key_heads, rows, -1, length).transpose(0, 1)
    after = folded @ own[0].transpose(2, 3)
    after = after.view(rows, key_heads, -1, queries, after.shape[-1])
    after = after.masked_fill(~_visible(mask, queries, query.device).unsqueeze(2), float("-inf"))
    weights = torch.cat([before, after.flatten(2, 3)], dim=-1).softmax(dim=-1)
    out = weights[..., length:] @ own[1]
    seen = weights[..., :length].transpose(0, 1).reshape(key_heads, -1, length)
    out += torch.bmm(seen, prefix_value).view(key_heads, rows, -1, size).transpose(0, 1)
    return out.view(rows, heads, queries, size)


def _visible(mask: torch.Tensor | None, queries: int, device: torch.device) -> torch.Tensor:
    if mask is not None:
        return mask
    return torch.ones(queries, queries, dtype=torch.bool, device=device).tril()[None, None]
