"""Run TRL's trainers on our tokens, with checkpoints that are whole or not used, and no step on NaN.

TRL brings the losses of preference learning, reinforcement and distillation. What it would do by default and we do not
let it: render and truncate rows itself, train in bfloat16 where the processor has none, go on after a NaN, resume from
a checkpoint that was cut short, write model cards, and report home.

Where a recipe measures as it goes (`Plan.after`), the checkpoint that is kept is the one `validation.choose` names.
"""

import shutil
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

import safetensors.torch
import torch
from msgspec.structs import replace
from safetensors import SafetensorError
from transformers import (
    PreTrainedTokenizerBase,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from transformers.utils import logging as transformers_logging

from harness.core.codec import encode, file_digest, read, write_atomic
from harness.errors import InputError, InvalidError, StorageError
from harness.types import CurvePoint, Noun, Recipe
from trainers.model import parameters
from trainers.model.greedy import answers_by, way_of_transformers
from trainers.model.language_model import LanguageModel
from trainers.model.memory import fitting
from trainers.training.descent import OnPoint
from trainers.training.validation import choose, spent

SEAL = "complete.json"
PIECE = 16_384 if torch.cuda.is_available() else 1024
"""Most tokens that one forward pass reads, unless a single item has more. Measured on a CPU, which is no faster with more;
a GPU wants more to be busy, and its number is not measured."""
TRIALS = 2
"""Steps whose time is taken before a training, after one that pays for what is built once."""

T = TypeVar("T")
TrainerT = TypeVar("TrainerT", bound=Trainer)


class CheckpointSeal(Noun, frozen=True):
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
    before: Callable[[], CurvePoint] | None = None
    """Measures the model before the first step, as step 0 of the curve."""
    after: Callable[[CurvePoint], CurvePoint] | None = None
    """Gets each step's point and returns it, with a task score where the training is to be measured."""


def settings(plan: Plan, widest: int = 0) -> dict[str, Any]:
    """What every TRL config gets, whatever the method.

    `widest`: tokens of the widest item of a step, where the loss is a mean over the items and its gradient so the mean of
    equal pieces'. The step is then computed in pieces of at most `PIECE` tokens, which need as much less memory. Without
    it a step is one pass.
    """
    recipe = plan.recipe
    assert recipe.batch_size is not None
    piece = _piece(recipe.batch_size, widest) if widest else recipe.batch_size
    return {
        "output_dir": str(plan.folder),
        "max_steps": recipe.max_steps,
        "learning_rate": recipe.learning_rate,
        "per_device_train_batch_size": piece,
        "gradient_accumulation_steps": recipe.batch_size // piece,
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


def _piece(batch: int, widest: int) -> int:
    """The largest divisor of `batch` whose items fit into a piece; at least 1."""
    return max(size for size in range(1, batch + 1) if batch % size == 0 and (size == 1 or size * widest <= PIECE))


def tokenized(trainer: type[TrainerT], **more: Callable[..., object]) -> type[TrainerT]:
    """The TRL trainer, taking rows that are token ids already, and writing nothing but checkpoints. `more`: further methods
    to replace."""

    def as_it_is(self: Trainer, dataset: T, *given: object, **named: object) -> T:
        return dataset

    def without_card(self: Trainer, model: LanguageModel, trial: Any) -> None:
        try:
            Trainer._save_checkpoint(self, model, trial)
        except (OSError, RuntimeError, SafetensorError) as error:  # each library says a full disk in its own way
            raise StorageError(
                f"the checkpoint cannot be written: {error}",
                where=str(self.args.output_dir),
                next="free space, then run the same command to continue",
            ) from error

    members = {"_prepare_dataset": as_it_is, "_save_checkpoint": without_card, "_send_telemetry": lambda self: None}
    return type(trainer.__name__, (trainer,), {**members, **more})


def trained(trainer: Trainer) -> LanguageModel:
    """The model that a trainer trains."""
    return cast(LanguageModel, trainer.model)


def run(trainer: Trainer, plan: Plan) -> tuple[CurvePoint, ...]:
    """Train from the newest whole checkpoint on; returns the curve. `trainer` is a TRL trainer on `settings(plan)`.

    A measured training leaves the weights of the checkpoint that `validation.choose` names. Raises InvalidError when loss
    or gradient is not a number, before that step changes a weight, and InputError when memory does not suffice.
    """
    transformers_logging.disable_progress_bar()
    checkpoint, curve = newest(plan)
    if plan.before is not None and not curve:
        curve = (plan.before(),)
        plan.on_point(curve[0], plan.recipe.max_steps or 0)
    watch = Watching(trainer, plan, curve)
    trainer.add_callback(watch)
    if not spent(curve, plan.recipe.patience):
        with fitting(f"a step of {plan.recipe.batch_size} rows"):
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    best = choose(watch.curve)
    if best:
        parameters.load_weights(trained(trainer), _kept(_best(plan, best.step)))
    return tuple(watch.curve)


def trial(make: Callable[[Plan], Trainer], recipe: Recipe) -> float:
    """Seconds of one step of the trainer that `make` gives for a plan, tried here and now; nothing of it is kept."""
    seconds: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        short = replace(recipe, max_steps=1 + TRIALS, checkpoint_every=10**9)
        plan = Plan(short, "trial", Path(folder), lambda point, steps: seconds.append(point.seconds))
        run(make(plan), plan)
    return min(later - earlier for earlier, later in pairwise(seconds))


def _best(plan: Plan, step: int) -> Path:
    """File with the weights of a measured step."""
    return plan.folder / f"best-{step:08d}.safetensors"


def _prune(plan: Plan, step: int) -> None:
    """Only once a checkpoint was sealed: a run that is resumed from before it may still need an older best one."""
    for file in plan.folder.glob("best-*.safetensors"):
        if file != _best(plan, step):
            file.unlink()


def _kept(file: Path) -> dict[str, torch.Tensor]:
    try:
        return safetensors.torch.load_file(file)
    except (OSError, SafetensorError) as error:
        raise StorageError("the checkpoint that was chosen is gone", where=str(file), next="trueup tune") from error


def newest(plan: Plan) -> tuple[Path | None, tuple[CurvePoint, ...]]:
    """The newest checkpoint of this very training that is whole, with its curve. Those that are not are removed."""
    folders = sorted(plan.folder.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]), reverse=True)
    for folder in folders:
        seal = _sealed(folder)
        if seal is not None and seal.request == plan.request:
            return folder, seal.curve
        shutil.rmtree(folder, ignore_errors=True)
    return None, ()


def _sealed(folder: Path) -> CheckpointSeal | None:
    try:
        seal = read(folder / SEAL, CheckpointSeal)
        whole = all(file_digest(folder / name) == expected for name, expected in seal.files.items())
    except (OSError, InputError):
        return None
    return seal if whole and seal.files else None


class Watching(TrainerCallback):
    """Passes the curve on, seals checkpoints, keeps the best, and stops on what is not a number or brings nothing more."""

    def __init__(self, trainer: Trainer, plan: Plan, curve: tuple[CurvePoint, ...]) -> None:
        self.curve = list(curve)
        self._trainer, self._plan = trainer, plan
        self._began = time.monotonic() - (curve[-1].seconds if curve else 0.0)

    def on_pre_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any
    ) -> None:
        weights = parameters.trainable(trained(self._trainer))
        if not all(torch.isfinite(weight.grad).all() for weight in weights if weight.grad is not None):
            raise wrong(state.global_step + 1, "gradient")

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any) -> None:
        logs: dict[str, float] = given["logs"]
        loss = logs.get("loss")
        if loss is None:  # the summary at the end
            return
        if loss != loss or loss in (float("inf"), -float("inf")):
            raise wrong(state.global_step, "loss")
        point = CurvePoint(
            step=state.global_step,
            epoch=state.epoch or 0.0,
            loss=loss,
            learning_rate=logs.get("learning_rate", 0.0),
            seconds=time.monotonic() - self._began,
            reward=logs.get("reward"),
        )
        if self._plan.after is not None:
            point = self._plan.after(point)
        self.curve.append(point)
        if point.score is not None:
            self._keep(point.step)
            control.should_training_stop |= spent(self.curve, self._plan.recipe.patience)
        self._plan.on_point(point, state.max_steps)

    def _keep(self, step: int) -> None:
        """Keep the weights of a measured step if it is the best so far."""
        best = choose(self.curve)
        if best is not None and best.step == step:
            tensors = safetensors.torch.save(parameters.weights(trained(self._trainer)))
            write_atomic(_best(self._plan, step), tensors)

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any) -> None:
        folder = Path(str(args.output_dir)) / f"checkpoint-{state.global_step}"
        files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
        digests = {name: file_digest(path) for name, path in files.items() if name != SEAL}
        write_atomic(
            folder / SEAL, encode(CheckpointSeal(request=self._plan.request, files=digests, curve=tuple(self.curve)))
        )
        if best := choose(self.curve):
            _prune(self._plan, best.step)


def wrong(step: int, what: str) -> InvalidError:
    return InvalidError(
        f"training went wrong at step {step}: the {what} is not a number",
        next="lower [tune] learning_rate, or set dtype to float32; nothing was written",
    )


Answering = Callable[[list[list[int]]], list[list[int]]]


def greedy(
    model: LanguageModel, tokenizer: PreTrainedTokenizerBase, stop: frozenset[int], max_tokens: int, longest: int
) -> Answering:
    """Answers of the model as it stands, without sampling: a function from prompts' token ids to those of the answers.

    `longest`: tokens of the longest prompt.
    """
    way = way_of_transformers(model, tokenizer, longest + max_tokens)

    def answer(prompts: list[list[int]]) -> list[list[int]]:
        training = model.training
        model.eval()
        written = answers_by(way, prompts, max_tokens, stop)
        model.train(training)
        return written

    return answer
