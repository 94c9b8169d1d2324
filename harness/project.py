"""What a project's store holds: the latest dataset, adapter, runs and verdict, read back as nouns.

The verbs in `harness.loop` write; everything here only reads, so commands that only show something need no lock.
"""

from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from harness.config import Config
from harness.core import adapters
from harness.core.codec import read
from harness.core.progress import Watch
from harness.errors import InvalidError
from harness.ingest import stage as ingest_stage
from harness.mine.stage import Ordered
from harness.store import Store
from harness.types import Adapter, Dataset, Feedback, Noun, Run, Verdict

LATEST = "latest"
"""Memo step that points at the latest dataset, adapter, evaluation and verdict."""
FORGOTTEN = "forgotten"
"""Kind of artifact: the mark of a dataset or an adapter that was made with calls that were forgotten since."""
MARKED = "was made with calls that were forgotten since"
JUDGED = "judged"
"""Memo step: verdict id to the evaluation that it judged."""


class Evaluation(Noun, frozen=True):
    """Which runs belong together: what was evaluated, with which adapter and dataset."""

    dataset: str = ""
    adapter: str = ""
    """Content ids; empty when there was none."""
    runs: tuple[tuple[str, str], ...] = ()
    """Arm name and the content id of its run, in the order of the arms."""
    controls: tuple[str, ...] = ()
    """Content ids of runs in which an arm was asked twice (A/A)."""


@dataclass(frozen=True)
class Work:
    """One project being worked on."""

    config: Config
    store: Store
    watch: Watch = field(default_factory=Watch)
    surveys: dict[tuple[str, str], Any] = field(default_factory=dict)
    """Selection and dataset to what the eval files hold; read once a command."""
    stories: dict[str, Any] = field(default_factory=dict)
    """Verdict id to what its reports are rendered from; put together once a command."""


def dataset_of(work: Work, ident: str) -> Dataset:
    return read(work.store.artifacts.folder("dataset", ident) / "dataset.json", Dataset)


def adapter_of(work: Work, ident: str) -> Adapter:
    return adapters.read_manifest(work.store.artifacts.folder("adapter", ident))


def latest_dataset(work: Work) -> Dataset:
    """Raises InvalidError, naming the command to type, when there is none yet."""
    return dataset_of(work, _latest(work, "dataset", "trueup curate"))


def latest_verdict(work: Work) -> Verdict:
    return work.store.artifacts.get("verdict", _latest(work, "verdict", "trueup gate"), Verdict)


def latest_or_none(work: Work) -> tuple[Dataset | None, Adapter | None]:
    """The latest dataset and adapter, as far as they are there: evaluation needs neither."""
    dataset, adapter = (work.store.memo.recall(LATEST, what) for what in ("dataset", "adapter"))
    return (dataset_of(work, dataset) if dataset else None), (adapter_of(work, adapter) if adapter else None)


def latest_evaluation(work: Work) -> Evaluation:
    """Raises InvalidError when nothing was evaluated, or no adapter was: there is nothing to judge then."""
    found = work.store.artifacts.get("evaluation", _latest(work, "evaluation", "trueup eval"), Evaluation)
    if not (found.adapter and found.dataset):
        raise InvalidError("no adapter was evaluated yet", where=str(work.store.root), next="trueup run")
    return found


def keep_evaluation(work: Work, evaluation: Evaluation, whole: bool) -> None:
    """Make it the latest. One of a few arms joins the latest if that is of the same dataset and adapter."""
    known = None if whole else work.store.memo.recall(LATEST, "evaluation")
    before = work.store.artifacts.get("evaluation", known, Evaluation) if known else Evaluation()
    if known and (before.dataset, before.adapter) == (evaluation.dataset, evaluation.adapter):
        evaluation = replace(
            evaluation,
            runs=tuple({**dict(before.runs), **dict(evaluation.runs)}.items()),
            controls=evaluation.controls or before.controls,
        )
    work.store.memo.remember(LATEST, "evaluation", work.store.artifacts.put("evaluation", evaluation))


def runs_of(work: Work, evaluation: Evaluation) -> dict[str, Run]:
    """Arm name to its run, in the order of the arms."""
    return {name: work.store.artifacts.get("run", ident, Run) for name, ident in evaluation.runs}


def feedback(work: Work) -> list[Feedback]:
    """All feedback, with the call it belongs to as far as that can be told."""
    return list(ingest_stage.link(work.store.traces.calls(), work.store.traces.feedback()))


def calls(work: Work) -> Ordered:
    """All calls in order of time, read anew at each pass: they may be more than fit into memory."""
    return Ordered(work.store.traces.calls)


def is_marked(work: Work, ident: str) -> bool:
    """Whether a dataset or an adapter was made with calls that were forgotten since; see `harness.forget`."""
    return bool(ident) and work.store.artifacts.has(FORGOTTEN, ident)


def _latest(work: Work, what: str, command: str) -> str:
    known = work.store.memo.recall(LATEST, what)
    if not known:
        raise InvalidError(f"there is no {what} yet", where=str(work.store.root), next=command)
    return known


def open_work(config: Config, watch: Watch | None = None) -> Work:
    """The project of a config, with its store opened (and created when it is not there)."""
    return Work(config, Store.open(config.store), watch or Watch())
