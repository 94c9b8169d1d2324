"""The last step of a recipe that trained on TRL: from the weights to a published adapter, by way of the round trip."""

import gc
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from msgspec.structs import replace

from harness.codec import sync_folder
from harness.types import Adapter, CurvePoint, Json, TuneRequest
from trainers import choices, models, publish, roundtrip
from trainers.descent import thin
from trainers.memory import peak_bytes
from trainers.tokens import Row


class Outcome(NamedTuple):
    """What a recipe has when its training is over."""

    weights: dict[str, torch.Tensor]
    filled: choices.Filled
    curve: tuple[CurvePoint, ...]
    rows: Sequence[Row]
    """Some rows with supervised tokens, for the round trip."""
    fates: dict[str, int]
    tokens: dict[str, int]
    checks: dict[str, Json]
    began: float


def conclude(request: TuneRequest, draft: Adapter, outcome: Outcome) -> Adapter:
    """Publish the adapter, once a fresh process has found it to be what was trained.

    The base is opened again for it: TRL has put its own head on the model that it trained.
    """
    gc.collect()
    base = models.open_for(replace(request, recipe=outcome.filled.recipe))
    model: Any = models.attach(base.model, outcome.filled.recipe)
    models.load_weights(model, outcome.weights)
    out = Path(request.out)
    partial = publish.fresh(out.with_name(f".{out.name}.partial"))
    files = publish.write(partial, model, request.base)
    parity = {"rows": len(outcome.rows), "prompt_ids_equal": True, "stop_supervised": True}
    return publish.publish(
        partial,
        out,
        replace(
            draft,
            recipe=outcome.filled.recipe,
            choices=outcome.filled.reasons,
            files=files,
            rows=outcome.fates,
            tokens=outcome.tokens,
            steps=outcome.filled.steps,
            curve=thin(outcome.curve),
            checks={
                "request": draft.id,
                "parity": parity,
                "round_trip": roundtrip.certify(model, request.base, partial, outcome.rows),
                **outcome.checks,
            },
            seconds=time.monotonic() - outcome.began,
            peak_bytes=peak_bytes(),
        ),
    )


def adopt(
    inner: Path, request: TuneRequest, draft: Adapter, made: Adapter, *, rows: dict[str, int], checks: Any, began: float
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
    return publish.publish(partial, out, manifest)
