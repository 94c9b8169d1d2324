"""Fine-tune with supervision: learn the corrected answers, on tokens that serving's own renderer made."""

import time
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec
from transformers import PreTrainedTokenizerBase

from harness.core.adapters import read_manifest
from harness.core.rendering import stop_ids
from harness.types import Adapter, CurvePoint, Estimate, Json, Preview, TuneRequest
from trainers.model import parameters
from trainers.model.kind import kind_of
from trainers.model.language_model import LanguageModel
from trainers.publishing import adapter_folder, conclude, forms
from trainers.rows import dataset
from trainers.rows.steps import Supervise
from trainers.training import choices, exactness, processes
from trainers.training import options as training_options
from trainers.training.checkpoints import Shelf
from trainers.training.descent import OnPoint, descend
from trainers.training.loss import Layout
from trainers.training.preview import estimate as _estimate
from trainers.training.preview import preview as _preview
from trainers.training.validation import Exam, choose

SHARED = True
"""Several processes may train one adapter together."""


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[tune.options]` of this recipe, besides those that the kind of adapter names."""

    supervise: Supervise = "last"
    """Which of the assistant's turns are learnt: the row's own answer, all, or all before the first that a training row
    rejects after the same history."""
    reasoning: Literal["drop", "mask", "learn"] = "drop"
    """What becomes of the reasoning in a target. drop: it is left out, since a trace's reasoning is mostly another model's.
    mask: it stands before the answer and is not learnt. learn: it is learnt as the answer is."""
    scorer: str = ""
    """Name of a scorer that says how good an answer to a row set aside is; empty: does it say the same as the target?"""
    activation_checkpointing: bool = False
    """Compute activations again in the backward pass: slower, in less memory."""


class Ready(NamedTuple):
    """A request before its first step: rows, recipe, and the model with what is to be trained."""

    parts: dataset.Parts
    filled: choices.Filled
    model: LanguageModel
    tokenizer: PreTrainedTokenizerBase

    def exam(self, request: TuneRequest, layout: Layout) -> Exam:
        stop = stop_ids(self.tokenizer, request.base)
        return Exam(self.parts.validation, self.parts.guard, self.tokenizer, stop, self.filled.recipe, layout)

    def outcome(
        self, request: TuneRequest, curve: tuple[CurvePoint, ...], findings: dict[str, Json], began: float
    ) -> conclude.Outcome:
        """`findings`: what was found of the steps before the first one."""
        trained = self.parts.train
        return conclude.Outcome(
            filled=self.filled,
            curve=curve,
            rows=trained.rows,
            fates=trained.fates,
            tokens=trained.tokens,
            checks={"training": findings},
            began=began,
            choice=choose(curve),
            unmeasured=dataset.none_aside(request.recipe),
            aside=self.parts.validation,
        )


def prepare(request: TuneRequest) -> Ready:
    """Open the base, tokenize and divide the rows, fill the recipe, attach what is trained. Raises what `train` raises."""
    base = parameters.open_for(request)
    parts = dataset.parts(request, base)
    filled = choices.fill(request.recipe, parameters.parameters(base.model), len(parts.train.rows), base.max_tokens)
    model = parameters.attach(base.model, filled.recipe)
    forms.refuse(filled.recipe, model)
    return Ready(parts, filled, model, base.tokenizer)


def train(request: TuneRequest, on_point: OnPoint) -> Adapter:
    """Train and publish the adapter of `request`; goes on from the newest checkpoint of the same request.

    Raises UsageError on unknown options, InputError on a dataset or model that cannot be used, InvalidError when a
    held-out case stands among the training rows, when the loss is not a number or when the adapter does nothing,
    StorageError on a full disk.
    """
    options_of(request)
    began, out = time.monotonic(), Path(request.out)
    draft = adapter_folder.draft(request)
    known = adapter_folder.published(out, draft)
    if known is not None:
        return known
    ready = prepare(request)
    parts, filled, model, tokenizer = ready.parts, ready.filled, ready.model, ready.tokenizer
    shelf = Shelf(out.with_name(f"{out.name}.checkpoints"), draft.id)
    layout, findings = exactness.choose(model, parts.train.rows, filled.recipe, tokenizer)
    exam = ready.exam(request, layout)
    curve = descend(model, parts.train.rows, filled.recipe, shelf, on_point, layout, exam)
    if processes.first():
        conclude.conclude(request, draft, model, ready.outcome(request, curve, findings, began))
    processes.wait()
    return read_manifest(out)


def preview(request: TuneRequest, count: int) -> Preview:
    """`count` rows token by token, and the fate of all. Raises what training would raise."""
    options_of(request)
    return _preview(request, count)


def estimate(request: TuneRequest) -> Estimate:
    """Steps, tokens, time and memory, from steps that are tried here. Nothing is written."""
    options_of(request)
    return _estimate(request)


def options_of(request: TuneRequest) -> Options:
    """The request's options. Raises UsageError on one that neither the recipe nor the kind of adapter knows."""
    return training_options.read(request, Options, besides=kind_of(request.recipe).options)
