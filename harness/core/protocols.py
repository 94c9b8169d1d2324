"""State what each kind of plug-in offers; `plugins.load` refuses one that lacks a part of it.

A plug-in is a module, so a protocol's methods are the module's functions. Constants that a plug-in may leave out are
named in the docstring, with what is assumed then. A plug-in that takes options has a struct `Options`.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from harness.types import (
    Adapter,
    Arm,
    CurvePoint,
    Doubt,
    EngineSettings,
    Estimate,
    Failure,
    Finding,
    Json,
    Noun,
    Preview,
    Prompt,
    Recipe,
    Release,
    Reply,
    Request,
    Source,
    Story,
    TrafficSplit,
    TuneRequest,
)

if TYPE_CHECKING:
    from harness.core.reply_formats._sections import ReadReply


class RecordFormat(Protocol):
    """A format that reads the records of a file.

    It may have `RANK` (50; formats are asked from low to high), `Piece` (type of a piece; JSON) and `CALLS` (True; False
    when it holds feedback only).
    """

    def claims(self, record: dict[str, Json], /) -> bool:
        """Whether the record is of this format, by a conjunction of keys."""

    def pieces(self, record: dict[str, Json], /) -> Iterator[tuple[Any, Any]]:
        """Key and piece of each part; pieces with one key are joined. A key None: the piece is why it is rejected."""

    def join(self, pieces: list[tuple[Any, Source]], options: Mapping[str, Any], /) -> Iterator[Any]:
        """Calls and feedback that all pieces of one key mean together, and counts as (name, number)."""


class SpanDialect(Protocol):
    """A format that reads OpenTelemetry spans of one convention. It may have `TRUST` (50; the lowest is asked first)."""

    def speaks(self, span: Any, /) -> bool:
        """Whether the span follows the convention, by the names of its attributes and events only."""

    def fill(self, span: Any, draft: Any, /) -> bool:
        """Put what the span says into the draft of a call. False when the span is no call to a model."""


class Detector(Protocol):
    """A failure signal.

    It may have `opened(options)`, a context manager that gives a function of many windows, when it has something to start,
    `HINT` (False; True: its failures take nothing from a call that was praised), `FORM` (False; True: a slip
    in form, which an instruction may fix) and `ANSWER_ALONE` (False; True: it needs the answer and its message only).
    """

    def detect(self, window: Any, /) -> Iterator[Failure]:
        """Failures of one session's calls; `window` is a `harness.mine.window.Window`."""


class Scorer(Protocol):
    """A function named as the plug-in: the reply first, then what is expected, then options. It gives one `Score` or
    several."""

    def __call__(self, reply: Any, /, *expected: Any, **options: Any) -> Any:
        """Score the reply: 1 is right, 0 is wrong."""


class Answering(Protocol):
    """What a backend opens: models in memory, or connections."""

    preferred_batch: int
    """Requests worth gathering before an answer is asked for."""

    def digest(self, arm: Arm, /) -> str:
        """Content id of the model behind the arm."""

    def answer(self, arm: Arm, requests: Sequence[Request], /) -> list[Reply | Exception]:
        """A reply for each request, in order, or an exception in its place."""

    def close(self) -> None:
        """Let go of what is held open."""


class AnswerBackend(Protocol):
    """A way to ask a model.

    It may have `SCHEMA` (False; True: replies can be held to a JSON schema), `FILE` (False; True: `--model NAME:FILE` is
    enough to ask it), `check(arm)`, which says what is known of the arm's model without cost and raises where it could
    not answer, `check_recipe(recipe)`, which raises where it could not take what the recipe makes, and `at_most(arm, request)`: the
    most that a reply may cost, None where the arm has no prices.
    """

    def digest(self, arm: Arm, /) -> str:
        """Content id of all that the answers depend on. Loads nothing. Raises InputError when there is no such model."""

    def open(self, arms: Sequence[Arm], /, *, batch_size: int = 0) -> Answering:
        """What answers for these arms; `batch_size` 0 leaves the size to the backend."""


class GateRule(Protocol):
    """A rule of the gate.

    It may have `OPTIONS` (none; see `harness.gate.options`), `HARM` (False; True: it finds something broken, and comes
    before what was not gained), `FIRST` (False; True: it comes before all of equal outcome), `COMPARES` (False; True: its
    findings hold a difference of two arms), `ADVICE` (False; True: its intervals are not of the suite's difference),
    `FINAL` (False; True: no further case can undo its failure) and `ASKS` (what it asks of a suite, in words).
    """

    def findings(self, context: Any, /) -> Iterator[Finding]:
        """What the rule finds; `context` is a `harness.gate.context.Context`. Every finding has the plug-in's name."""


class PatternRedactor(Protocol):
    """A kind of secret or personal data that a pattern finds.

    It may have `confirm(text, start, end)`, `HINT`, `OVERLAPPING`, `OPTIONAL`, `named(key, value)` and `NOT_UNDER`; see
    `harness.redact.redactors`.
    """

    RANK: int
    """Where two finds overlap, the lower one wins."""
    PATTERN: str
    """RE2 syntax, on UTF-8 bytes."""


class SearchRedactor(Protocol):
    """A kind of secret or personal data that a search finds. It may have `OPTIONAL`."""

    RANK: int

    def find(self, text: bytes, /) -> Iterable[tuple[int, int]]:
        """Start and end, in bytes, of each part to replace."""


class Trainer(Protocol):
    """A recipe.

    It may have `SHARED` (False; True: several processes may train one adapter) and `cancel(request)`, for a job that a
    provider runs.
    """

    def train(self, request: TuneRequest, on_point: Callable[[CurvePoint, int], None], /) -> Adapter:
        """Train and publish the adapter; goes on from the newest checkpoint of the same request."""

    def preview(self, request: TuneRequest, count: int, /) -> Preview:
        """So many rows as they would be trained. Trains nothing."""

    def estimate(self, request: TuneRequest, /) -> Estimate:
        """Steps, tokens, time and memory. Writes nothing."""


class AdapterKind(Protocol):
    """What is trained on a base model. It may have what `trainers.model.kind.Kind` lists, in capitals."""

    def attach(self, model: Any, recipe: Recipe, /) -> Any:
        """The model with fresh weights to train and everything else frozen."""


class Report(Protocol):
    """A file that shows a story."""

    SUFFIX: str
    """Ending of the file's name, with its dot."""

    def render(self, story: Story, /) -> bytes:
        """The whole file. It runs nothing from a trace and loads nothing from anywhere."""


class ReplyFormat(Protocol):
    """The form in which a family of chat templates writes replies.

    It may have `RANK` (50; formats are asked from low to high) and `THINK` (what opens and what closes the reasoning;
    `<think>` and `</think>`).
    """

    def writes(self, template: str, /) -> bool:
        """Whether this text of a chat template writes replies in this form."""

    def read(self, raw: str, tools: Sequence[Json], /) -> "ReadReply":
        """The sections of what the model wrote, control tokens as text; `tools` are those that the request offered."""


class Notifier(Protocol):
    """A way to tell of a verdict. It may take options."""

    def send(self, notice: Any, options: Any, client: Any, /) -> str:
        """Send a `harness.notify.notice.Notice` by a `harness.notify.client.Client`; says in words what was done. Raises NotifyError
        when it was not sent; whatever is raised changes no exit code."""


class Tracker(Protocol):
    """A tracker of experiments. It has a struct `Options`, whose `url` is what `[track] NAME = "..."` gives."""

    def log(self, night: Any, options: Any, /) -> str:
        """Log a `harness.notify.tracked.TrackedNight`, once however often it is called; says in words where it is. Whatever is raised
        changes no verdict."""


class OpenTarget(Protocol):
    """A deploy target that was opened: what `DeployTarget.open` gives.

    Each call raises DeployError when the target cannot be reached or refuses it. A release has two states there: it is put,
    and it is served. Names are the target's own, made of digests, so one name never stands for other files.
    """

    def name_of(self, release: Release, /) -> str:
        """The name under which the release is put; the same at any time."""

    def current(self) -> str:
        """Name of the release that is served; empty: none."""

    def has(self, name: str, /) -> bool:
        """Whether a release was put under this name."""

    def put(self, release: Release, /) -> None:
        """Put the files without serving them. Nothing to do where they are there; a part that a killed put left is replaced."""

    def check(self, release: Release, /) -> str:
        """Read back what was put, and say so in words. Raises DeployError when a digest differs."""

    def through(self, release: Release, /) -> Arm | None:
        """The arm that asks the release where it was put; None: this target answers nothing."""

    def switch(self, name: str, /) -> None:
        """Serve the release of this name; empty: none."""

    def discard(self, name: str, /) -> None:
        """Remove a release that is not served. Nothing to do where it is not there."""


class DeployTarget(Protocol):
    """A place that serves what was promoted, or from which others take it.

    It has a struct `Options` with the keys of `[deploy.NAME]`. It may have `KEEPS` (True; False: the release that was served
    before is discarded after the switch). An option `may_differ` bounds how many
    probed cases may be answered differently (0).
    """

    def open(self, options: Any, alias: str, /) -> OpenTarget:
        """The target with its options; `alias` is that of [promote]. Reaches nothing yet."""


class EngineTask(Noun, frozen=True):
    """What an engine runs somewhere; see `harness.core.crew`."""

    job: str
    """Its function, `package.module:function`."""
    request: bytes
    """JSON. Plain values, so it can be sent anywhere."""
    reads: tuple[str, ...] = ()
    """Names of the files that it reads in the crew's folder: those that earlier tasks left, and what was shared."""
    leaves: tuple[str, ...] = ()
    """Names of the files that it leaves there."""
    secrets: tuple[str, ...] = ()
    """Names of the environment variables with keys that it needs; no other key is passed on."""
    gpus: bool = False
    """Whether it has a model to ask or to train."""
    live: bool = False
    """True: its events are wanted as they come; after its worker was lost it is begun again and may tell some twice. False: they
    may come with the result, each once, and the same request gives the same."""
    light: bool = False
    """True: its job leaves nothing behind in its process, so one process may do many such tasks, one after the other."""


class EngineMessage(NamedTuple):
    """What a task tells, and at its end its result."""

    number: int
    """Of the task."""
    data: bytes
    is_result: bool


class Crew(Protocol):
    """Workers that an engine has opened."""

    def slots(self, gpus: bool = False) -> int:
        """Tasks that run at once; with `gpus` those that have a model."""

    def require(self, places: Sequence[str], /) -> None:
        """Raises InputError when a worker does not see these files and folders where this machine has them."""

    def share(self, name: str, place: Path, /) -> None:
        """Let tasks read a folder of this machine under a name, as it is when they begin."""

    def run(self, tasks: Sequence[EngineTask], /) -> Iterator[EngineMessage]:
        """Run tasks; messages as they come. Raises the TrueupError of the first that fails, and ends the others."""


class Engine(Protocol):
    """A place where tasks run."""

    def open(self, settings: EngineSettings, slots: int, /) -> AbstractContextManager[Crew]:
        """The workers, `slots` at once; 0: as many as there is room for. Raises when they cannot be had or used."""


class PromptOptimiser(Protocol):
    """A search for a better prompt on training rows. It has a struct `Options` with the keys of [prompts.NAME.options].

    It may have `WRITES` (False; True: a model that the option `model` names writes prompts).
    """

    def optimise(self, trial: Any, options: Any, /) -> Prompt:
        """The best prompt that a `harness.evaluate.prompting.trial.Trial` scored; the same each time."""


class Gateway(Protocol):
    """A gateway that splits traffic between two models."""

    def files(self, split: TrafficSplit, /) -> dict[str, str]:
        """File name to text: the configuration for the split, whose `share` is 0 or 1 once the canary has ended."""


class DoubtSign(Protocol):
    """A sign that a target is wrong. It shows rows to people and leaves none out."""

    def find(self, rows: Sequence[Any], /) -> Iterable[Doubt]:
        """Doubts about `harness.curate.rows.CallRow` rows, one a row and claim at most; the same whatever their order."""


KINDS: dict[str, tuple[type, ...]] = {
    "formats": (RecordFormat, SpanDialect),
    "detectors": (Detector,),
    "doubts": (DoubtSign,),
    "scorers": (Scorer,),
    "backends": (AnswerBackend,),
    "rules": (GateRule,),
    "redactors": (PatternRedactor, SearchRedactor),
    "trainers": (Trainer,),
    "adapters": (AdapterKind,),
    "reports": (Report,),
    "reply_formats": (ReplyFormat,),
    "notifiers": (Notifier,),
    "targets": (DeployTarget,),
    "engines": (Engine,),
    "trackers": (Tracker,),
    "prompt_optimisers": (PromptOptimiser,),
    "gateways": (Gateway,),
}
"""Kind of plug-in to its protocols, of which it keeps at least one."""


def lack(kind: str, name: str, module: ModuleType) -> str:
    """What a module lacks to be a plug-in of the kind, in words; empty when it is whole."""
    lacks = [_lack(protocol, name, module) for protocol in KINDS[kind]]
    return min(lacks, key=len)


def _lack(protocol: type, name: str, module: ModuleType) -> str:
    if protocol is Scorer:
        return _call(name, Scorer.__call__, getattr(module, name, None))
    missing = [constant for constant in protocol.__annotations__ if not hasattr(module, constant)]
    wrong = [f"it has no {constant}" for constant in missing]
    methods = {key: value for key, value in vars(protocol).items() if inspect.isfunction(value) and key[0] != "_"}
    wrong += [_call(key, method, getattr(module, key, None)) for key, method in methods.items()]
    return "; ".join(filter(None, wrong))


def _call(name: str, method: Any, function: Any) -> str:
    """Why the function cannot be called as the protocol's method is; empty when it can."""
    parameters = list(inspect.signature(method).parameters.values())[1:]
    fixed = [parameter for parameter in parameters if parameter.kind is parameter.POSITIONAL_ONLY]
    named = [parameter for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
    shown = f"{name}({', '.join(parameter.name for parameter in (*fixed, *named))})"
    if not callable(function):
        return f"it has no {shown}"
    signature = inspect.signature(function)
    bind = signature.bind if len(fixed) + len(named) == len(parameters) else signature.bind_partial
    try:
        bind(*[None] * len(fixed), **dict.fromkeys(parameter.name for parameter in named))
    except TypeError as error:
        return f"it cannot be called as {shown}: {error}"
    return ""
