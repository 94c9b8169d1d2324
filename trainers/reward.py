"""Train a reward model: learn from pairs which of two answers is better, to score answers in a suite. By TRL.

The result is a judge, not an arm: `score.reward(...)` asks it. It is checked on pairs of groups that it did not train on
(a Bradley-Terry model, arXiv 2203.02155), and published only once a fresh process gives the same rewards.
"""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import torch
from datasets import Dataset
from msgspec.structs import replace
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import PreTrainedTokenizerBase, Trainer
from trl import RewardConfig, RewardTrainer

from harness.core.adapters import REWARD, content_id
from harness.core.codec import decode, encode
from harness.core.plugins import load
from harness.core.worker import Worker
from harness.errors import InvalidError, TrueupError, UsageError
from harness.types import Adapter, Estimate, Json, Preview, Recipe, TuneRequest
from trainers.model import parameters
from trainers.model.language_model import LanguageModel
from trainers.model.memory import peak_bytes
from trainers.publishing import adapter_folder
from trainers.rows import pairs as rows_pairs
from trainers.rows.pairs import PairRow
from trainers.training import choices, exactness, trl_loop
from trainers.training import options as training_options
from trainers.training.descent import OnPoint, thin
from trainers.training.trl_loop import Plan

SERVER = "harness.evaluate.scorers.reward"
CHECK_SHARE, PROBES, TOLERANCE = 0.2, 4, 1e-4
"""Share of the pairs that is kept to check on; rows that a fresh process scores, and how near its rewards must be."""
KINDS: dict[str, dict[str, Any]] = {"lora": {}, "rslora": {"use_rslora": True}, "dora": {"use_dora": True}}


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[tune.options]` of this recipe."""

    length_bias: str = rows_pairs.REFUSE
    """accept: train although one side's answers are much longer."""


def train(request: TuneRequest, on_point: OnPoint) -> Adapter:
    """Train and publish the reward model of `request`; a killed training goes on from its newest whole checkpoint.

    Raises UsageError on unknown options or kind of adapter, InputError on pairs that cannot be used, InvalidError on a
    held-out case, a loss that is not a number, or a model that does no better than chance on the pairs kept aside.
    """
    began, out = time.monotonic(), Path(request.out)
    options = _options(request)
    plain = adapter_folder.draft(request)
    draft = replace(plain, form=REWARD)
    draft = replace(draft, id=content_id(draft))
    known = adapter_folder.published(out, draft)
    if known is not None:
        return known
    base = parameters.open_for(request)
    pairs = rows_pairs.build(request, base, options.length_bias)
    train_rows, check_rows = _split(pairs.rows, request.recipe.seed)
    filled = choices.fill(request.recipe, parameters.parameters(base.model), len(train_rows), base.max_tokens)
    dtype = base.model.dtype
    kind = str(dtype).removeprefix("torch.")
    tokenizer = base.tokenizer
    del base  # the model with a head is opened in its place
    model = _headed(request.base, filled.recipe, dtype)
    plan = Plan(filled.recipe, draft.id, Path(f"{request.out}.checkpoints"), on_point)
    trainer = _trainer(model, tokenizer, train_rows, plan)
    step = _check_step(trainer, model, train_rows)
    curve = trl_loop.run(trainer, plan)
    model = trl_loop.trained(trainer).float().eval()
    checked = _checked(model, check_rows)
    partial = adapter_folder.fresh(out.with_name(f".{out.name}.partial"))
    files = adapter_folder.write(partial, model)
    manifest = replace(
        draft,
        recipe=filled.recipe,
        choices=filled.reasons,
        files=files,
        rows={**pairs.fates, "trained": len(train_rows), "validation": len(check_rows)},
        tokens=pairs.tokens,
        steps=filled.steps,
        curve=thin(curve),
        checks={
            "request": draft.id,
            **pairs.checks,
            "training": step,
            "reward": checked | {"dtype": kind},
            "round_trip": _round_trip(model, request.base, kind, partial, check_rows[:PROBES]),
        },
        seconds=time.monotonic() - began,
        peak_bytes=peak_bytes(),
    )
    return adapter_folder.publish(partial, out, manifest)


def preview(request: TuneRequest, count: int) -> Preview:
    """`count` pairs token by token. Raises what training would raise."""
    options, base = _options(request), parameters.open_for(request)
    pairs = rows_pairs.build(request, base, options.length_bias)
    note = f"each answer gets one number; {CHECK_SHARE:.0%} of the groups is kept to check on"
    return rows_pairs.preview(pairs, base.tokenizer, count, (note,))


def estimate(request: TuneRequest) -> Estimate:
    """Steps, tokens, time and memory. Nothing is written."""
    options, base = _options(request), parameters.open_for(request)
    pairs = rows_pairs.build(request, base, options.length_bias)
    train_rows, check_rows = _split(pairs.rows, request.recipe.seed)
    filled = choices.fill(request.recipe, parameters.parameters(base.model), len(train_rows), base.max_tokens)
    tried = rows_pairs.longest(train_rows, filled.recipe.batch_size or 1)
    model = _headed(request.base, filled.recipe, base.model.dtype)
    weights, tokenizer = parameters.counted(model), base.tokenizer
    del base
    seconds = trl_loop.trial(lambda plan: _trainer(model, tokenizer, tried, plan), filled.recipe)
    cost = rows_pairs.foreseen(pairs, train_rows, filled, weights, seconds)
    return replace(cost, rows={**pairs.fates, "trained": len(train_rows), "validation": len(check_rows)})


def _trainer(model: LanguageModel, tokenizer: PreTrainedTokenizerBase, rows: Sequence[PairRow], plan: Plan) -> Trainer:
    table = [{"chosen_ids": row.chosen.ids, "rejected_ids": row.rejected.ids} for row in rows]
    return trl_loop.tokenized(RewardTrainer)(
        model=model,
        args=RewardConfig(**trl_loop.settings(plan, rows_pairs.widest(rows)), max_length=None),
        train_dataset=Dataset.from_list(table),
        processing_class=tokenizer,
    )


def _check_step(trainer: Trainer, model: LanguageModel, rows: Sequence[PairRow]) -> dict[str, Json]:
    """How far a step on padded pairs is from the same pairs one at a time. Raises InputError when it is not rounding."""
    ordered = sorted(rows, key=lambda row: max(len(row.chosen.ids), len(row.rejected.ids)))
    sample = [ordered[-1], ordered[0]]
    tables = [{"chosen_ids": row.chosen.ids, "rejected_ids": row.rejected.ids} for row in sample]
    padded = trainer.data_collator(tables)

    def single() -> Iterator[torch.Tensor]:
        for row in sample:
            sides = (torch.tensor([side.ids], device=model.device) for side in (row.chosen, row.rejected))
            chosen, rejected = (model(input_ids=ids).logits[:, 0] for ids in sides)
            yield -torch.nn.functional.logsigmoid(chosen - rejected).sum()

    def together() -> Iterator[torch.Tensor]:
        batch = {name: padded[name].to(model.device) for name in ("input_ids", "attention_mask")}
        chosen, rejected = model(**batch).logits[:, 0].chunk(2)
        yield -torch.nn.functional.logsigmoid(chosen - rejected).sum()

    off = exactness.check_step(model, single, together, "reward")
    return {"layout": "padded by TRL (right)", "rows": len(sample), "loss": off.loss, "gradient": off.gradient}


def accuracy(model: LanguageModel, rows: Sequence[PairRow]) -> float:
    """Share of pairs whose chosen answer has the higher reward."""
    rewards: Callable[[LanguageModel, Sequence[Sequence[int]]], list[float]] = load("scorers", "reward").rewards
    chosen, rejected = (
        rewards(model, side) for side in zip(*((r.chosen.ids, r.rejected.ids) for r in rows), strict=True)
    )
    return sum(better > worse for better, worse in zip(chosen, rejected, strict=True)) / len(rows)


def _options(request: TuneRequest) -> Options:
    if request.recipe.adapter not in KINDS:
        raise UsageError(
            f"a reward model is no adapter of kind {request.recipe.adapter!r}", next=f"known: {', '.join(KINDS)}"
        )
    return training_options.read(request, Options)


def _split(rows: Sequence[PairRow], seed: int) -> tuple[list[PairRow], list[PairRow]]:
    """Pairs to train and to check on; no group stands on both sides."""
    groups = sorted({row.group for row in rows})
    random.Random(seed).shuffle(groups)
    kept = frozenset(groups[: max(1, round(len(groups) * CHECK_SHARE))])
    return [row for row in rows if row.group not in kept], [row for row in rows if row.group in kept]


def _headed(base: str, recipe: Recipe, dtype: torch.dtype) -> PeftModel:
    torch.manual_seed(recipe.seed)
    model = load("scorers", "reward").headed(base, dtype).to(parameters.device())
    targets = recipe.target_modules
    config = LoraConfig(
        task_type="SEQ_CLS",
        r=recipe.rank,
        lora_alpha=recipe.alpha,
        lora_dropout=recipe.dropout,
        target_modules=targets if targets == "all-linear" else [part.strip() for part in targets.split(",")],
        modules_to_save=["score"],
        **KINDS[recipe.adapter],
    )
    return get_peft_model(model, config)


def _checked(model: LanguageModel, rows: Sequence[PairRow]) -> dict[str, Json]:
    """Accuracy on the pairs kept aside. Raises InvalidError when it is no better than a coin."""
    right = accuracy(model, rows)
    if right <= 0.5:
        raise InvalidError(
            f"the reward model prefers the right answer in {right:.0%} of {len(rows)} pairs: no better than a coin",
            next="raise [tune] epochs or learning_rate, or gather more pairs",
        )
    return {"accuracy": right, "pairs": len(rows)}


def _round_trip(model: LanguageModel, base: str, kind: str, adapter: Path, rows: Sequence[PairRow]) -> dict[str, Json]:
    """The rewards that a fresh process gives, by the code that serves. Raises InvalidError when they differ."""
    server = load("scorers", "reward")
    ids = tuple(tuple(row.chosen.ids) for row in rows)
    asked = encode(server.RewardRequest(adapter=str(adapter), base=base, rows=ids, dtype=kind))
    with Worker(SERVER, death=_unloaded) as child:
        child.send(asked)
        served = decode(child.result(), list[float])
    expected = server.rewards(model, ids)
    difference = max(abs(reward - other) for reward, other in zip(served, expected, strict=True))
    if difference > TOLERANCE:
        raise InvalidError(f"the written reward model answers differently: its rewards are off by {difference:.2g}")
    return {"rows": len(ids), "difference": difference}


def _unloaded(code: int, output: str) -> TrueupError:
    return TrueupError("the reward model could not be loaded again", where=output.rpartition("\n")[2])
