"""TRL's trainers on our terms: our tokens, checkpoints that are whole or not used, and no step on what is not a number.

TRL brings the losses of preference learning, reinforcement and distillation. What it would do by default and we do not
let it: render and truncate rows itself, train in bfloat16 where the processor has none, go on after a NaN, resume from
a checkpoint that was cut short, write model cards, and report home.
"""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from transformers import Trainer, TrainerCallback
from transformers.utils import logging as transformers_logging

from harness.codec import encode, file_digest, read, write_atomic
from harness.errors import InputError, InvalidError
from harness.types import CurvePoint, Noun, Recipe
from trainers import models
from trainers.descent import OnPoint

SEAL = "complete.json"


class Seal(Noun, frozen=True):
    """Written last into a checkpoint: a folder without one, or with other bytes than it says, was cut short."""

    request: str
    """Digest of what is trained."""
    files: dict[str, str]
    curve: tuple[CurvePoint, ...] = ()


class Plan(NamedTuple):
    """How one training runs."""

    recipe: Recipe
    """Filled: without a None."""
    request: str
    """Digest of what is trained; a checkpoint of anything else is never resumed."""
    folder: Path
    """For checkpoints."""
    on_point: OnPoint
    after: Callable[[int, float], float | None] | None = None
    """Called after each step with its number and mean reward; what it returns is the step's validation score."""


def settings(plan: Plan) -> dict[str, Any]:
    """What every TRL config gets, whatever the method."""
    recipe = plan.recipe
    return {
        "output_dir": str(plan.folder),
        "max_steps": recipe.max_steps,
        "learning_rate": recipe.learning_rate,
        "per_device_train_batch_size": recipe.batch_size,
        "warmup_steps": recipe.warmup,
        "lr_scheduler_type": recipe.schedule,
        "weight_decay": recipe.weight_decay,
        "max_grad_norm": recipe.max_grad_norm,
        "seed": recipe.seed,
        "use_cpu": not torch.cuda.is_available(),
        "bf16": False,  # the base's own dtype is chosen when it is opened; adapter weights stay in float32
        "gradient_checkpointing": False,
        "report_to": "none",
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "save_steps": recipe.checkpoint_every,
        "save_total_limit": 2,
        "restore_callback_states_from_checkpoint": True,
        "disable_tqdm": True,
    }


def tokenized(trainer: type) -> type:
    """The TRL trainer, taking rows that are token ids already, and writing nothing but checkpoints."""

    def as_it_is(self: Any, dataset: Any, *given: Any, **named: Any) -> Any:
        return dataset

    def without_card(self: Any, model: Any, trial: Any) -> None:
        Trainer._save_checkpoint(self, model, trial)

    members = {"_prepare_dataset": as_it_is, "_save_checkpoint": without_card, "_send_telemetry": lambda self: None}
    return type(trainer.__name__, (trainer,), members)


def run(trainer: Any, plan: Plan) -> tuple[CurvePoint, ...]:
    """Train from the newest whole checkpoint on; returns the curve. `trainer` is a TRL trainer on `settings(plan)`.

    Raises InvalidError when loss or gradient is not a number, before that step changes a weight.
    """
    transformers_logging.disable_progress_bar()
    checkpoint, curve = newest(plan)
    watch = Watching(trainer, plan, curve)
    trainer.add_callback(watch)
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    return tuple(watch.curve)


def newest(plan: Plan) -> tuple[Path | None, tuple[CurvePoint, ...]]:
    """The newest checkpoint of this very training that is whole, with its curve. Those that are not are removed."""
    folders = sorted(plan.folder.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]), reverse=True)
    for folder in folders:
        seal = _sealed(folder)
        if seal is not None and seal.request == plan.request:
            return folder, seal.curve
        shutil.rmtree(folder, ignore_errors=True)
    return None, ()


def _sealed(folder: Path) -> Seal | None:
    try:
        seal = read(folder / SEAL, Seal)
        whole = all(file_digest(folder / name) == expected for name, expected in seal.files.items())
    except (OSError, InputError):
        return None
    return seal if whole and seal.files else None


class Watching(TrainerCallback):
    """Passes the curve on, seals checkpoints, and stops on what is not a number."""

    def __init__(self, trainer: Any, plan: Plan, curve: tuple[CurvePoint, ...]) -> None:
        self.curve = list(curve)
        self._trainer, self._plan = trainer, plan
        self._began = time.monotonic() - (curve[-1].seconds if curve else 0.0)

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        weights = models.trainable(self._trainer.model)
        if not all(torch.isfinite(weight.grad).all() for weight in weights if weight.grad is not None):
            raise wrong(state.global_step + 1, "gradient")

    def on_log(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        logs: dict[str, float] = given["logs"]
        loss = logs.get("loss")
        if loss is None:  # the summary at the end
            return
        if loss != loss or loss in (float("inf"), -float("inf")):
            raise wrong(state.global_step, "loss")
        reward = logs.get("reward")
        point = CurvePoint(
            step=state.global_step,
            epoch=state.epoch or 0.0,
            loss=loss,
            learning_rate=logs.get("learning_rate", 0.0),
            seconds=time.monotonic() - self._began,
            reward=reward,
            score=self._plan.after(state.global_step, reward or 0.0) if self._plan.after else None,
        )
        self.curve.append(point)
        self._plan.on_point(point, state.max_steps)

    def on_save(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
        digests = {name: file_digest(path) for name, path in files.items() if name != SEAL}
        write_atomic(folder / SEAL, encode(Seal(request=self._plan.request, files=digests, curve=tuple(self.curve))))


def wrong(step: int, what: str) -> InvalidError:
    return InvalidError(
        f"training went wrong at step {step}: the {what} is not a number",
        next="lower [tune] learning_rate, or set dtype to float32; nothing was written",
    )


Answering = Callable[[list[list[int]]], list[str]]


def greedy(model: Any, tokenizer: Any, stop: frozenset[int], max_tokens: int, width: int = 64) -> Answering:
    """Answers of the model as it stands, without sampling: a function from prompts' token ids to texts."""

    @torch.no_grad()
    def answer(prompts: list[list[int]]) -> list[str]:
        texts: list[str] = []
        training = model.training
        model.eval()
        for start in range(0, len(prompts), width):
            batch = prompts[start : start + width]
            longest = max(map(len, batch))
            pad = tokenizer.pad_token_id
            ids = torch.tensor([[pad] * (longest - len(row)) + row for row in batch], device=model.device)
            mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in batch], device=model.device)
            written = model.generate(
                input_ids=ids,
                attention_mask=mask,
                max_new_tokens=max_tokens,
                do_sample=False,
                eos_token_id=sorted(stop),
                pad_token_id=pad,
                use_cache=True,
            )
            texts += tokenizer.batch_decode(written[:, longest:], skip_special_tokens=True)
        model.train(training)
        return texts

    return answer
