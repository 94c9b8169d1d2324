"""Define what is tuned: recipes, requests, adapters, and what a training would cost."""

from typing import Literal

from harness.types.base import Json, Noun
from harness.types.bounds import Above0, BelowOne, Count, CountOr0, From0, ZeroToOne
from harness.types.evaluation import Arm
from harness.types.messages import Prompt


class Recipe(Noun, frozen=True):
    """How to tune. None means: chosen from model size and data, and the choice is printed with its reason."""

    method: str = "sft"
    """Name of a file in `trainers/`."""
    learning_rate: Above0 | None = None
    """None: chosen from the size of the model and the batch."""
    epochs: Above0 | None = None
    """Passes over the training rows; None: 3 of fewer than 1,000 rows, else 2."""
    max_steps: Count | None = None
    """Most optimizer steps; None: as many as the epochs have."""
    batch_size: Count | None = None
    """Rows an optimizer step, over all devices and accumulation."""
    rank: Count = 16
    """Rank of the adapter's matrices."""
    alpha: Count = 32
    """Scale of the adapter: its output counts `alpha / rank` times."""
    dropout: BelowOne = 0.0
    """Share of the adapter's inputs that is dropped in training, 0 to 1."""
    target_modules: str = "all-linear"
    """Layers that get an adapter: `all-linear`, or names joined by commas."""
    adapter: str = "lora"
    """Name of a file in `trainers/adapters/`: lora, rslora, dora, qlora, full, prefix or prompt."""
    warmup: ZeroToOne = 0.05
    """Share of the steps over which the learning rate rises."""
    weight_decay: From0 = 0.01
    """Weight decay of AdamW."""
    max_grad_norm: Above0 = 1.0
    """Gradients above this norm are scaled down to it."""
    schedule: str = "linear"
    """How the learning rate continues after the warm-up: `linear`, `cosine` or `constant`."""
    max_tokens: Count | None = None
    """Longest row; None: what the model takes."""
    too_long: Literal["raise", "drop", "trim_prompt"] = "drop"
    """What happens to a row longer than `max_tokens`: an error, left out, or shortened by its oldest steps, never inside one."""
    replay_share: ZeroToOne = 0.1
    """Share of replay rows in the training mix, 0 to 1."""
    validation_share: BelowOne = 0.1
    """Share of the training rows that is set aside to choose the checkpoint by (at most 64 rows; none of fewer than 100)."""
    patience: CountOr0 = 3
    """Stop after so many measured checkpoints that are no better; 0: never."""
    form: Literal["adapter", "merged", "quantized"] = "adapter"
    """What is scored and what ships: the adapter beside its base, both as one checkpoint, or that in 4 bits."""
    dtype: str = "auto"
    """auto: bf16 where the processor has it, else float32."""
    seed: int = 17
    """Seeds weights, order and dropout."""
    checkpoint_every: Count | None = None
    """Steps between checkpoints; None: ten in a run."""
    options: dict[str, Json] = {}
    """Knobs of one method only."""


class TuneRequest(Noun, frozen=True):
    """All that a trainer needs, as plain values: it can be sent to a child process or another machine."""

    base: str
    """Folder of the base model."""
    dataset: str
    """Folder of the dataset: `train.jsonl` and, if any, `replay.jsonl`."""
    prompt: Prompt
    """What stands before each case, in training as in serving."""
    recipe: Recipe
    out: str
    """Folder for the adapter; it appears complete or not at all. Checkpoints stand in `<out>.checkpoints`."""
    held_out_ids: tuple[str, ...] = ()
    """Case and call ids that must not train; checked again by the trainer."""
    validation_ids: tuple[str, ...] = ()
    """Training rows to set aside and choose the checkpoint by; empty: the trainer draws them."""
    evals: tuple[str, ...] = ()
    """Eval folders or files, for recipes that learn from a suite's scores; `options.suite` names the suite."""
    pytest_args: tuple[str, ...] = ()
    """What these eval files need of pytest, as in `EvalRequest`."""
    teacher: "Arm | None" = None
    """Who answers, for recipes that distil."""
    secrets: tuple[str, ...] = ()
    """Names of the environment variables that hold the keys this training needs; no other secret reaches it."""
    template_options: dict[str, Json] = {}
    """Variables of the chat template, in training as in serving."""


class CurvePoint(Noun, frozen=True):
    step: int
    epoch: float
    loss: float
    """Mean negative log-likelihood a supervised token, in nats."""
    learning_rate: float = 0.0
    seconds: float = 0.0
    validation_loss: float | None = None
    """Of the rows set aside; like `score` and `guard_loss`, only where the training was measured."""
    score: float | None = None
    """Task score on the rows set aside, 0 to 1. The point of step 0 is the base model's."""
    answered: int = 0
    """Rows that `score` is the mean of; 0 where that is not told."""
    guard_loss: float | None = None
    """Loss on replay rows that did not train: what shows forgetting."""
    reward: float | None = None
    """Mean reward of the step's own answers, for recipes that learn from scores; `loss` is then the method's own."""


class Adapter(Noun, frozen=True):
    """Manifest of a tuned model: bound by digest to all it was made from."""

    id: str
    """Content id: sha256 over the weight files and the digests below."""
    method: str
    base: str
    """Digest of the base weights."""
    tokenizer: str
    template: str
    dataset: str
    recipe: Recipe
    prompt: Prompt
    form: str = "adapter"
    """adapter; or a whole checkpoint: merged, quantized, or full; reward (judges answers), or hosted (a provider keeps the
    weights)."""
    code: str = ""
    """trueup version and digest of the trainer's source."""
    files: dict[str, str] = {}
    """File name to sha256."""
    rows: dict[str, int] = {}
    """trained, and each reason for leaving a row out."""
    tokens: dict[str, int] = {}
    """supervised, context, total."""
    steps: int = 0
    curve: tuple[CurvePoint, ...] = ()
    checks: dict[str, Json] = {}
    """Parity certificate and round trip: what was checked, on how many rows, and the largest difference."""
    seconds: float = 0.0
    peak_bytes: int = 0
    choices: dict[str, str] = {}
    """Recipe knob to the reason for the value that was chosen."""
    quantization: dict[str, Json] = {}
    """How the base is quantized under it, in training and in serving: arguments of transformers' BitsAndBytesConfig."""
    template_options: dict[str, Json] = {}
    """Variables of the chat template that its rows were rendered with; it is served under these only."""


class CandidateResult(Noun, frozen=True):
    """What is known of one candidate of a tournament."""

    name: str
    epochs: float = 0.0
    """How long it trained."""
    ended: int = 0
    """The round after which it ended early; 0: it was asked the suites."""
    validation: float | None = None
    """Of one that ended early: task score on the training rows that were set aside, 0 to 1."""
    adapter: str = ""
    """Content id; empty of one that ended early, as is all that follows."""
    quality: float = 0.0
    """Mean score of the target suites, 0 to 1."""
    broken_guards: int = 0
    """Guards whose mean dropped by more than their margin."""
    seconds: float = 0.0
    """A reply's, on the machine that evaluated."""
    cost: float | None = None
    """A reply's; None: not known."""
    bytes: int = 0
    """Of the weights, base and adapter."""


class Tournament(Noun, frozen=True):
    winner: str
    """Name of the candidate that is judged."""
    results: tuple[CandidateResult, ...]
    """The best first, those that ended early last."""


TokenKind = Literal["context", "special", "supervised", "stop", "rejected"]
"""What becomes of a token of a training row."""


class PreviewRow(Noun, frozen=True):
    """One training row, token by token: the token's text, and what becomes of it."""

    id: str
    tokens: tuple[tuple[str, TokenKind], ...]
    """`special`: a control token that is read; `supervised`: a token that is learnt; `stop`: the learnt end of turn;
    `rejected`: of an answer that is to become less likely."""
    counts: str = ""
    """What stands beside its id; empty: how many tokens it has, and how many of them are learnt."""


class Preview(Noun, frozen=True):
    """Some training rows, and the fate of all."""

    rows: tuple[PreviewRow, ...]
    fates: dict[str, int]
    """trained, and each reason for leaving a row out."""
    tokens: dict[str, int]
    """supervised, context, total."""
    reasons: dict[str, str] = {}
    """Case id to why it cannot be rendered."""
    notes: tuple[str, ...] = ()
    """What these rows do not show, in whole sentences."""


class Estimate(Noun, frozen=True):
    """What a training would cost, from trial steps on its own rows on this machine. 0: nothing here to measure."""

    steps: int
    rows: dict[str, int]
    tokens: dict[str, int]
    """Of one epoch."""
    seconds: float
    peak_bytes: int
    weights: int
    """Weights of the base model."""
    trained_weights: int
    choices: dict[str, str] = {}
    details: dict[str, str] = {}
    """What this method does besides, in words: its stages, what it asks and whom, what was not measured."""
