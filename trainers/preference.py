"""Learn preferences: prefer the corrected answer to the one that failed. DPO, KTO and ORPO, by TRL.

DPO (arXiv 2305.18290) and KTO (arXiv 2402.01306) sharpen a model that can do the task already, so they start from a
supervised stage and keep near it; ORPO (arXiv 2403.07691) learns both at once and starts from the base. The reference
of DPO and KTO is a frozen copy of the adapter that they start from.

DPO looks at the distance of two answers only, and where they are alike both become unlikely (A. Pal et al., "Smaug", arXiv
2402.13228). So the preferred answers' own log-likelihood is part of its loss, as in R. Y. Pang et al., "Iterative
Reasoning Preference Optimization" (arXiv 2404.19733).
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from datasets import Dataset
from msgspec.structs import replace
from transformers import PreTrainedTokenizerBase, Trainer
from trl import DPOConfig, DPOTrainer, KTOConfig, KTOTrainer
from trl.experimental.orpo import ORPOConfig, ORPOTrainer
from trl.experimental.utils import DPODataCollatorWithPadding

from harness.core.codec import digest
from harness.core.rendering import stop_ids
from harness.errors import UsageError
from harness.types import Adapter, CurvePoint, Estimate, Preview, TuneRequest
from trainers.model import parameters
from trainers.model.language_model import LanguageModel
from trainers.publishing import adapter_folder
from trainers.publishing.conclude import Outcome, reopened
from trainers.rows import dataset, tokens
from trainers.rows import pairs as rows_pairs
from trainers.rows.pairs import PairRow, PairRows
from trainers.rows.tokens import TokenRow
from trainers.training import beginning, choices, exactness, trl_loop
from trainers.training import options as training_options
from trainers.training.beginning import Start
from trainers.training.descent import OnPoint
from trainers.training.trl_loop import Plan
from trainers.training.validation import Exam, choose, due

RATE_SHARE = {"dpo": 1 / 20, "kto": 1 / 20, "orpo": 1 / 2}
"""Learning rate as a share of supervised LoRA's. Tinker's guide has DPO at 1e-5 where LoRA has 2e-4; ORPO learns the
answers themselves, so it needs about as much as supervised training."""


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[tune.options]` of this recipe."""

    loss: str = "dpo"
    """dpo, kto or orpo."""
    beta: float = 0.1
    """How strongly the answers are held near the reference; for ORPO the weight of the odds ratio."""
    anchor: float = 1.0
    """Weight of the preferred answers' own log-likelihood beside DPO's loss, which alone makes both answers unlikely."""
    start: str = ""
    """sft, base, or an adapter's folder; empty: sft for dpo and kto, base for orpo."""
    sft: dict[str, Any] = {}
    """Knobs of the supervised stage, such as `epochs`."""
    length_bias: str = rows_pairs.REFUSE
    """accept: train although one side's answers are much longer."""


def train(request: TuneRequest, on_point: OnPoint) -> Adapter:
    """Train and publish the adapter of `request`; a killed training goes on from its newest whole checkpoint.

    Raises UsageError on options that are not known, InputError on pairs that cannot be used, InvalidError on a
    held-out case among them, a loss that is not a number, or an adapter that does nothing.
    """
    began, options, draft = time.monotonic(), options_of(request), adapter_folder.draft(request)
    known = adapter_folder.published(Path(request.out), draft)
    if known is not None:
        return known
    base = parameters.open_for(request)
    aside, pairs = _parted(request, base, options)
    start = beginning.begin(request, _start_of(options), options.sft, on_point)
    filled = _fill(start, options, parameters.parameters(base.model), pairs, base.max_tokens)
    folder, model = Path(f"{request.out}.checkpoints"), beginning.attach(base.model, start)
    checked = exactness.check_masked(model, _sides(pairs), "right", options.loss)
    layout = exactness.choose(model, _sides(pairs), filled.recipe, base.tokenizer).layout
    stop = stop_ids(base.tokenizer, request.base)
    exam = Exam(aside.validation, aside.guard, base.tokenizer, stop, filled.recipe, layout)
    plan = _measured(Plan(filled.recipe, digest([draft.id, start.id]), folder, on_point), exam, model)
    trainer = LOSSES[options.loss](model, base.tokenizer, pairs.rows, options, plan)
    curve = trl_loop.run(trainer, plan)
    weights = parameters.weights(trl_loop.trained(trainer))
    outcome = Outcome(
        filled=filled,
        curve=curve,
        rows=[row.chosen for row in pairs.rows],
        fates=pairs.fates,
        tokens=pairs.tokens,
        checks={**pairs.checks, "start": start.id, "training": checked},
        began=began,
        choice=choose(curve),
        unmeasured=dataset.none_aside(request.recipe),
        aside=aside.validation,
    )
    del trainer, base, model, exam, plan
    return reopened(request, draft, weights, outcome)


def preview(request: TuneRequest, count: int) -> Preview:
    """`count` pairs token by token. Raises what training would raise."""
    options, base = options_of(request), parameters.open_for(request)
    pairs = _parted(request, base, options)[1]
    first = ('a supervised stage on all training rows comes first: method = "sft" shows them',)
    return rows_pairs.preview(pairs, base.tokenizer, count, first if _start_of(options) == beginning.SFT else ())


def estimate(request: TuneRequest) -> Estimate:
    """Steps, tokens, time and memory, with those of a supervised stage that comes first. Nothing is written."""
    options, base = options_of(request), parameters.open_for(request)
    pairs = _parted(request, base, options)[1]
    ahead = beginning.foresee(request, _start_of(options), options.sft)
    filled = _fill(ahead.start, options, parameters.parameters(base.model), pairs, base.max_tokens)
    model = beginning.attach(base.model, ahead.start)
    exactness.check_masked(model, _sides(pairs), "right", options.loss)
    weights, tried = parameters.counted(model), rows_pairs.longest(pairs.rows, filled.recipe.batch_size or 1)
    loss = LOSSES[options.loss]
    seconds = trl_loop.trial(lambda plan: loss(model, base.tokenizer, tried, options, plan), filled.recipe)
    return ahead.joined(rows_pairs.foreseen(pairs, pairs.rows, filled, weights, seconds), options.loss)


def _sides(pairs: PairRows) -> list[TokenRow]:
    """Both answers of every pair, each behind its prompt."""
    return [row for pair in pairs.rows for row in (pair.chosen, pair.rejected)]


def _parted(request: TuneRequest, base: parameters.Base, options: Options) -> tuple[dataset.Parts, PairRows]:
    """What is set aside, as a supervised stage on the same cases sets it aside, and the pairs of the other cases."""
    pairs, parts = rows_pairs.build(request, base, options.length_bias), dataset.parts(request, base)
    aside = {row.id for row in parts.validation}
    train = [row for row in pairs.rows if row.id not in aside]
    left = len(pairs.rows) - len(train)
    fates = {**pairs.fates, tokens.TRAINED: len(train), **({dataset.VALIDATION: left} if left else {})}
    return parts, pairs._replace(rows=train, fates=fates)


def _measured(plan: Plan, exam: Exam, model: LanguageModel) -> Plan:
    """The plan, with the task score of what it starts from and of some checkpoints, where rows are set aside."""
    if not exam:
        return plan
    steps = plan.recipe.max_steps or 1

    def look(point: CurvePoint) -> CurvePoint:
        """Without the loss on these rows: it is in nats a token, which a preference's loss is not."""
        return replace(exam.measure(model, point), validation_loss=None)

    def after(point: CurvePoint) -> CurvePoint:
        return look(point) if due(point.step, steps) else point

    return plan._replace(before=lambda: look(CurvePoint(step=0, epoch=0.0, loss=0.0)), after=after)


def _start_of(options: Options) -> str:
    return options.start or (beginning.BASE if options.loss == "orpo" else beginning.SFT)


def options_of(request: TuneRequest) -> Options:
    """The request's options. Raises UsageError on one that is not known."""
    options = training_options.read(request, Options)
    if options.loss not in LOSSES:
        raise UsageError(f"there is no preference loss {options.loss!r}", next=f"known: {', '.join(LOSSES)}")
    return options


def _fill(start: Start, options: Options, weights: int, pairs: PairRows, longest: int) -> choices.Filled:
    """Choices are those of supervised training, with this method's own share of the learning rate and one pass."""
    recipe, reasons = start.recipe, {}
    rows = len(pairs.rows) * (2 if options.loss == "kto" else 1)
    if recipe.epochs is None and recipe.max_steps is None:
        epochs = 2.0 if options.loss == "orpo" else 1.0
        recipe, reasons["epochs"] = replace(recipe, epochs=epochs), f"{epochs:g}: more passes drive answers apart"
    filled = choices.fill(recipe, weights, rows, longest)
    if recipe.learning_rate is None and filled.recipe.learning_rate is not None:
        share = RATE_SHARE[options.loss]
        rate = float(f"{filled.recipe.learning_rate * share:.2g}")
        reasons["learning_rate"] = f"{rate:g}: {share:g} of what supervised LoRA takes on this base"
        filled = choices.Filled(replace(filled.recipe, learning_rate=rate), filled.reasons)
    return choices.Filled(filled.recipe, filled.reasons | reasons)


def _dpo(
    model: LanguageModel, tokenizer: PreTrainedTokenizerBase, rows: list[PairRow], options: Options, plan: Plan
) -> Trainer:
    table = [{"prompt_ids": row.prompt, "chosen_ids": row.chosen_ids, "rejected_ids": row.rejected_ids} for row in rows]
    anchored: dict[str, Any] = (
        {"loss_type": ["sigmoid", "sft"], "loss_weights": [1.0, options.anchor]} if options.anchor else {}
    )
    return trl_loop.tokenized(DPOTrainer)(
        model=model,
        args=DPOConfig(
            **trl_loop.settings(plan, rows_pairs.widest(rows)), beta=options.beta, max_length=None, **anchored
        ),
        train_dataset=Dataset.from_list(table),
        processing_class=tokenizer,
    )


def _kto(
    model: LanguageModel, tokenizer: PreTrainedTokenizerBase, rows: list[PairRow], options: Options, plan: Plan
) -> Trainer:
    """Each pair as a wanted and an unwanted row. The KL term sees each prompt with another prompt's answer.

    A step is one pass, not pieces: its KL term is a mean over the step's rows. So is ORPO's, a mean over its tokens.
    """
    table = [
        {"prompt_ids": row.prompt, "completion_ids": answer, "label": wanted}
        for row in rows
        for wanted, answer in ((True, row.chosen_ids), (False, row.rejected_ids))
    ]
    for here, other in zip(table, [*table[-2:], *table[:-2]], strict=True):
        here["KL_completion_ids"] = other["completion_ids"]
    return trl_loop.tokenized(KTOTrainer)(
        model=model,
        args=KTOConfig(**trl_loop.settings(plan), beta=options.beta, max_length=None),
        train_dataset=Dataset.from_list(table),
        processing_class=tokenizer,
    )


def _orpo(
    model: LanguageModel, tokenizer: PreTrainedTokenizerBase, rows: list[PairRow], options: Options, plan: Plan
) -> Trainer:
    """ORPO's trainer has no seam for token ids but the two functions that it maps over its rows."""
    table = [{"prompt": row.id, "chosen": "", "rejected": ""} for row in rows]
    known = {row.id: row for row in rows}

    def tokenize(self: Any, feature: dict[str, Any], model: object = None) -> dict[str, Any]:
        row = known[feature["prompt"]]
        return {
            "prompt_input_ids": row.prompt,
            "prompt_attention_mask": [1] * len(row.prompt),
            **_labelled("chosen", row.chosen.ids, len(row.prompt)),
            **_labelled("rejected", row.rejected.ids, len(row.prompt)),
        }

    longest = max(len(each.ids) for row in rows for each in (row.chosen, row.rejected))
    return trl_loop.tokenized(ORPOTrainer, tokenize_row=tokenize)(
        model=model,
        args=ORPOConfig(**trl_loop.settings(plan), beta=options.beta, max_length=longest, remove_unused_columns=False),
        data_collator=DPODataCollatorWithPadding(pad_token_id=tokenizer.pad_token_id),
        train_dataset=Dataset.from_list(table),
        processing_class=tokenizer,
    )


def _labelled(side: str, ids: list[int], prompt: int) -> dict[str, list[int]]:
    return {
        f"{side}_input_ids": ids,
        f"{side}_attention_mask": [1] * len(ids),
        f"{side}_labels": [-100] * prompt + ids[prompt:],
    }


LOSSES: dict[str, Callable[..., Trainer]] = {"dpo": _dpo, "kto": _kto, "orpo": _orpo}
"""Name of a loss to the function that makes its trainer."""
