"""Open one project: its config, its store, and the latest dataset, adapter, evaluation and verdict in it.

Steps write to the store; what stands here only reads, so commands that only show something need no lock.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from msgspec.structs import replace

from harness import config as harness_config
from harness.core import adapters, feedback_summary, reads
from harness.core.codec import digest, read
from harness.core.feedback_summary import FeedbackSummary
from harness.core.link_feedback import link
from harness.core.ordered import Ordered
from harness.core.progress import Progress
from harness.core.purse import Purse
from harness.errors import InvalidError, NotYetError
from harness.sections import Config
from harness.store import Store
from harness.store.promotions import ADAPTERS, ARMS
from harness.types import Adapter, Arm, Dataset, Feedback, Noun, Run, Story, Verdict

LATEST = "latest"
"""Memo step that points at the latest dataset, adapter, evaluation and verdict."""
FORGOTTEN = "forgotten"
"""Kind of artifact: the mark of a dataset or an adapter that was made with calls that were forgotten since."""
MARKED = "was made with calls that were forgotten since"
FEEDBACK = "feedback"
"""Memo step and kind of artifact: how the feedback of one state of the traces is read."""
ANYWAY = "trained-anyway"
"""Memo step: adapter id to itself, of one that was trained though the power plan advised against it."""
JUDGED = "judged"
"""Memo step: verdict id to the evaluation that it judged."""


class EvaluationRuns(Noun, frozen=True):
    """Which runs belong together: what was evaluated, with which adapter and dataset."""

    dataset: str = ""
    adapter: str = ""
    """Content ids; empty when there was none."""
    runs: tuple[tuple[str, str], ...] = ()
    """Arm name and the content id of its run, in the order of the arms."""
    controls: tuple[str, ...] = ()
    """Content ids of runs in which an arm was asked twice (A/A)."""


@dataclass(frozen=True)
class Project:
    """One project: what trueup.toml says, and what its store holds."""

    config: Config
    store: Store
    progress: Progress = field(default_factory=Progress)
    surveys: dict[tuple[str, str], object] = field(default_factory=dict)
    """Selection and dataset to what the eval files hold; read once a command."""
    stories: dict[str, Story] = field(default_factory=dict)
    """Verdict id to what its reports are rendered from; put together once a command."""
    purse: Purse = field(default_factory=Purse)
    """What this command spends; see `[cost]`."""
    verified_runs: dict[str, Run] = field(default_factory=dict)
    """Content id to the run whose content gives it; read and checked once a command."""

    @classmethod
    def open(cls, config: Config | Path | str | None = None, progress: Progress | None = None) -> Self:
        """Open the project of a config, a trueup.toml or its folder, or the nearest one.

        The store is created when it is missing. Raises UsageError when the config is missing or wrong, InvalidError when the
        store is another project's.
        """
        if not isinstance(config, Config):
            config = harness_config.load(Path(config) if config is not None else None)
        storage = config.storage
        store = Store.open(config.store, storage.address, storage.id, storage.lease_s)
        store.reports = (Path(config.report.out),)
        store.claim(config.project.name)
        return cls(config, store, progress or Progress(), purse=Purse(config.cost))

    def dataset(self, ident: str) -> Dataset:
        """Raises StorageError when it is damaged."""
        return read(self.store.artifacts.folder("dataset", ident) / "dataset.json", Dataset)

    def adapter(self, ident: str) -> Adapter:
        return adapters.read_manifest(self.store.artifacts.folder("adapter", ident))

    def runs(self, evaluation: EvaluationRuns) -> dict[str, Run]:
        """Arm name to its run, in the order of the arms. Raises StorageError on one whose content is not that of its id."""
        return {name: self._run(ident) for name, ident in evaluation.runs}

    def _run(self, ident: str) -> Run:
        if ident not in self.verified_runs:
            self.verified_runs[ident] = self.store.artifacts.get_by_content("run", ident, Run)
        return self.verified_runs[ident]

    def calls(self) -> Ordered:
        """All calls in order of time, read anew at each pass: they may be more than fit into memory."""
        return Ordered(self.store.traces.calls)

    def feedback(self) -> list[Feedback]:
        """All feedback that holds, with its call and its reading as far as they can be told."""
        records = list(self.store.traces.feedback())
        return link(self.store.traces.calls() if records else (), records, self.config.scales)

    def feedback_summary(self, linked: Sequence[Feedback] | None = None, keep: bool = False) -> FeedbackSummary:
        """How all feedback is read and linked. `linked` is what `feedback` gave, where that is at hand.

        It is worked out once for each state of the traces and of trueup.toml; `keep` stores it, which needs the lock.
        """
        code = reads.code("harness.core.feedback_summary", "harness.core.link_feedback")
        key = digest([code, self.store.traces.version(), self.config.scales])
        known = self.store.memo.recall(FEEDBACK, key)
        if known and self.store.artifacts.has(FEEDBACK, known):
            return self.store.artifacts.get(FEEDBACK, known, FeedbackSummary)
        records = list(self.store.traces.feedback())
        calls = self.store.traces.calls() if records else iter(())
        trace_id = next((call.trace_id for call in calls if call.trace_id), "")
        linked = self.feedback() if linked is None else linked
        made = feedback_summary.summarise(records, linked, self.config.scales, trace_id)
        if keep and records:
            self.store.memo.remember(FEEDBACK, key, self.store.artifacts.put(FEEDBACK, made))
        return made

    def recall(self, step: str, key: str, what: str) -> str:
        """Content id of the `what` that a step with this key made, which is then the latest; empty when it has to be
        made: nothing is known of the key, or what was made is gone."""
        known = self.recalled(step, key, what)
        if known:
            self.store.memo.remember(LATEST, what, known)
        return known

    def recalled(self, step: str, key: str, what: str) -> str:
        """Content id of the `what` that is remembered; empty when nothing is, or when it is gone from the store."""
        known = self.store.memo.recall(step, key)
        return known if known and self.store.artifacts.has(what, known) else ""

    def remember(self, step: str, key: str, what: str, ident: str) -> None:
        """Keep what a step made under the key of what it read; it is the latest now."""
        self.store.memo.remember(step, key, ident)
        self.store.memo.remember(LATEST, what, ident)

    def latest(self, what: str, command: str) -> str:
        """Content id of the latest `what`. Raises NotYetError naming the command that makes one."""
        known = self.recalled(LATEST, what, what)
        if not known:
            raise NotYetError(f"there is no {what} yet", where=self.store.place, next=command)
        return known

    def latest_dataset(self) -> Dataset:
        """Raises NotYetError, naming the command to type, when there is none yet."""
        return self.dataset(self.latest("dataset", "trueup curate"))

    def latest_verdict(self) -> Verdict:
        """Raises NotYetError, naming the command to type, when there is none yet."""
        command = "trueup gate" if self.recalled(LATEST, "evaluation", "evaluation") else "trueup run"
        return self.store.artifacts.get("verdict", self.latest("verdict", command), Verdict)

    def latest_or_none(self) -> tuple[Dataset | None, Adapter | None]:
        """The latest dataset and adapter, where there are any: evaluation needs neither."""
        dataset, adapter = (self.recalled(LATEST, what, what) for what in ("dataset", "adapter"))
        return (self.dataset(dataset) if dataset else None), (self.adapter(adapter) if adapter else None)

    def latest_evaluation(self) -> EvaluationRuns:
        """Raises NotYetError when nothing was evaluated, InvalidError when a run of it is gone."""
        latest = self.store.artifacts.get("evaluation", self.latest("evaluation", "trueup eval"), EvaluationRuns)
        if self._stored(latest.runs) != dict(latest.runs):
            raise InvalidError("a run of the latest evaluation is gone", where=self.store.place, next="trueup eval")
        return latest

    def keep_evaluation(self, evaluation: EvaluationRuns, whole: bool) -> None:
        """Make it the latest. One of a few arms joins the latest if that is of the same dataset and adapter."""
        known = "" if whole else self.recalled(LATEST, "evaluation", "evaluation")
        before = self.store.artifacts.get("evaluation", known, EvaluationRuns) if known else EvaluationRuns()
        if known and (before.dataset, before.adapter) == (evaluation.dataset, evaluation.adapter):
            evaluation = replace(
                evaluation,
                runs=tuple({**self._stored(before.runs), **dict(evaluation.runs)}.items()),
                controls=evaluation.controls or tuple(ident for ident in before.controls if self._has_run(ident)),
            )
        self.store.memo.remember(LATEST, "evaluation", self.store.artifacts.put("evaluation", evaluation))

    def _stored(self, runs: tuple[tuple[str, str], ...]) -> dict[str, str]:
        return {name: ident for name, ident in runs if self._has_run(ident)}

    def _has_run(self, ident: str) -> bool:
        return self.store.artifacts.has("run", ident)

    def served_arm(self, ident: str) -> Arm | None:
        """The promoted arm of that content id, with paths of this machine; None where an adapter or the base model is served."""
        if not (ident and self.store.artifacts.has(ARMS, ident)):
            return None
        arm = self.store.artifacts.get(ARMS, ident, Arm)
        folder = str(self.store.artifacts.folder(ADAPTERS, arm.adapter)) if arm.adapter else ""
        return replace(arm, model=self.config.model_path(arm.model, arm.backend), adapter=folder)

    def served_adapter(self, ident: str) -> str:
        """Content id of the adapter that a promoted id is, or answers with; empty when it has none."""
        arm = self.store.artifacts.get(ARMS, ident, Arm) if ident and self.store.artifacts.has(ARMS, ident) else None
        return arm.adapter if arm else ident

    def served(self, ident: str) -> str:
        """What a promoted or judged id is, in words: `the base model`, `adapter 3fa91c88d0e2`, or `next 88d0e2...` for an arm."""
        if not (ident and self.store.artifacts.has(ARMS, ident)):
            return f"adapter {ident[:12]}" if ident else "the base model"
        arm = self.store.artifacts.get(ARMS, ident, Arm)
        tuned = f", adapter {arm.adapter[:12]}" if arm.adapter else ""
        words = "no prompt" if arm.prompt.name == "none" else f"prompt {arm.prompt.name}"
        return f"{arm.name} {ident[:12]} ({Path(arm.model).name or arm.backend}{tuned}, {words})"

    def is_marked(self, ident: str) -> bool:
        """Whether a dataset or an adapter was made with calls that were forgotten since; see `harness.forget`."""
        return bool(ident) and self.store.artifacts.has(FORGOTTEN, ident)

    def check_not_forgotten(self, what: str, ident: str) -> None:
        """Raises InvalidError when it was made with calls that were forgotten since."""
        if self.is_marked(ident):
            raise InvalidError(
                f"the {what} {MARKED}", where=ident[:12], next="trueup run: curates and tunes without them"
            )
