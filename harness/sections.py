"""Define the tables of trueup.toml: one struct for each, with every key, its default and its meaning."""

import os
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from harness.types import (
    ADDRESS,
    CanaryMetric,
    CostSettings,
    EngineSettings,
    FeedbackScale,
    Json,
    Policy,
    Recipe,
    StoreSettings,
)
from harness.types.bounds import Above0, Count, CountOr0, From0, ZeroToOne


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

    record_mib: Count = 64
    """One JSON line, one row of a table, one message of a protobuf file."""
    document_mib: Count = 256
    """One JSON document that is not in lines, whatever number of records it holds."""
    unpacked_mib: Count = 256
    """A compressed or sparse file may unpack to so much, and beyond that to `unpacked_ratio` times its own size."""
    unpacked_ratio: Count = 400
    """Times its own size that a file may unpack to, beyond `unpacked_mib`."""
    barren_mib: Count = 256
    """Bytes in a row without a record; the rest of the file is not read."""
    barren_records: Count = 10_000
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
    nearest: CountOr0 = 0
    """Add this many worked examples for each case: the rows of the training split most like it, the nearest last."""
    traces: bool = False
    """True: the prompt that production sent, found in the traces."""
    optimise: str = ""
    """`demos` or `gepa`: search for a better prompt on training rows, beginning with this one; see docs/how-to/best-prompt.md."""
    options: dict[str, Json] = {}
    """What the search takes, such as `calls`."""


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


class CandidateSection(Section, frozen=True):
    """One entry of a tournament; see docs/how-to/candidates.md. What it leaves out is as [tune] and [model] say."""

    model: str = ""
    """Folder of another base model; empty: that of the tuned arm."""
    tune: dict[str, Json] = {}
    """Keys over those of [tune], such as `rank`, `learning_rate`, `epochs` or `method`: [candidates.NAME.tune]."""
    train_share: ZeroToOne = 1.0
    """Share of the training rows that it learns from, above 0, at most 1: whole groups of near-duplicates."""


class EvalSection(Section, frozen=True):
    paths: tuple[str, ...] = ("evals",)
    """Folders and files with eval files."""
    model: str = ""
    """What `pytest evals` asks without --model: an arm, or what else --model takes, relative to this file."""
    app: str = ""
    """A command whose answers are judged; its calls go to the arm. See docs/how-to/evaluate-your-app.md."""
    app_seconds: Above0 = 300.0
    """The most that it may take without a call of the model or an answer."""
    batch_size: CountOr0 = 0
    """Requests a batch; 0: the backend chooses."""
    repeats: CountOr0 = 0
    """How often each case is asked, in place of each suite's own number; 0: as the suite says."""
    control: bool = False
    """True: ask the base model twice (A/A), so that the report shows what is noise; see `harness.evaluate.aa_control`."""
    pytest_args: tuple[str, ...] = ()
    """Further arguments of pytest, such as `["-p", "my_plugin"]`."""
    early_stop: CountOr0 = 0
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


class CanarySection(Section, frozen=True):
    """How `trueup canary` gives a candidate a part of the traffic, and when it is judged; see docs/how-to/canary.md."""

    share: Above0 = 0.05
    """Share of sessions that the candidate answers, above 0 and at most 0.5."""
    metrics: tuple[CanaryMetric, ...] = ("failures", "errors", "thumbs_down", "guards", "slow", "costly")
    """What is compared: shares of calls. Each gets an equal part of [gate] alpha."""
    most_harm: ZeroToOne = 0.05
    """Before it is finished, a rise of `failures` by this or more must be ruled out: 0.05 is five points."""
    least_calls: CountOr0 = 500
    """Calls of the candidate before it may be finished."""
    days: From0 = 7.0
    """Days that it runs before it may be finished."""
    guards: tuple[str, ...] = ("refusal", "schema_break", "language", "loop")
    """Detectors of `guards`."""
    control: tuple[str, ...] = ()
    """Model names in the traces that mean the control, where production serves no adapter of this store: `["gpt-5-mini"]`."""
    gateways: tuple[str, ...] = ()
    """Gateways that get a configuration; empty: all that are known."""
    url: str = "http://127.0.0.1:8000/v1"
    """Where the gateways find both models, with `/v1`."""
    header: str = "x-session-id"
    """Request header with the session; the split is by its hash."""
    shadow_tokens: CountOr0 = 1_000_000
    """Most tokens, read and written, that mirrored requests may take at `trueup serve` in a day (UTC); 0: no bound."""
    shadow_cost: From0 = 0.0
    """The most that they may cost in a day, by the arm's `prices` or [cost] machine_hour; 0: no bound."""


class NotifySection(Section, frozen=True):
    """A way to tell of a verdict; see docs/how-to/ci.md."""

    kind: str = ""
    """`webhook`, `slack`, `github_check`, `github_comment`, `gitlab_note`, or another plug-in of that kind."""
    on: tuple[Literal["promote", "hold", "undecided", "invalid", "stopped", "watch"], ...] = ()
    """Outcomes that are told; empty: all but `watch`. `stopped`: an error ended the run before its verdict. `watch`: what `trueup
    watch` newly found."""
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
    candidates: dict[str, CandidateSection] = {}
    """Fine-tunes of which `trueup run` judges the best: `[candidates.small]`."""
    eval: EvalSection = EvalSection()
    """Where eval files are, and how they are run."""
    gate: Policy = Policy()
    """What the verdict asks for."""
    report: ReportSection = ReportSection()
    """Which reports are written, and where."""
    promote: PromoteSection = PromoteSection()
    """What a promotion moves."""
    cost: CostSettings = CostSettings()
    """What a machine costs, and what a command may spend."""
    canary: CanarySection = CanarySection()
    """How a candidate is tried on a part of the traffic."""
    storage: StoreSettings = msgspec.field(default=StoreSettings(), name="store")
    """Where the store is."""
    engine: EngineSettings = EngineSettings()
    """Where work is done."""
    notify: dict[str, NotifySection] = {}
    """Who is told of a verdict, by a name of yours: `[notify.team]`."""
    track: dict[str, Json] = {}
    """Where every night is logged: a tracker to its address, `mlflow = "https://…"`, or to a table of its options."""
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
