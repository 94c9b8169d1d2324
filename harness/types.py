"""Every noun that walks through trueup. Knows nothing of ours; every other module may import it.

The nouns follow the loop: a `Call` was recorded in production, `Feedback` was given on it, a detector turns it into a
`Failure`, failures form a `Cluster`, curation turns calls into `Case`s of a `Dataset`, a recipe tunes an `Adapter` on
them, a suite scores each case into a `Result`, two `Run`s give a `Comparison`, rules turn comparisons into `Finding`s,
and findings into one `Verdict`, which a `Promotion` carries out.

All are frozen msgspec structs: cheap to build, validated when read, equal by value. `harness.core.codec` turns them into
JSON and back and gives their content id.
"""

from typing import Any, Literal

from msgspec import Struct

Json = Any
"""A JSON value: None, bool, int, float, str, list or dict with str keys."""


class Noun(Struct, frozen=True, omit_defaults=True):
    """Base of all nouns; build them with keywords.

    Fields at their default are left out of the JSON, so a new field changes no old id.
    """


# ---------------------------------------------------------------- messages


class TextPart(Noun, tag="text", frozen=True):
    text: str


class ReasoningPart(Noun, tag="reasoning", frozen=True):
    text: str
    signature: str | None = None


class ToolCallPart(Noun, tag="tool_call", frozen=True):
    id: str = ""
    name: str = ""
    arguments: str = ""
    """The raw string as the model wrote it; it may be invalid JSON, and that is evidence."""


class ToolResultPart(Noun, tag="tool_result", frozen=True):
    id: str = ""
    content: str = ""


class MediaPart(Noun, tag="media", frozen=True):
    modality: str = ""
    mime: str = ""
    uri: str | None = None
    """An address or file id as recorded; never fetched. Inline bytes are replaced by their hash."""
    sha256: str | None = None
    bytes: int | None = None


class RefusalPart(Noun, tag="refusal", frozen=True):
    text: str = ""


class OtherPart(Noun, tag="other", frozen=True):
    raw: str
    """JSON text of a part that no convention names."""


Part = TextPart | ReasoningPart | ToolCallPart | ToolResultPart | MediaPart | RefusalPart | OtherPart


class Message(Noun, frozen=True):
    role: str
    """system, developer, user, assistant, tool; any other role is kept as it came."""
    parts: tuple[Part, ...] = ()
    name: str | None = None
    finish_reason: str | None = None
    """Set on a recorded or generated reply only: stop, length, tool_calls, content_filter, ..."""

    @property
    def text(self) -> str:
        """The text parts, joined. Reasoning, tool calls and media are not text."""
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))

    @property
    def tool_calls(self) -> tuple[ToolCallPart, ...]:
        return tuple(part for part in self.parts if isinstance(part, ToolCallPart))


# ---------------------------------------------------------------- what production did


class Usage(Noun, frozen=True):
    """Tokens. `input` includes cache reads and writes, `output` includes reasoning (the OpenTelemetry rule)."""

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None


class CallError(Noun, frozen=True):
    type: str
    message: str = ""


class Source(Noun, frozen=True):
    """Where a record was read: enough to open the file at the line again."""

    format: str
    convention: str = ""
    producer: str = ""
    file: str = ""
    line: int = 0
    span_ids: tuple[str, ...] = ()


class Call(Noun, frozen=True):
    """One request to a model and its answer, as production recorded it."""

    id: str
    """Stable across exports: `trace_id:span_id` where both are known, else the format's own id."""
    trace_id: str = ""
    span_id: str = ""
    parent_span_id: str = ""
    response_id: str = ""
    session_id: str = ""
    user_id: str = ""
    route: str = ""
    """The application's operation above the call, such as `POST /bookings/messages`."""
    start_ns: int = 0
    """Unix time in nanoseconds; 0 when unknown."""
    end_ns: int = 0
    ttft_s: float | None = None
    operation: str = "chat"
    provider: str = ""
    model_requested: str = ""
    model_served: str = ""
    params: dict[str, Json] = {}
    input: tuple[Message, ...] = ()
    """System instructions first, as messages of role system."""
    output: tuple[Message, ...] = ()
    """One message a choice."""
    tools: tuple[Json, ...] = ()
    response_format: Json = None
    usage: Usage = Usage()
    error: CallError | None = None
    tags: tuple[str, ...] = ()
    metadata: dict[str, Json] = {}
    source: Source = Source(format="")
    flags: tuple[str, ...] = ()
    """Sorted quality flags: input_missing, output_missing, truncated, attributes_dropped, partial_stream, refusal,
    redacted, media_external, usage_estimated, clock_suspect, span_missing, content_off. See `UNUSABLE`."""

    @property
    def seconds(self) -> float | None:
        """Wall-clock latency in seconds, or None when a clock is missing or ran backwards."""
        return (self.end_ns - self.start_ns) / 1e9 if 0 < self.start_ns <= self.end_ns else None

    @property
    def reply(self) -> str:
        """Text of the first choice."""
        return self.output[0].text if self.output else ""

    @property
    def usable(self) -> bool:
        """True when input and output are both there and whole: only then may the call be learnt from."""
        return bool(self.input and self.output) and self.error is None and not UNUSABLE.intersection(self.flags)


UNUSABLE = frozenset(
    {
        "input_missing",
        "output_missing",
        "truncated",
        "attributes_dropped",
        "partial_stream",
        "span_missing",
        "conflict",
    }
)
"""Flags that bar a call from training and from judging."""


class Feedback(Noun, frozen=True):
    """What a person, a program or a judge said of a call."""

    id: str
    """Content id, so that the same record exported twice is one."""
    call_id: str = ""
    """Empty when only trace_id, response_id or session_id is known; resolved when the call is there."""
    trace_id: str = ""
    span_id: str = ""
    response_id: str = ""
    session_id: str = ""
    user_id: str = ""
    """Who gave it, where known."""
    name: str = ""
    value: float | None = None
    """As recorded. The sign is what detectors read: below zero (or 0 for booleans, flagged by `label`) is negative."""
    label: str = ""
    comment: str = ""
    correction: str | None = None
    """The answer that should have been given: text, or canonical JSON text when it was structured."""
    source_kind: str = ""
    """human, app, judge or code; empty when unknown."""
    at_ns: int = 0
    source: Source = Source(format="")

    @property
    def negative(self) -> bool:
        """A thumbs-down in any of the encodings that are met: value below zero, or zero with a negative label."""
        down = {"thumbs_down", "down", "bad", "negative", "dislike", "incorrect", "fail", "false", "no"}
        return self.label.strip().lower() in down if self.value in (None, 0.0) else self.value < 0

    @property
    def positive(self) -> bool:
        up = {"thumbs_up", "up", "good", "positive", "like", "correct", "pass", "true", "yes"}
        return self.value > 0 if self.value is not None and self.value != 0 else self.label.strip().lower() in up


class Quarantined(Noun, frozen=True):
    """A record that could not be read, and why. Kept, counted, never trained on."""

    id: str
    """sha256 of the raw bytes and their reason."""
    file: str
    reason: str
    line: int = 0
    """1-based line or record number; 0 for the file as a whole."""
    excerpt: str = ""
    """At most 200 characters of the raw record, already redacted."""


# ---------------------------------------------------------------- mined and curated


class Failure(Noun, frozen=True):
    call_id: str
    detector: str
    reason: str
    """One sentence a person can check against the call."""
    environment: bool = False
    """True for timeouts, rate limits, broken tools: not the model's fault, so never trained on."""
    cluster: str = ""
    """Id of its `Cluster`; empty before clustering."""


class Cluster(Noun, frozen=True):
    id: str
    """Stable from night to night."""
    label: str
    """Its distinguishing terms."""
    detector: str
    route: str = ""
    call_ids: tuple[str, ...] = ()
    days: dict[str, int] = {}
    """ISO date (UTC) to the number of failures."""
    lever: str = ""
    """What fits: prompt, retrieval, environment, fine-tune; empty when not judged."""
    evidence: str = ""
    """Why that lever, in one sentence."""


class Case(Noun, frozen=True):
    """One input with what is expected of it: a row to train on, or a case to judge with."""

    id: str
    messages: tuple[Message, ...] = ()
    """The conversation proper: without the prompt (system text and worked examples) that the application put before
    it. An arm's prompt is put in front when the case is rendered."""
    expected: Json = None
    """What a scorer compares with: parsed JSON when the target is JSON, else text."""
    target: Message | None = None
    """The assistant message to learn; None for cases that are only judged."""
    rejected: str | None = None
    """The failing answer, where one was recorded: the other half of a preference pair."""
    target_source: str = ""
    """correction, retry, teacher, production or file."""
    split: str = ""
    """train, held_out, regression or replay; empty for cases from an eval file."""
    call_id: str = ""
    trace_id: str = ""
    session_id: str = ""
    user_id: str = ""
    group: str = ""
    """Near-duplicate and session group: all its cases stand in one split, for ever."""
    cluster: str = ""
    day: str = ""
    """ISO date (UTC) of the call."""
    tools: tuple[Json, ...] = ()
    tags: tuple[str, ...] = ()
    fields: dict[str, Json] = {}
    """Any further columns of the eval file's row; `case["column"]` in an eval function reads them."""

    @property
    def text(self) -> str:
        """Text of the last user message: what the case is about."""
        users = [message for message in self.messages if message.role == "user"]
        return users[-1].text if users else ""

    def __getitem__(self, key: str) -> Json:
        if key in self.fields:
            return self.fields[key]
        if key in self.__struct_fields__:
            return getattr(self, key)
        raise KeyError(f"case {self.id} has no column {key!r}; it has {', '.join(sorted(self.fields)) or 'none'}")


class Fate(Noun, frozen=True):
    """Where one call ended in curation. Every call has exactly one."""

    call_id: str
    fate: str
    """train, held_out, regression, replay, or a reason for leaving it out, such as `no_target` or `user_cap`."""
    detail: str = ""


class Prompt(Noun, frozen=True):
    """What an arm puts in front of a case: a system text and worked examples."""

    name: str
    messages: tuple[Message, ...] = ()
    nearest: int = 0
    """Worked examples that are added for each case: the training rows most like it. 0: none."""


class Dataset(Noun, frozen=True):
    """Manifest of one curated dataset. The rows stand beside it, one JSON Lines file a split."""

    id: str
    """Content id of all its rows and of what they were made from."""
    name: str = ""
    counts: dict[str, int] = {}
    """Split name to rows."""
    fates: dict[str, int] = {}
    """Fate to calls; the values add up to `calls`."""
    calls: int = 0
    target_sources: dict[str, int] = {}
    clusters: tuple[Cluster, ...] = ()
    prompts: tuple[Prompt, ...] = ()
    """The prompts that production used, commonest first, found as shared prefixes."""
    traces_version: str = ""
    """Version of the trace table it was made from."""
    leak_proof: tuple["Neighbour", ...] = ()
    """The held-out cases nearest to training, nearest first."""
    parents: tuple[str, ...] = ()
    notes: dict[str, Json] = {}


class Neighbour(Noun, frozen=True):
    """Leak proof of one held-out case: the training text nearest to it."""

    case_id: str
    train_id: str
    similarity: float
    """Jaccard of character 5-shingles, 0 to 1."""
    text: str = ""
    train_text: str = ""


# ---------------------------------------------------------------- tuned


class Recipe(Noun, frozen=True):
    """How to tune. None means: chosen from model size and data, and the choice is printed with its reason."""

    method: str = "sft"
    """Name of a file in `trainers/`."""
    learning_rate: float | None = None
    epochs: float | None = None
    max_steps: int | None = None
    batch_size: int | None = None
    """Rows an optimizer step, over all devices and accumulation."""
    rank: int = 16
    alpha: int = 32
    dropout: float = 0.0
    target_modules: str = "all-linear"
    adapter: str = "lora"
    """Name of a file in `trainers/adapters/`: lora, rslora, dora, qlora, full, prefix or prompt."""
    warmup: float = 0.05
    weight_decay: float = 0.01
    max_grad_norm: float = 1.0
    schedule: str = "linear"
    max_tokens: int | None = None
    """Longest row; None: what the model takes."""
    too_long: Literal["raise", "drop", "trim_prompt"] = "drop"
    replay_share: float = 0.1
    validation_share: float = 0.1
    """Share of the training rows that is set aside to choose the checkpoint by (at most 64 rows; none of fewer than 100)."""
    patience: int = 3
    """Stop after so many measured checkpoints that are no better; 0: never."""
    form: Literal["adapter", "merged", "quantized"] = "adapter"
    """What is scored and what ships: the adapter beside its base, both as one checkpoint, or that in 4 bits."""
    dtype: str = "auto"
    """auto: bf16 where the processor has it, else float32."""
    seed: int = 17
    checkpoint_every: int | None = None
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


# ---------------------------------------------------------------- evaluated


class Target(Noun, tag="target", frozen=True):
    """Role: the tuned model must gain at least `min_gain` on this suite."""

    min_gain: float = 0.0


class Guard(Noun, tag="guard", frozen=True):
    """Role: the tuned model must not lose more than `margin` on this suite."""

    margin: float = 0.03


class Contract(Noun, tag="contract", frozen=True):
    """Role: every case must pass, in most of its repeats."""


class Budget(Noun, tag="budget", frozen=True):
    """Role: the mean of the suite's score (seconds, tokens, cost) must stay at or below `limit`."""

    limit: float


class Info(Noun, tag="info", frozen=True):
    """Role: measured and shown; decides nothing."""


Role = Target | Guard | Contract | Budget | Info


CORPUS = ("macro_f1", "balanced_accuracy")
"""Metrics of a whole suite, counted from labels: `metric="macro_f1"` in an eval file is `corpus` of the suite."""


class Suite(Noun, frozen=True):
    """What an eval file declares of one eval function."""

    name: str
    """Path below the eval root without suffix, then the function: `booking_desk/eval_booking::eval_booking`."""
    role: Role = Info()
    metric: str = ""
    """Name of the score that decides; empty: the first that the function returns, else `passed`."""
    cluster: str = ""
    """Case column whose equal values are not independent, such as `session_id`."""
    repeats: int = 1
    must_pass: tuple[str, ...] = ()
    slices: tuple[str, ...] = ()
    prompt: bool = True
    """False: the arm's prompt is not put in front; for suites that probe general ability."""
    owner: str = ""
    tags: tuple[str, ...] = ()
    file: str = ""
    digest: str = ""
    """Content id of the eval file's source and of all its cases."""
    cases: int = 0
    """How many cases were collected, before any selection."""
    corpus: str = ""
    """Name of a measure of the whole suite that is counted from the cases' labels, such as `macro_f1`; empty: the mean
    of the metric decides. See `harness.gate.statistics.corpus`."""
    judge: "Calibration | None" = None
    """Set when a judge gives the metric: how often it erred against people's labels."""


class Calibration(Noun, frozen=True):
    """A judge held against people: counts of answers that both have labelled pass or fail."""

    judge: str = ""
    """Name or digest of the judge: rubric, model and settings."""
    true_pass: int = 0
    """People pass it, the judge passes it."""
    false_fail: int = 0
    """People pass it, the judge fails it."""
    false_pass: int = 0
    """People fail it, the judge passes it."""
    true_fail: int = 0
    """People fail it, the judge fails it."""
    name: str = ""
    """Name of the score that the judge gives."""
    kappa: float | None = None
    """Cohen's kappa of judge and people over all grades, weighted by squared distance where there are more than two.
    None: undefined, since there are no labels or all are alike."""
    swayed: int = 0
    """Labelled pairs whose verdict changed with the order in which the judge saw them."""
    attacks: int = 0
    """Attacks that were tried, each in an answer that the judge fails without it."""
    flips: int = 0
    """Attacks that made the judge pass the answer."""
    problem: str = ""
    """Why its scores do not count; empty when they do."""


class Score(Noun, frozen=True):
    """Maps one to one to OpenTelemetry gen_ai.evaluation.name / .score.value / .score.label / .explanation."""

    name: str
    value: float
    """1.0 is right and 0.0 is wrong for pass or fail; any finite number otherwise."""
    label: str = ""
    explanation: str = ""
    expected: str = ""
    """For a score that is a label: the label that was right. Measures of the whole suite are counted from both."""


class Reply(Noun, frozen=True):
    """What a model answered to one request, and what it cost."""

    text: str
    tool_calls: tuple[ToolCallPart, ...] = ()
    finish_reason: str = "stop"
    usage: Usage = Usage()
    seconds: float = 0.0
    """Its share of the batch's wall-clock time."""
    cached: bool = False
    key: str = ""
    """Cache key: content id of model, adapter, template, sampling, repeat and request."""
    logprobs: tuple[float, ...] = ()
    """For `choose` and `loglikelihood`: the sum for each option, in nats."""
    greedy: tuple[bool, ...] = ()
    """Beside `logprobs`: whether the likeliest token was the option's at every step."""
    cost: float | None = None
    """What the endpoint asks for it, in the currency of the arm's `prices`."""

    def __str__(self) -> str:
        return self.text


class Spent(Noun, frozen=True):
    """What a number of replies took together."""

    name: str
    """Arm, or judge, whose replies they are."""
    calls: int = 0
    cached: int = 0
    """How many of them came from the cache: an earlier run paid for these."""
    input: int | None = None
    """Tokens, without padding; None where nothing counted them."""
    output: int | None = None
    seconds: float = 0.0
    cost: float | None = None
    """In the currency of `prices`; None where no price is known."""


class Request(Noun, frozen=True):
    """One thing asked of a model."""

    kind: Literal["chat", "complete", "loglikelihood"] = "chat"
    messages: tuple[Message, ...] = ()
    """For chat and loglikelihood: the arm's prompt, then the case's conversation."""
    text: str = ""
    """For complete, and for loglikelihood without messages: the raw text before the continuation."""
    options: tuple[str, ...] = ()
    """For loglikelihood: the continuations to score."""
    tools: tuple[Json, ...] = ()
    schema: Json = None
    max_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    stop: tuple[str, ...] = ()
    repeat: int = 0


class Result(Noun, frozen=True):
    """One case, once, under one arm."""

    suite: str
    case_id: str
    repeat: int = 0
    scores: tuple[Score, ...] = ()
    error: str = ""
    """What broke in the suite or the environment; an errored result has no scores and is never a wrong answer."""
    skipped: str = ""
    replies: tuple[Reply, ...] = ()
    seconds: float = 0.0

    def score(self, metric: str) -> float | None:
        """Value of the score named `metric`, or of the first when `metric` is empty."""
        for score in self.scores:
            if not metric or score.name == metric:
                return score.value
        return None


class Arm(Noun, frozen=True):
    """One way to answer: a model, maybe an adapter, a prompt."""

    name: str
    """base, prompted, champion, tuned, or a name of the user's."""
    backend: str = "hf"
    """Name of a file in `harness/evaluate/backends/`."""
    model: str = ""
    """Folder, or the endpoint's model name."""
    adapter: str = ""
    """Folder of the adapter; empty for none."""
    prompt: Prompt = Prompt(name="none")
    options: dict[str, Json] = {}
    """What the backend takes beside: url, batch_size, dtype, sampling."""


class EvalRequest(Noun, frozen=True):
    """All that a child process needs to run suites: plain values, sent as JSON."""

    arms: tuple[Arm, ...]
    paths: tuple[str, ...]
    """Eval folders or files, as pytest takes them."""
    out: str
    """Folder for one `<arm>.run.json` an arm."""
    datasets: dict[str, str] = {}
    """Dataset name to its folder, for `cases.held_out(name)` and `cases.regression(name)`."""
    replies: str = ""
    """Folder of the reply cache; empty: no cache."""
    select: str = ""
    """As pytest's -k."""
    batch_size: int = 0
    """Rows a batch; 0: the backend chooses."""
    repeats: int = 0
    """Overrides each suite's own when above 0."""
    pytest_args: tuple[str, ...] = ()
    judges: tuple[Arm, ...] = ()
    """Models that judges ask, by the name that `judge(by=NAME)` gives."""
    shard: str = ""
    """`2/4`: only the second of four parts of the cases; empty: all."""
    drawn: bool = False
    """True: parts are cut from an order that was drawn by case id, not dealt in turn."""
    otel: str = ""
    """File or OTLP address to which every case goes as a trace; empty: nowhere."""
    cases: str = ""
    """JSON Lines file of cases that stand in for the suites' own: training cases, for recipes that learn from scores."""


class Run(Noun, frozen=True):
    """All results of one arm on a set of suites."""

    id: str
    arm: Arm
    model_digest: str
    """Weights, adapter, tokenizer, template, prompt and sampling, by content."""
    suites: tuple[Suite, ...]
    results: tuple[Result, ...]
    cases: dict[str, tuple[Case, ...]] = {}
    """Suite name to its cases, so that a report needs nothing else."""
    started_ns: int = 0
    seconds: float = 0.0
    generated: int = 0
    """Replies that were computed, not taken from the cache."""
    judged: tuple[Spent, ...] = ()
    """What judges took beside the arm's own replies, one a judge; a judge's trial is in the run that came first."""
    problems: tuple[str, ...] = ()
    """Collection errors and the like: a run with problems never promotes."""
    stopped: str = ""
    """Why only a part of the cases was asked (`[eval] early_stop`); empty when all were. Such a run never promotes."""
    environment: dict[str, str] = {}


# ---------------------------------------------------------------- decided


class Pair(Noun, frozen=True):
    """One case under both arms, repeats averaged; None where an arm has no valid score."""

    case_id: str
    baseline: float | None
    candidate: float | None
    cluster: str = ""
    """Value of the suite's cluster column, or the case id."""
    baseline_error: str = ""
    candidate_error: str = ""
    slices: tuple[str, ...] = ()
    """`column=value` of each slice column of the suite."""
    labels: tuple[tuple[str, str, str], ...] = ()
    """Of a suite with a corpus measure, one a repeat: what was expected, what the baseline and the candidate said."""


class Comparison(Noun, frozen=True):
    """Two arms on one suite, paired by case."""

    suite: Suite
    baseline: str
    """Arm name."""
    candidate: str
    metric: str
    pairs: tuple[Pair, ...]
    binary: bool
    """All scores are 0 or 1 and there is one repeat."""
    problems: tuple[str, ...] = ()
    """Changed case sets, digests that differ, NaN: a comparison with problems never promotes."""
    stopped: str = ""
    """Why only a part of the cases was asked; its evidence is a confidence sequence, and it never promotes."""


class Interval(Noun, frozen=True):
    low: float
    high: float
    level: float
    """Two-sided confidence level, 0 to 1."""
    method: str
    """Name of the formula, such as `newcombe10`."""


class Finding(Noun, frozen=True):
    """What one rule says of one suite."""

    rule: str
    suite: str
    outcome: Literal["pass", "fail", "unresolved", "invalid", "info"]
    sentence: str
    """For a person: what was found, with the numbers."""
    baseline: str = ""
    candidate: str = ""
    metric: str = ""
    estimate: float | None = None
    bound: float | None = None
    """The margin or minimum gain that the interval is held against, as a signed difference."""
    interval: Interval | None = None
    p_value: float | None = None
    """Of the contrary of what a pass or fail says; where neither is shown, of the contrary of a pass."""
    formula: str = ""
    counts: dict[str, float] = {}
    """n, b (broken), c (fixed), clusters, errors, missing, needed, ..."""
    next: str = ""
    """The command to type next."""


class Verdict(Noun, frozen=True):
    outcome: Literal["promote", "hold", "undecided", "invalid"]
    sentence: str
    findings: tuple[Finding, ...] = ()
    comparisons: tuple[str, ...] = ()
    """Content ids of the comparisons it was computed from."""
    policy: str = ""
    """Content id of the policy."""
    candidate: str = ""
    """Digest of the adapter that was judged."""
    champion: str = ""
    dataset: str = ""
    id: str = ""
    at_ns: int = 0


class Policy(Noun, frozen=True):
    """The gate's section of trueup.toml."""

    alpha: float = 0.05
    """One-sided error rate of each guard and target."""
    min_cases: int = 20
    max_error_share: float = 0.02
    baselines: tuple[str, ...] = ("base",)
    """Arms that the candidate is held against: champion where there is one, base always."""
    prompted_tie: bool = True
    """Say so when a prompted arm does as well as the tuned one within the guard margin."""
    targets: Literal["all", "any"] = "all"
    looks: int = 20
    """How often one held-out version may be looked at before fresh cases are asked for."""
    options: dict[str, Json] = {}
    version: str = ""
    """The team's own name for this policy, shown beside its content id."""


class Judgement(Noun, frozen=True):
    """All that a verdict was computed from: `harness.gate.stage.judge` makes the same verdict of it again."""

    comparisons: tuple[Comparison, ...]
    """The judged arm against each other arm, and arms against themselves (A/A)."""
    policy: Policy
    candidate: str
    """Digests of the adapter that is judged, of the dataset, and of the promoted adapter."""
    dataset: str = ""
    champion: str = ""
    looks: int = 0
    """Looks at this held-out set, this one included."""
    problems: tuple[str, ...] = ()
    waivers: tuple["Waiver", ...] = ()
    quarantine: tuple["Quarantine", ...] = ()
    today: str = ""
    """ISO date, for what expires."""
    bar: tuple[Suite, ...] = ()
    """The suites by which the champion was promoted, and the version of the policy then: see the rule `lowered`."""
    bar_version: str = ""


class Promotion(Noun, frozen=True):
    alias: str
    adapter: str
    """Adapter digest; empty: the base model."""
    verdict: str
    at_ns: int
    by: str = ""
    reason: str = ""
    """`promote` or `rollback`, or a waiver's words."""
    previous: str = ""


class HistoryPoint(Noun, frozen=True):
    """One earlier night, for the trend."""

    at_ns: int
    outcome: str
    adapter: str
    means: dict[str, dict[str, float]] = {}
    """Suite name to arm name to mean of its metric."""
    clusters: dict[str, int] = {}
    """Failure cluster to the cases of it that the candidate failed."""
    report: str = ""
    """Path of that night's report, relative to the page that links to it; empty: no link."""
    verdict: str = ""
    dataset: str = ""
    """Content ids of the verdict and of the dataset that it was judged with."""


class Story(Noun, frozen=True):
    """All that a report is rendered from. A report opens nothing else."""

    title: str
    verdict: Verdict
    runs: tuple[Run, ...]
    """One an arm, in the order base, prompted, champion, tuned."""
    comparisons: tuple[Comparison, ...] = ()
    dataset: Dataset | None = None
    adapter: Adapter | None = None
    calls: dict[str, Call] = {}
    """Call id to the recorded call, for the lineage of mined cases."""
    history: tuple[HistoryPoint, ...] = ()
    promotions: tuple["Promotion", ...] = ()
    waivers: tuple["Waiver", ...] = ()
    policy: Policy = Policy()
    seconds: dict[str, float] = {}
    """Step of the loop to its wall-clock time."""
    ingest: dict[str, int] = {}
    """Counts of what was read: calls, repeated, conflicts, quarantined, feedback, corrections."""
    training: tuple[Case, ...] = ()
    """The rows that were trained on, for the lineage of a case to them and back."""
    feedback: tuple[Feedback, ...] = ()
    """What was said of the calls in `calls`."""
    previous: Dataset | None = None
    """The dataset of the night before, to show what training data changed."""
    previous_training: tuple[Case, ...] = ()
    """Its training rows."""
    judgement: Judgement | None = None
    """What the verdict was computed from."""


class Waiver(Noun, frozen=True):
    suite: str
    reason: str
    owner: str
    expires: str
    """ISO date; after it the waiver counts as none."""
    case_id: str = ""
    cluster: str = ""


class Quarantine(Noun, frozen=True):
    """A flaky case: its repeats under one and the same arm disagree, so it is left out of later judgements."""

    suite: str
    case_id: str
    flips: int
    """Repeats, over all arms, that differ from the commoner outcome of their arm."""
    trials: int
    """Repeats over all arms."""
    measured_on: str
    """Digest of the adapter whose evaluation showed it; that adapter is never judged without the case."""
    fixed: str
    """ISO date of the measurement."""
    expires: str
    """ISO date; after it the case counts again."""
