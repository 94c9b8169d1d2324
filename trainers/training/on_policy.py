"""Distil on-policy: draw the student to the teacher's probabilities on the student's own answers. By TRL."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import PeftModel
from transformers import PreTrainedModel
from trl import DistillationConfig, DistillationTrainer

from harness.core.adapters import verify
from harness.core.digests import model_digests
from harness.errors import UsageError
from harness.types import Arm, CurvePoint, Recipe, TuneRequest
from trainers.model import parameters
from trainers.rows.tokens import TokenRow
from trainers.training import beginning, exactness, trl_loop
from trainers.training.descent import OnPoint
from trainers.training.trl_loop import Plan


def train(
    request: TuneRequest,
    base: parameters.Base,
    start: beginning.Start,
    teacher: Arm,
    rows: Sequence[TokenRow],
    beta: float,
    recipe: Recipe,
    ident: str,
    on_point: OnPoint,
) -> tuple[dict[str, torch.Tensor], tuple[CurvePoint, ...]]:
    """The trained weights and their curve. The questions are the rows' prompts, the longest answer bounds the student's.

    Raises UsageError when teacher and student do not share a vocabulary, InputError when TRL's batches are not exact.
    """
    if model_digests(teacher.model).tokenizer != model_digests(request.base).tokenizer:
        raise UsageError(
            "teacher and student have different tokenizers, so their probabilities cannot be compared",
            where=teacher.model,
            next="set on_policy = 0: the teacher's accepted answers are still learnt",
        )
    prompts = {str(place): row.ids[: row.first] for place, row in enumerate(rows)}

    def tokenize(self: Any, asked: list[str]) -> tuple[list[list[int]], None, dict[str, Any]]:
        return [prompts[name] for name in asked], None, {}

    plan = Plan(recipe, ident, Path(f"{request.out}.checkpoints"), on_point)
    settings = {**trl_loop.settings(plan), "remove_unused_columns": False}
    student = beginning.attach(base.model, start)
    exactness.check_rollouts(student, base.tokenizer, max(len(row.ids) for row in rows), "on-policy distillation")
    exactness.check_masked(student, rows, "both", "on-policy distillation")
    trainer = trl_loop.tokenized(DistillationTrainer, _tokenize_prompts=tokenize)(
        model=student,
        teacher_model=_teacher(teacher, request),
        args=DistillationConfig(
            **settings, beta=beta, max_completion_length=max(len(row.ids) - row.first for row in rows)
        ),
        train_dataset=Dataset.from_list([{"prompt": name} for name in prompts]),
        processing_class=base.tokenizer,
    )
    curve = trl_loop.run(trainer, plan)
    return parameters.weights(trl_loop.trained(trainer)), curve


def _teacher(arm: Arm, request: TuneRequest) -> PreTrainedModel:
    """The teacher's model, its adapter folded in."""
    model = parameters.open_base(arm.model, parameters.dtype(request.recipe.dtype)).model
    if arm.adapter:
        verify(arm.adapter, arm.model)
        model = PeftModel.from_pretrained(model, arm.adapter).merge_and_unload()
    model.eval()
    return model
