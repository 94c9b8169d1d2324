"""Choose the way a model is run: the fastest whose logits are those of the plain forward pass, but for rounding.

No list of architectures: a few short rows, of mixed lengths and with a shared prefix, go through each way in turn, and
are read once more by a plain forward pass, one row at a time, without cache and without padding. A way that differs by
more than rounding (`rounding`), or fails, is not used, and the reason is kept. Rows longer than a wide attention window
cost too much to try beforehand: they are tried when the work has the first of them.
"""

import re
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from transformers import PreTrainedModel

from harness.errors import InputError
from harness.evaluate.inference.attention import Prefix
from harness.evaluate.inference.general import LAYOUTS, General
from harness.evaluate.inference.generate import DecodingRow
from harness.evaluate.inference.head import accepts
from harness.evaluate.inference.loglikelihood import Tree
from harness.evaluate.inference.rounding import perturbed, within
from harness.evaluate.inference.ways import UNBOUNDED, Shared, Way
from harness.types import Noun

TEXT = (
    "We are four people and would like a table tomorrow at seven in the evening, near the window if there is one. "
    "One of us uses a wheelchair, two do not eat meat, and all of us have to catch the last train home. "
)
NEW = 4
"""Tokens that each row is continued by."""
SHARED, SUFFIXES = 24, (3, 9, 30)
LENGTHS = (2, 11, 26, 11)
LEAST_REACH = SHARED + max(SUFFIXES) + NEW
"""A window that is shorter is not worth a way of its own."""
LONGEST = 600
"""A row longer than the attention window is tried too, where it is no longer than this or the work has such rows."""
BEYOND = 9
"""Tokens by which that row is longer than the window."""
_WINDOW = re.compile(r"(window|attention_chunk|local_attention)(_size|_length)?$")
_STRETCHED = frozenset({"longrope", "dynamic"})
"""Rotary embeddings whose frequencies depend on how long the text is."""


class PlainPass:
    """The plain forward pass: one row at a time, no cache, no padding, transformers' own attention."""

    def __init__(self, model: PreTrainedModel, own: Way) -> None:
        """`own`: a way of transformers' own, which puts the model's attention back."""
        self.model, self._own = model, own

    @torch.inference_mode()
    def logits(self, rows: Sequence[Sequence[int]], starts: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits from each row's start on, (positions, vocabulary), and the same with rounding made visible."""
        self._own.begin()
        plain = self._read(rows, starts)
        with perturbed(self.model):
            return plain, self._read(rows, starts)

    def _read(self, rows: Sequence[Sequence[int]], starts: Sequence[int]) -> torch.Tensor:
        found = []
        for row, start in zip(rows, starts, strict=True):
            ids, kept = torch.tensor([list(row)], device=self.model.device), len(row) - start
            options = {"logits_to_keep": kept} if accepts(self.model, "logits_to_keep") else {}
            found.append(self.model(input_ids=ids, use_cache=False, **options).logits[0, -kept:].float().cpu())
        return torch.cat(found)


class RightWays(Noun, frozen=True):
    """Which ways were found right, fastest first, and why others were not."""

    ways: tuple[str, ...] = ()
    refused: dict[str, str] = {}


def examine(model: PreTrainedModel, tokens: Sequence[int], ways: Sequence[Way] = (), longest: int = 0) -> RightWays:
    """The ways that are right for this model, up to the first that is right for rows of any length.

    `tokens`: those of `TEXT`, by the model's own tokenizer. `ways`: those to try, in this order; none: all. `longest`: tokens
    of the longest row of the work; a row beyond the attention window is tried where that is longer. Raises InputError
    when no way is right.
    """
    window = reach(model.config)
    size = max(LONGEST, window + BEYOND if window < longest else 0) + LEAST_REACH
    text = list(tokens) * (1 + size // len(tokens))
    chosen: list[str] = []
    refused: dict[str, str] = {}
    ways = ways or known(model)
    plain = PlainPass(model, ways[-1])
    for way in ways:
        reason = _refusal(way, plain, text, longest)
        if reason:
            refused[way.name] = reason
            continue
        chosen.append(way.name)
        if way.reach >= positions(model.config):
            return RightWays(tuple(chosen), refused)
    name, reason = list(refused.items())[-1]
    raise InputError(
        f"transformers' own generation does not give what the model's forward pass gives ({name}: {reason})",
        next="update transformers, or use another model",
    )


def known(model: PreTrainedModel) -> list[Way]:
    """All ways, fastest first. Call it before any of them was used: what transformers chose is theirs to go back to."""
    attention = model.config._attn_implementation
    return [Shared(model, reach(model.config)), *(General(model, layout, attention) for layout in LAYOUTS)]


def positions(config: Any) -> int:
    """Most tokens that the model has positions for."""
    return int(getattr(config.get_text_config(), "max_position_embeddings", 0) or UNBOUNDED)


def reach(config: Any) -> int:
    """How many tokens every layer sees whole, under the same rotary frequencies.

    Read off the text model's configuration: its attention windows, and the length at which a stretched rotary embedding
    changes.
    """
    text = config.get_text_config()
    fields = text.to_dict()
    limits = [positions(config)]
    if set(fields.get("layer_types") or ["unknown"]) != {"full_attention"}:
        limits += [value for name, value in fields.items() if _WINDOW.search(name) and _is_length(value)]
    for rope in _stretched(fields.get("rope_parameters")):
        limits.append(rope.get("original_max_position_embeddings") or limits[0])
    return min(limits)


def _is_length(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _stretched(rope: Any) -> list[dict[str, Any]]:
    """Rotary settings that depend on the text's length; a model may have one set for each kind of layer."""
    if not isinstance(rope, dict):
        return []
    if rope.get("rope_type") in _STRETCHED:
        return [rope]
    return [found for each in rope.values() for found in _stretched(each)]


def checked(config: Any, longest: int = 0) -> int:
    """Tokens of the longest row that `examine` answers for, given the same `longest`."""
    window = reach(config)
    return UNBOUNDED if window + BEYOND <= LONGEST or window < longest or window >= positions(config) else window


def _refusal(way: Way, plain: PlainPass, text: Sequence[int], longest: int) -> str:
    """Why the way is not right for the model; empty when it is."""
    if way.reach < LEAST_REACH:
        return f"layers that see {way.reach} tokens"
    try:
        return _difference(way, plain, text, longest)
    except Exception as error:  # whatever a model's own code raises when it is called in a way it does not know
        return f"{type(error).__name__}: {str(error)[:200]}"


def _difference(way: Way, plain: PlainPass, text: Sequence[int], longest: int) -> str:
    for rows in _probes(plain.model, text, longest):
        if way.reach < max(map(len, rows)) + NEW:
            continue
        seen, whole = _generate(way, rows)
        starts = [len(row) - 1 for row in rows]
        same, off, allowed = within(seen, *plain.logits(whole, starts))
        if not same:
            return f"logits off by {off:.2g}, where rounding explains {allowed:.2g}"
    return _difference_of_scores(way, plain, text)


def _probes(model: PreTrainedModel, text: Sequence[int], longest: int) -> list[list[list[int]]]:
    """Rows with a shared prefix; rows without one; one that just fits the attention window; and rows that are longer than
    it, that become longer as they are written, and that are shorter."""
    shared = [[*text[:SHARED], *text[SHARED + 5 * size :][:size]] for size in SUFFIXES]
    mixed = [list(text[7 * place :][:size]) for place, size in enumerate(LENGTHS)]
    window = reach(model.config)
    if window >= positions(model.config) or not (window + BEYOND <= LONGEST or window < longest):
        return [shared, mixed]
    beyond = [window + BEYOND, max(1, window - NEW // 2), max(1, window // 2)]
    return [shared, mixed, [list(text[: max(1, window - NEW)])], [list(text[:size]) for size in beyond]]


def _generate(way: Way, rows: Sequence[Sequence[int]]) -> tuple[torch.Tensor, list[list[int]]]:
    """Logits that the way chose each new token from, (rows * NEW, vocabulary), and the rows with the new tokens but one."""
    seen: list[list[torch.Tensor]] = [[] for _ in rows]
    whole = [list(row) for row in rows]
    way.begin()
    for part in way.parts([tuple(row) for row in rows], Prefix()):
        asked = [
            DecodingRow(tuple(rows[place][part.prefix.length :]), NEW, watch=partial(_keep, seen[place]))
            for place in part.rows
        ]
        for place, written in zip(part.rows, way.generate(part.prefix, asked, len(rows), frozenset()), strict=True):
            whole[place] += written.tokens[:-1]
    return torch.stack([logits for row in seen for logits in row]), whole


def _keep(seen: list[torch.Tensor], logits: torch.Tensor) -> None:
    seen.append(logits.float().cpu().clone())


def _difference_of_scores(way: Way, plain: PlainPass, text: Sequence[int]) -> str:
    """As `_difference`, of log-likelihoods: two continuations of each context, of unequal length."""
    rows = [(tuple(text[:size]), (tuple(text[40:43]), tuple(text[50:51]))) for size in SUFFIXES]
    scores = _score(way, [Tree(context, options) for context, options in rows])
    lines = [[*context, *option] for context, options in rows for option in options]
    starts = [len(context) - 1 for context, options in rows for _ in options]
    right = plain.logits([line[:-1] for line in lines], starts)
    same, off, allowed = within(scores, *(_sums(logits, lines, starts) for logits in right))
    return "" if same else f"log-likelihoods off by {off:.2g}, where rounding explains {allowed:.2g}"


def _score(way: Way, trees: Sequence[Tree]) -> torch.Tensor:
    known: dict[int, list[float]] = {}
    way.begin()
    for part in way.parts([tree.context for tree in trees], Prefix()):
        asked = [trees[place].after(part.prefix.length) for place in part.rows]
        sums = way.loglikelihoods(part.prefix, asked, len(trees))
        known |= {place: [value for value, _ in each] for place, each in zip(part.rows, sums, strict=True)}
    return torch.tensor([value for place in range(len(trees)) for value in known[place]])


def _sums(logits: torch.Tensor, lines: Sequence[Sequence[int]], starts: Sequence[int]) -> torch.Tensor:
    """Log-likelihood of each line's tokens after its start, from the logits of `_plain`."""
    wanted = [line[start + 1 :] for line, start in zip(lines, starts, strict=True)]
    chances = logits.log_softmax(-1).split([len(tokens) for tokens in wanted])
    return torch.stack(
        [part.gather(1, torch.tensor(tokens)[:, None]).sum() for part, tokens in zip(chances, wanted, strict=True)]
    )
