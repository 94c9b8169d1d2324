"""Supervised fine-tuning: learn to give the corrected answers, on tokens that serving's own renderer made."""

import time
from pathlib import Path

from msgspec.structs import replace

from harness.types import Adapter, TuneRequest
from trainers import choices, dataset, models, publish, roundtrip
from trainers.checkpoints import Shelf
from trainers.descent import OnPoint, descend
from trainers.memory import peak_bytes
from trainers.preview import estimate as estimate
from trainers.preview import preview as preview


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
    rows = dataset.rows(request, base)
    filled = choices.fill(request.recipe, models.parameters(base.model), len(rows.rows), base.max_tokens)
    model = models.attach(base.model, filled.recipe)
    shelf = Shelf(out.with_name(f"{out.name}.checkpoints"), draft.id)
    curve = descend(model, rows.rows, filled.recipe, shelf, on_point)
    partial = publish.fresh(out.with_name(f".{out.name}.partial"))
    return publish.publish(
        partial,
        out,
        replace(
            draft,
            recipe=filled.recipe,
            choices=filled.reasons,
            files=publish.write(partial, model, request.base),
            rows=rows.fates,
            tokens=rows.tokens,
            steps=filled.steps,
            curve=curve,
            checks={
                "request": draft.id,
                "parity": {"rows": len(rows.rows), "prompt_ids_equal": True, "stop_supervised": True},
                "round_trip": roundtrip.certify(model, request.base, partial, rows.rows),
            },
            seconds=time.monotonic() - began,
            peak_bytes=peak_bytes(),
        ),
    )
