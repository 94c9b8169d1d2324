"""Fine-tune with supervision by TRL's SFTTrainer: the rows of `sft`, token for token, through the field's own loop.

For those who want that loop, or want to hold ours against it. Rows, their order, certificate, choice of the checkpoint and manifest are
those of `sft`. The learning rate is transformers': its warm-up is one step behind.
"""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from datasets import Dataset
from msgspec.structs import replace
from transformers import PreTrainedTokenizerBase
from trl import SFTConfig, SFTTrainer

from harness.types import Adapter, CurvePoint, Estimate, Json, Preview, Recipe, TuneRequest
from trainers import sft
from trainers.model import parameters
from trainers.model.language_model import LanguageModel
from trainers.model.memory import peak_bytes
from trainers.publishing import adapter_folder
from trainers.publishing.conclude import reopened
from trainers.rows.batches import schedule, steps_per_epoch
from trainers.rows.tokens import TokenRow
from trainers.training import exactness, trl_loop
from trainers.training.descent import OnPoint
from trainers.training.preview import preview as _preview
from trainers.training.trl_loop import Plan
from trainers.training.validation import Exam, due

NOT_LEARNT = -100
"""What TRL and torch take for a token without a loss."""


Options = sft.Options
"""`[tune.options]` of this recipe are those of `sft`."""


def train(request: TuneRequest, on_point: OnPoint) -> Adapter:
    """Train and publish the adapter of `request`; goes on from the newest whole checkpoint of the same request.

    Raises what `sft` raises, and InputError where padding changes the steps of this model.
    """
    began, out, draft = time.monotonic(), Path(request.out), adapter_folder.draft(request)
    sft.options_of(request)
    known = adapter_folder.published(out, draft)
    if known is not None:
        return known
    ready, checked = _ready(request)
    parts, filled, model, tokenizer = ready
    exam = ready.exam(request, "padded")
    plan = Plan(filled.recipe, draft.id, out.with_name(f"{out.name}.checkpoints"), on_point)
    plan = _measured(plan, exam, model, len(parts.train.rows))
    trainer = _trainer(model, tokenizer, parts.train.rows, plan)
    curve = trl_loop.run(trainer, plan)
    weights = parameters.weights(trl_loop.trained(trainer))
    outcome = ready.outcome(request, curve, checked, began)
    del ready, trainer, model, exam, plan
    return reopened(request, draft, weights, outcome)


def preview(request: TuneRequest, count: int) -> Preview:
    """`count` rows token by token, and the fate of all. Raises what training would raise."""
    sft.options_of(request)
    return _preview(request, count)


def estimate(request: TuneRequest) -> Estimate:
    """Steps, tokens, time and memory, from steps that are tried here. Nothing is written."""
    sft.options_of(request)
    (parts, filled, model, tokenizer), _ = _ready(request)
    weights, rows = parameters.counted(model), parts.train.rows
    seconds = trl_loop.trial(lambda plan: _trainer(model, tokenizer, rows, plan), filled.recipe)
    return Estimate(
        steps=filled.steps,
        rows=parts.train.fates,
        tokens=parts.train.tokens,
        seconds=seconds * filled.steps,
        peak_bytes=peak_bytes(),
        weights=weights.all,
        trained_weights=weights.trained,
        choices=filled.reasons,
    )


def _ready(request: TuneRequest) -> tuple[sft.Ready, dict[str, Json]]:
    """What `sft` trains on, and what was found of steps that are padded."""
    ready = sft.prepare(request)
    return ready, exactness.check_masked(ready.model, ready.parts.train.rows, "right", request.recipe.method)


def _trainer(
    model: LanguageModel, tokenizer: PreTrainedTokenizerBase, rows: Sequence[TokenRow], plan: Plan
) -> SFTTrainer:
    """TRL's trainer on the rows of all steps, one after the other."""
    given = trl_loop.settings(plan, max(len(row.ids) for row in rows))
    return trl_loop.tokenized(SFTTrainer)(
        model=model,
        args=SFTConfig(**given, max_length=None, train_sampling_strategy="sequential"),
        train_dataset=Dataset.from_list(list(_table(rows, plan.recipe))),
        processing_class=tokenizer,
    )


def _table(rows: Sequence[TokenRow], recipe: Recipe) -> Iterator[dict[str, list[int]]]:
    """The steps of `sft`. TRL's are all of one size, so one at the end of an epoch is filled up with what teaches nothing."""
    assert recipe.batch_size and recipe.max_steps
    for batch in schedule([len(row.ids) for row in rows], recipe.batch_size, recipe.max_steps, recipe.seed):
        for row in (rows[place] for place in batch):
            learnt = zip(row.ids, row.supervised, strict=True)
            yield {"input_ids": row.ids, "labels": [token if is_learnt else NOT_LEARNT for token, is_learnt in learnt]}
        for _ in range(recipe.batch_size - len(batch)):
            short = rows[batch[0]].ids[:2]
            yield {"input_ids": short, "labels": [NOT_LEARNT] * len(short)}


def _measured(plan: Plan, exam: Exam, model: LanguageModel, rows: int) -> Plan:
    """The plan, with the measures of `sft` where rows are set aside, and its way to count epochs."""
    assert plan.recipe.batch_size and plan.recipe.max_steps
    steps, epoch = plan.recipe.max_steps, steps_per_epoch(rows, plan.recipe.batch_size)

    def after(point: CurvePoint) -> CurvePoint:
        point = replace(point, epoch=point.step / epoch)
        return exam.measure(model, point) if exam and due(point.step, steps) else point

    return plan._replace(before=(lambda: exam.before(model)) if exam else None, after=after)
