"""Supervised fine-tuning: learn to give the corrected answers, on tokens that serving's own renderer made."""

import shutil
import time
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from harness.rendering import stop_ids
from harness.types import Adapter, CurvePoint, Json, TuneRequest
from trainers import choices, dataset, forms, models, processes, publish, roundtrip
from trainers.checkpoints import Shelf
from trainers.descent import OnPoint, descend
from trainers.memory import peak_bytes
from trainers.preview import estimate as estimate
from trainers.preview import preview as preview
from trainers.validation import Exam, choose


def train(request: TuneRequest, on_point: OnPoint) -> Adapter:
    """Train and publish the adapter of `request`; goes on from the newest checkpoint of the same request.

    Raises InputError on a dataset or model that cannot be used, InvalidError when a held-out case stands among the
    training rows, when the loss is not a number or when the adapter does nothing, StorageError on a full disk.
    """
    began, out = time.monotonic(), Path(request.out)
    draft = publish.draft(request)
    known = publish.published(out, draft)
    if known is not None:
        return known
    base = models.open_for(request)
    parts = dataset.parts(request, base)
    filled = choices.fill(request.recipe, models.parameters(base.model), len(parts.train.rows), base.max_tokens)
    model = models.attach(base.model, filled.recipe)
    forms.refuse(filled.recipe, model)
    shelf = Shelf(out.with_name(f"{out.name}.checkpoints"), draft.id)
    exam = Exam(parts.validation, parts.guard, base.tokenizer, stop_ids(base.tokenizer, request.base), filled.recipe)
    curve = descend(model, parts.train.rows, filled.recipe, shelf, on_point, exam=exam)
    if processes.first():
        _publish(model, request, draft, parts, filled, curve, began)
    processes.wait()
    return publish.read_manifest(out)


def _publish(
    model: Any,
    request: TuneRequest,
    draft: Adapter,
    parts: dataset.Parts,
    filled: choices.Filled,
    curve: tuple[CurvePoint, ...],
    began: float,
) -> None:
    """Shape, write, certify and publish what was trained."""
    out, choice = Path(request.out), choose(curve)
    partial = publish.fresh(out.with_name(f".{out.name}.partial"))
    scratch = out.with_name(f".{out.name}.scratch")
    shipped, distance = forms.shaped(model, request, scratch, parts.validation or parts.train.rows)
    files = publish.write(partial, shipped, request.base)
    shutil.rmtree(scratch, ignore_errors=True)
    checks: dict[str, Json] = {
        "request": draft.id,
        "parity": {"rows": len(parts.train.rows), "prompt_ids_equal": True, "stop_supervised": True},
        "round_trip": roundtrip.certify(shipped, request.base, partial, parts.train.rows),
    }
    manifest = replace(
        draft,
        recipe=filled.recipe,
        choices=filled.reasons | ({"checkpoint": choice.reason} if choice else {}) | _form_words(draft.form, distance),
        files=files,
        rows=parts.train.fates,
        tokens=parts.train.tokens,
        steps=choice.step if choice else filled.steps,
        curve=curve,
        checks=checks | ({"form": distance} if distance else {}) | ({"chosen_step": choice.step} if choice else {}),
        seconds=time.monotonic() - began,
        peak_bytes=peak_bytes(),
    )
    publish.publish(partial, out, manifest)


def _form_words(form: str, distance: dict[str, Json]) -> dict[str, str]:
    if not distance:
        return {}
    return {"form": f"{form}: KL {distance['kl']:.2g} nats a token, {distance['greedy']:.1%} the same first choice"}
