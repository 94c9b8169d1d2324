"""Parse trueup.toml into a frozen `Config`.

Unknown keys are refused, naming the nearest: a misspelt key must not silently weaken a gate. Paths are made absolute here.
"""

import os
import tomllib
import typing
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec
from msgspec import Struct

from harness.core.codec import from_chat
from harness.core.nearest import did_you_mean
from harness.errors import UsageError
from harness.types import ADDRESS, FeedbackScale, Json, Message, Policy, Prompt, Recipe, StoreSettings, TextPart

FILE = "trueup.toml"

T = TypeVar("T")


class Section(Struct, frozen=True):
    """Base of the sections."""


class ProjectSection(Section, frozen=True):
    name: str = "project"
    """Names the dataset (`cases.held_out(name)`), and stands in the report's title."""
    title: str = ""
    """The report's title; empty: `name`."""


class ModelSection(Section, frozen=True):
    base: str = ""
    """Folder of the base model: config.json, tokenizer, *.safetensors."""
    backend: str = "hf"
    """How it is asked: `hf` (in this process), `vllm`, `openai_compatible` or another plug-in."""
    template_options: dict[str, Json] = {}
    """Variables of the chat template, such as `enable_thinking = false`; `date` is the day that it takes for today."""


class IngestLimits(Section, frozen=True):
    """What is more than any trace needs. Whatever goes beyond is rejected, and the reason names the limit."""

    record_mib: int = 64
    """One JSON line, one row of a table, one message of a protobuf file."""
    document_mib: int = 256
    """One JSON document that is not in lines, whatever number of records it holds."""
    unpacked_mib: int = 256
    """A compressed or sparse file may unpack to so much, and beyond that to `unpacked_ratio` times its own size."""
    unpacked_ratio: int = 400
    """Times its own size that a file may unpack to, beyond `unpacked_mib`."""
    barren_mib: int = 256
    """Bytes in a row without a record; the rest of the file is not read."""
    barren_records: int = 10_000
    """Records in a row that no format claims; the rest of the file is not read."""


class IngestSection(Section, frozen=True):
    paths: tuple[str, ...] = ()
    """Files, folders or globs of trace exports and feedback."""
    format: str = ""
    """Empty: recognised by content."""
    options: dict[str, Json] = {}
    """Options of the format, such as a mapping of columns; see docs/how-to/ingest.md."""
    limits: IngestLimits = IngestLimits()
    """What is more than any trace needs: [ingest.limits]."""


class FeedbackSection(Section, frozen=True):
    """What the values of one feedback name mean; what is not stated is inferred. See docs/how-to/ingest.md."""

    scale: tuple[float, float] | None = None
    """Lowest and highest value, such as [1, 5]."""
    better: Literal["", "high", "low"] = ""
    """The end that is praise. Empty: the high end where `scale` is stated and the name does not tell."""
    neutral: tuple[float, float] | None = None
    """Values from the first to the second are neither praise nor blame. Empty: the middle fifth of the scale."""
    praise: tuple[str, ...] = ()
    """Labels that are praise, whatever the value."""
    blame: tuple[str, ...] = ()
    """Labels that are blame."""


class PrivacySection(Section, frozen=True):
    redact: bool = True
    """False: secrets and personal data are stored as they were traced."""
    kinds: tuple[str, ...] = ()
    """Names of detectors; empty: all but the optional ones."""
    keep: tuple[str, ...] = ()
    """RE2 patterns of whole values that are never replaced, such as your own support address."""
    patterns: dict[str, str] = {}
    """Further kinds: a name to an RE2 pattern, such as `employee = 'EMP-[0-9]{6}'`."""
    salt: str = ""
    """Keys the pseudonyms; empty: a random one, kept in the store. The same salt gives the same pseudonyms everywhere."""


class MineSection(Section, frozen=True):
    detectors: tuple[str, ...] = ()
    """Empty: all of them."""
    options: dict[str, Json] = {}
    """Options of the detectors; each detector's page names its own."""


class Example(Section, frozen=True):
    user: str
    """What the user says."""
    assistant: str
    """What the assistant answers."""


class PromptSection(Section, frozen=True):
    system: str = ""
    """The system message; empty: none."""
    examples: tuple[Example, ...] = ()
    """Worked examples, each with `user` and `assistant`, put before the case."""
    nearest: int = 0
    """Add this many worked examples for each case: the rows of the training split most like it, the nearest last."""
    traces: bool = False
    """True: the prompt that production sent, found in the traces."""


class ArmSection(Section, frozen=True):
    prompt: str = ""
    """Name of a [prompts.*] section; empty: the case goes to the model as it is."""
    model: str = ""
    """Empty: [model] base."""
    backend: str = ""
    """How this arm is asked; empty: [model] backend."""
    adapter: str = ""
    """`tuned`: tonight's adapter; `champion`: the promoted one; else a folder."""
    production: bool = False
    """True: what production runs, as long as nothing is promoted. Without it that is the arm whose prompt is from traces."""
    template_options: dict[str, Json] = {}
    """Over those of [model]."""
    options: dict[str, Json] = {}
    """What the backend takes, such as `url`, `key_env` or `prices`; see docs/how-to/backends.md."""


class JudgeSection(Section, frozen=True):
    model: str = ""
    """Folder, or the endpoint's model name. Empty: [model] base, which is fit for trying things out only."""
    backend: str = ""
    """How the judge is asked; empty: [model] backend."""
    options: dict[str, Json] = {}
    """What the backend takes, as for an arm."""


class EvalSection(Section, frozen=True):
    paths: tuple[str, ...] = ("evals",)
    """Folders and files with eval files."""
    model: str = ""
    """What `pytest evals` asks without --model: an arm, or what else --model takes, relative to this file."""
    app: str = ""
    """A command whose answers are judged; its calls go to the arm. See docs/how-to/evaluate-your-app.md."""
    app_seconds: float = 300.0
    """The most that it may take without a call of the model or an answer."""
    batch_size: int = 0
    """Requests a batch; 0: the backend chooses."""
    repeats: int = 0
    """How often each case is asked, in place of each suite's own number; 0: as the suite says."""
    control: bool = False
    """True: ask the base model twice (A/A), so that the report shows what is noise; see `harness.evaluate.aa_control`."""
    pytest_args: tuple[str, ...] = ()
    """Further arguments of pytest, such as `["-p", "my_plugin"]`."""
    early_stop: int = 0
    """Ask the cases in so many parts, and end after the one that shows that the verdict can only be hold; 0: all at once.
    See `harness.gate.early_stop`."""


class ReportSection(Section, frozen=True):
    out: str = "out"
    """Folder of the reports."""
    formats: tuple[str, ...] = ("html", "markdown", "junit", "json", "verdict")
    """html, markdown (or md), junit, json, csv, github, comment, verdict, or another plug-in."""
    trace_url: str = ""
    """Where a trace is shown, such as `https://traces.example/{trace_id}`: each case of a report links there."""


class PromoteSection(Section, frozen=True):
    alias: str = "production"
    """Name that the promoted adapter or arm gets."""
    auto: bool = False
    """True: `trueup run` moves the alias itself when the verdict is promote."""


class NotifySection(Section, frozen=True):
    """A way to tell of a verdict; see docs/how-to/ci.md."""

    kind: str = ""
    """`webhook`, `slack`, `github_check`, `github_comment`, `gitlab_note`, or another plug-in of that kind."""
    on: tuple[Literal["promote", "hold", "undecided", "invalid", "stopped"], ...] = ()
    """Outcomes that are told; empty: all. `stopped`: an error ended the run before its verdict."""
    options: dict[str, Json] = {}
    """What the kind takes. A secret is never written here: an option ending in `_env` names its environment variable."""


class Config(Section, frozen=True):
    project: ProjectSection = ProjectSection()
    """Name and title."""
    model: ModelSection = ModelSection()
    """The base model."""
    ingest: IngestSection = IngestSection()
    """Where traces come from."""
    feedback: dict[str, FeedbackSection] = {}
    """What the values of feedback mean, by its name: `[feedback.rating]`."""
    privacy: PrivacySection = PrivacySection()
    """What is redacted before anything is stored."""
    mine: MineSection = MineSection()
    """Which failures are looked for."""
    curate: dict[str, Json] = {}
    """How rows are chosen and split; see `harness.curate.options.CurateOptions`."""
    prompts: dict[str, PromptSection] = {}
    """Prompts by name: `[prompts.short]`."""
    arms: dict[str, ArmSection] = {}
    """Ways to answer by name: `[arms.base]`."""
    judges: dict[str, JudgeSection] = {}
    """Models that judge, by the name that `judge(by=NAME)` in an eval file gives."""
    tune: Recipe = Recipe()
    """How the adapter is trained."""
    eval: EvalSection = EvalSection()
    """Where eval files are, and how they are run."""
    gate: Policy = Policy()
    """What the verdict asks for."""
    report: ReportSection = ReportSection()
    """Which reports are written, and where."""
    promote: PromoteSection = PromoteSection()
    """What a promotion moves."""
    storage: StoreSettings = msgspec.field(default=StoreSettings(), name="store")
    """Where the store is."""
    notify: dict[str, NotifySection] = {}
    """Who is told of a verdict, by a name of yours: `[notify.team]`."""
    deploy: dict[str, dict[str, Json]] = {}
    """Where `trueup promote` deploys: `kind` and the options of that kind. See docs/how-to/deploy.md."""
    root: str = ""
    """Folder of trueup.toml; not a key of the file."""

    @property
    def scales(self) -> dict[str, FeedbackScale]:
        """What [feedback.*] states, by feedback name."""
        return {
            name: FeedbackScale(
                low=stated.scale[0] if stated.scale else None,
                high=stated.scale[1] if stated.scale else None,
                better=stated.better,
                neutral=stated.neutral,
                praise=stated.praise,
                blame=stated.blame,
            )
            for name, stated in self.feedback.items()
        }

    @property
    def store(self) -> Path:
        """Folder of the store; of a store in a bucket, that of the working copy."""
        return Path(self.root, ".trueup" if self.storage.address else self.storage.root or ".trueup")

    def path(self, relative: str) -> str:
        """Absolute path of a path in the file; addresses with a scheme stay as they are."""
        return relative if not relative or ADDRESS.match(relative) else os.path.normpath(Path(self.root) / relative)

    def model_path(self, model: str, backend: str = "") -> str:
        """Absolute path of a model that stands on disk; the name of one that an endpoint knows stays as it is."""
        place = self.path(model)
        local = (backend or self.model.backend) == "hf" or model.startswith((".", "/")) or os.path.exists(place)
        return place if local else model


def find(start: Path) -> Path:
    """The nearest trueup.toml at or above `start`. Raises UsageError when there is none."""
    for folder in (start.resolve(), *start.resolve().parents):
        if (folder / FILE).is_file():
            return folder / FILE
    raise UsageError(f"no {FILE} here or above", where=str(start.resolve()), next="trueup init")


def load(path: Path | None = None) -> Config:
    """Read a config file (or the nearest one). Raises UsageError naming file, key and the nearest known key."""
    file = find(Path.cwd()) if path is None else path / FILE if path.is_dir() else path
    try:
        raw = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError("the config file does not exist", where=str(file), next="trueup init") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"not valid TOML: {error}", where=str(file), next="fix that line") from error
    raw.pop("root", None)
    config = section(raw, Config, where=str(file))
    for arm in config.arms.values():
        if arm.prompt and arm.prompt not in config.prompts:
            raise unknown_key(f"prompts.{arm.prompt}", (f"prompts.{name}" for name in config.prompts), str(file))
    check_arms(config, str(file))
    _check_scales(config, str(file))
    _check_trace_url(config, str(file))
    return _absolute(msgspec.structs.replace(config, root=str(file.resolve().parent)))


def check_arms(config: Config, where: str) -> None:
    """A misspelt candidate or baseline is told at once, not as a missing run at the end of a night. Raises UsageError."""
    arms = {*(config.arms or ("base", "prompted")), "tuned"}
    gate = config.gate
    for key, names, known in (
        ("candidate", (gate.candidate,), arms),
        ("baselines", gate.baselines, arms | {"base", "champion", "constant", "empty"}),
    ):
        for name in names:
            if name not in known:
                hint = did_you_mean(name, known, "arms")
                raise UsageError(f"[gate] {key} names no arm: {name!r}", where=where, next=hint)
    if gate.candidate in gate.baselines:
        others = sorted(arms - {gate.candidate, "tuned"}) or ["NAME"]
        raise UsageError(
            f"the candidate {gate.candidate!r} is its own baseline",
            where=where,
            next=f'compare it with another arm: baselines = ["{others[0]}"] under [gate]',
        )


def _check_trace_url(config: Config, where: str) -> None:
    address = config.report.trace_url
    if address and not (address.startswith(("https://", "http://")) and "{trace_id}" in address.partition("//")[2]):
        what = f"[report] trace_url is no web address with {{trace_id}} in it: {address!r}"
        raise UsageError(what, where=where, next='trace_url = "https://traces.example/{trace_id}"')


def _check_scales(config: Config, where: str) -> None:
    for name, stated in config.feedback.items():
        for key, ends in (("scale", stated.scale), ("neutral", stated.neutral)):
            if ends and not (ends[0] < ends[1] or (key == "neutral" and ends[0] == ends[1])):
                raise UsageError(
                    f"[feedback.{name}] {key} = [{ends[0]:g}, {ends[1]:g}] does not go from low to high",
                    where=where,
                    next=f'{key} = [{ends[1]:g}, {ends[0]:g}], and better = "low" if the low end is praise',
                )


def section(raw: dict[str, Any], kind: type[T], *, where: str) -> T:
    """Convert one table of the file. Raises UsageError on an unknown key or a value of the wrong type."""
    check_keys(raw, kind, where)
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        raise UsageError(f"wrong value in the config: {error}", where=where, next="fix that key") from error


def check_keys(raw: Any, kind: Any, where: str, above: str = "") -> None:
    """Refuse keys that the struct `kind` does not have, at any depth."""
    if not (isinstance(raw, dict) and isinstance(kind, type) and issubclass(kind, Struct)):
        return
    known = {f.encode_name: f.type for f in msgspec.structs.fields(kind) if (kind, f.name) != (Config, "root")}
    for key, value in raw.items():
        name = f"{above}{key}"
        if key not in known:
            raise unknown_key(name, (f"{above}{k}" for k in known), where)
        inner = typing.get_args(known[key])
        if len(inner) == 2 and isinstance(value, dict):  # a table of named sections, dict[str, Section]
            for label, item in value.items():
                check_keys(item, inner[-1], where, f"{name}.{label}.")
        else:
            check_keys(value, known[key], where, f"{name}.")


def unknown_key(name: str, known: Iterable[str], where: str) -> UsageError:
    return UsageError(f"unknown config key `{name}`", where=where, next=did_you_mean(name, known, "keys"))


def prompt(config: Config, name: str, recorded: tuple[Prompt, ...] = ()) -> Prompt | None:
    """The named prompt; None when it is to come from the traces and these have none. Raises UsageError."""
    if not name:
        return Prompt(name="none")
    if name not in config.prompts:
        raise unknown_key(f"prompts.{name}", (f"prompts.{k}" for k in config.prompts), str(Path(config.root) / FILE))
    spec = config.prompts[name]
    if spec.traces:
        return msgspec.structs.replace(recorded[0], name=name, nearest=spec.nearest) if recorded else None
    messages = [Message(role="system", parts=(TextPart(text=spec.system),))] if spec.system else []
    for example in spec.examples:
        messages.append(from_chat({"role": "user", "content": example.user}))
        messages.append(from_chat({"role": "assistant", "content": example.assistant}))
    return Prompt(name=name, messages=tuple(messages), nearest=spec.nearest)


def _absolute(config: Config) -> Config:
    replace = msgspec.structs.replace
    storage = replace(config.storage, root=config.path(os.environ.get("TRUEUP_STORE", "") or config.storage.root))
    return replace(
        config,
        storage=storage,
        model=replace(config.model, base=config.model_path(config.model.base)),
        ingest=replace(config.ingest, paths=tuple(config.path(item) for item in config.ingest.paths)),
        arms={name: replace(arm, model=config.model_path(arm.model, arm.backend)) for name, arm in config.arms.items()},
        judges={
            name: replace(one, model=config.model_path(one.model, one.backend)) for name, one in config.judges.items()
        },
        eval=replace(config.eval, paths=tuple(config.path(item) for item in config.eval.paths)),
        report=replace(config.report, out=config.path(config.report.out)),
    )
