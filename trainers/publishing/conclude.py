"""Conclude a recipe: from trained weights to a published adapter in the form that ships, after the round trip."""

import gc
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from msgspec.structs import replace

from harness.core.codec import sync_folder
from harness.types import Adapter, CurvePoint, Json, TuneRequest
from trainers.model import parameters
from trainers.model.language_model import LanguageModel
from trainers.model.memory import fitting, peak_bytes
from trainers.publishing import adapter_folder, forms, round_trip
from trainers.rows.tokens import TokenRow
from trainers.training import choices
from trainers.training.descent import thin
from trainers.training.validation import Choice


class Outcome(NamedTuple):
    """What a recipe has when its training is over."""

    filled: choices.Filled
    curve: tuple[CurvePoint, ...]
    rows: Sequence[TokenRow]
    """Those that trained, or some of them: the round trip is made on these."""
    fates: dict[str, int]
    tokens: dict[str, int]
    checks: dict[str, Json]
    began: float
    choice: Choice | None = None
    """Which checkpoint these weights are; None: the last."""
    unmeasured: str = "this method looks at no rows that are set aside"
    """Why it is the last."""
    aside: Sequence[TokenRow] = ()
    """Rows that did not train, if any: the form that ships is measured on these."""


def reopened(request: TuneRequest, draft: Adapter, weights: dict[str, torch.Tensor], outcome: Outcome) -> Adapter:
    """As `conclude`, over a base that is opened again: TRL has put its own head on the model that it trained."""
    gc.collect()
    base = parameters.open_for(replace(request, recipe=outcome.filled.recipe))
    model: LanguageModel = parameters.attach(base.model, outcome.filled.recipe)
    parameters.load_weights(model, weights)
    return conclude(request, draft, model, outcome)


def conclude(request: TuneRequest, draft: Adapter, model: LanguageModel, outcome: Outcome) -> Adapter:
    """Publish the trained model in the form that the request asks for, once a fresh process has found it to be that.

    Raises InvalidError when it is not, or when it does nothing, and StorageError when the disk is full.
    """
    out, recipe = Path(request.out), outcome.filled.recipe
    partial = adapter_folder.fresh(out.with_name(f".{out.name}.partial"))
    scratch = out.with_name(f".{out.name}.scratch")
    with fitting("writing the adapter and reading it back in float32"):
        shipped, distance = forms.shaped(model, replace(request, recipe=recipe), scratch, outcome.aside or outcome.rows)
        files = adapter_folder.write(partial, shipped, request.base)
        shutil.rmtree(scratch, ignore_errors=True)
        certificate = round_trip.certify(shipped, request.base, partial, outcome.rows)
    choice = outcome.choice
    step = choice.step if choice else outcome.filled.steps
    reason = choice.reason if choice else f"step {step}, the last: {outcome.unmeasured}"
    manifest = replace(
        draft,
        recipe=recipe,
        choices={**outcome.filled.reasons, "checkpoint": reason, **_form_words(draft.form, distance)},
        files=files,
        rows=outcome.fates,
        tokens=outcome.tokens,
        steps=step,
        curve=thin(outcome.curve),
        checks={
            "request": draft.id,
            "parity": {"rows": len(outcome.rows), "prompt_ids_equal": True, "stop_supervised": True},
            "round_trip": certificate,
            **({"form": distance} if distance else {}),
            **({"chosen_step": step, **fit(outcome.curve, step)} if choice else {}),
            **outcome.checks,
        },
        seconds=time.monotonic() - outcome.began,
        peak_bytes=peak_bytes(),
    )
    return adapter_folder.publish(partial, out, manifest)


def fit(curve: Sequence[CurvePoint], step: int) -> dict[str, Json]:
    """The gap between the loss in training, over the steps since the measure before, and on rows that did not train."""
    measured = [point for point in curve if point.validation_loss is not None and point.step <= step]
    if len(measured) < 2:
        return {}
    since, at = measured[-2].step, measured[-1]
    losses = [point.loss for point in curve if since < point.step <= step]
    trained, aside = sum(losses) / len(losses), at.validation_loss or 0.0
    return {"fit": {"training_loss": trained, "loss_set_aside": aside, "gap": aside - trained}}


def _form_words(form: str, distance: dict[str, Json]) -> dict[str, str]:
    if not distance:
        return {}
    return {"form": f"{form}: KL {distance['kl']:.2g} nats a token, {distance['greedy']:.1%} the same first choice"}


def adopt(
    inner: Path,
    request: TuneRequest,
    draft: Adapter,
    made: Adapter,
    *,
    rows: dict[str, int],
    checks: dict[str, Json],
    began: float,
) -> Adapter:
    """Publish what another recipe made in `inner` as this request's adapter: its weights, bound to what was asked."""
    out = Path(request.out)
    partial = out.with_name(f".{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(inner, partial)
    for name in made.files:
        sync_folder(partial / name)  # one that takes files as well
    recipe = replace(made.recipe, method=request.recipe.method, options=request.recipe.options)
    manifest = replace(
        made,
        method=draft.method,
        dataset=draft.dataset,
        recipe=recipe,
        rows=rows,
        checks={**made.checks, **checks, "request": draft.id, "stage": made.id},
        seconds=time.monotonic() - began,
        peak_bytes=peak_bytes(),
    )
    return adapter_folder.publish(partial, out, manifest)
