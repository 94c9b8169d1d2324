"""Define what is evaluated: suites and their roles, arms, requests, results, runs."""

from typing import Literal

import msgspec

from harness.types.base import Json, Noun
from harness.types.cost import CostSettings
from harness.types.curation import Case
from harness.types.messages import Message, Prompt, ToolCallPart, Usage


class Target(Noun, tag="target", frozen=True):
    """Role: the tuned model must gain at least `min_gain` on this suite."""

    min_gain: float = 0.0


class Guard(Noun, tag="guard", frozen=True):
    """Role: the tuned model must not lose more than `margin` on this suite."""

    margin: float = 0.03


class Contract(Noun, tag="contract", frozen=True):
    """Role: every case must pass, in most of its repeats."""


class Budget(Noun, tag="budget", frozen=True):
    """Role: the mean of the suite's score (seconds, tokens, cost) must stay at or below `limit`; with a quantile, that
    share of the cases must."""

    limit: float
    quantile: float = 0.0
    """Such as 0.95; 0: the mean."""


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
    across: str = ""
    """How a case's repeats become one number: `pass^4` (four tries all pass), `pass@4` (one of four does); empty: the mean.
    See `harness.core.repeats`."""
    must_pass: tuple[str, ...] = ()
    slices: tuple[str, ...] = ()
    prompt: bool = True
    """False: the arm's prompt is not put in front; for suites that probe general ability."""
    owner: str = ""
    tags: tuple[str, ...] = ()
    about: str = ""
    """First paragraph of the eval function's docstring."""
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
    range: tuple[float, float] | None = None
    """Least and largest score that counts: what lies beyond counts as these. None: 0 to 1, and others are not judged."""
    weights: Literal["case", "cluster"] = "case"
    """`cluster`: each cluster counts once, as the mean of its cases, however many it has."""
    cluster_cap: int = 0
    """Most cases of one cluster that count, drawn by their ids; 0: all."""
    mined: str = ""
    """Split of the mined dataset that its cases are: held_out, regression or production; empty: they are others."""
    users: "tuple[UserTrial, ...]" = ()
    """The simulated users that its cases talk to."""


class UserTrial(Noun, frozen=True):
    """A simulated user on trial: whether it keeps to its goal, tells what it must not, and comes to an end."""

    name: str
    digest: str = ""
    """Of persona, goal, rules, settings and model: what `pin=` takes."""
    cases: int = 0
    """Cases whose goals it was tried with."""
    strayed: int = 0
    """Cases in which it did not come to its goal, or left it when the agent changed the subject."""
    baits: int = 0
    """Questions that tried to get what is hidden."""
    leaks: int = 0
    """How many of them got it."""
    endless: int = 0
    """Cases in which it went on although the agent said that everything was done."""
    problem: str = ""
    """Why it does not count; empty when it does."""
    probe: str = ""
    """Digest of its answers in this trial."""
    brief: bool = False
    """Only one case was tried, for a first look."""


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
    probe: str = ""
    """Digest of its answers in this trial."""
    arms: tuple[tuple[str, tuple[tuple[float, float], ...]], ...] = ()
    """Each arm with its labelled answers, as (people's score, judge's score), each 0 to 1; empty: labels name no arm."""
    brief: bool = False
    """Only some labels and attacks were tried, for a first look: nothing is known of the judge by it."""
    most_bias: float | None = None
    """How much laxer (as a share of answers) the judge may be on one arm than on another, by the author's word."""


class Score(Noun, frozen=True):
    """Maps one to one to OpenTelemetry gen_ai.evaluation.name / .score.value / .score.label / .explanation."""

    name: str
    value: float
    """1.0 is right and 0.0 is wrong for pass or fail; any finite number otherwise."""
    label: str = ""
    explanation: str = ""
    expected: str = ""
    """For a score that is a label: the label that was right. Measures of the whole suite are counted from both."""


CUT_OFF = frozenset({"length", "incomplete"})
"""How a reply ends that says less than the model would have: at the bound on its tokens, or inside its reasoning."""

ANSWERED = "application"
"""How an application's answer ends: it is no call of a model."""


class Reply(Noun, frozen=True):
    """What a model answered to one request, and what it cost."""

    text: str
    """The answer: without reasoning and tool calls."""
    tool_calls: tuple[ToolCallPart, ...] = ()
    finish_reason: str = "stop"
    """stop, tool_calls, length, content_filter, ...; `incomplete` when it ended inside its reasoning."""
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
    reasoning: str = ""
    """What the model wrote for itself before its answer."""

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
    template_options: dict[str, Json] = {}
    """Variables of the chat template, such as `enable_thinking`; `date` is the day that it takes for today."""
    given: tuple[str, ...] = ()
    """Fields that were set by whoever asks although they are at their default, such as `temperature` 0."""

    def sets(self, field: str) -> bool:
        """Whether whoever asks set a field, rather than leaving it at its default."""
        default = {each.name: each.default for each in msgspec.structs.fields(Request)}[field]
        return field in self.given or getattr(self, field) != default


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
    asked: tuple[tuple[Message, ...], ...] = ()
    """For each reply what was new in its request: results of tools, further questions, or a question that the eval function
    wrote itself. Empty where every reply answers the case's own messages. The arm's prompt is in the arm."""
    notes: tuple[str, ...] = ()
    """What happened in its sessions that a reader must know, with counts: `calls without a recording: 2`."""
    closing: tuple[Message, ...] = ()
    """What a session held after its last reply: results of tools that no further request sent."""

    @property
    def cut_off(self) -> bool:
        """Whether one of its replies was cut off."""
        return any(reply.finish_reason in CUT_OFF for reply in self.replies)

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
    template_options: dict[str, Json] = {}
    """Variables of the chat template, which every request of the arm is rendered with."""


class Application(Noun, frozen=True):
    """A program whose answers are judged in place of the model's; its calls of the model go to the arm.

    See `harness.evaluate.application.program`.
    """

    command: str
    """As in a shell, without its operators."""
    folder: str = ""
    """Where it runs."""
    seconds: float = 300.0
    """The most that it may take without a call of the model or an answer."""


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
    recalled: str = ""
    """Folder of another reply cache, which is only read: that of the evaluation of which this is a part."""
    root: str = ""
    """The project's folder: what is read below it counts as a condition of the run. Empty: nothing is watched."""
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
    application: Application | None = None
    """What `model.chat` of the eval functions asks; None: the arm itself."""
    cost: CostSettings = CostSettings()
    """What may be spent on it."""


class Run(Noun, frozen=True):
    """All results of one arm on a set of suites."""

    id: str
    arm: Arm
    model_digest: str
    """Weights, adapter, tokenizer, template, prompt, sampling, code and libraries, by content."""
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
    conditions: dict[str, str] = {}
    """What its scores depend on beside the replies: each file of the project that was read or imported, and the installed
    packages, by digest; see `harness.evaluate.runner.conditions`."""
    content: str = ""
    """Content id of what answered and how, whatever the arm is called; see `harness.evaluate.identity`."""
