"""What a project's store holds: the latest dataset, adapter, runs and verdict, read back as nouns.

The verbs in `harness.loop` write; everything here only reads, so commands that only show something need no lock.
"""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from harness import config as configuration
from harness.config import Config
from harness.core import adapters
from harness.core.codec import digest, read
from harness.core.progress import Watch
from harness.curate import stage as curate_stage
from harness.curate.stage import CurateOptions
from harness.errors import InvalidError, UsageError
from harness.evaluate import arms as arm_choice
from harness.gate import compare as compare_stage
from harness.gate import contrast as contrast_stage
from harness.gate import waivers as waiver_file
from harness.ingest import stage as ingest_stage
from harness.mine import stage as mine_stage
from harness.mine.stage import Ordered
from harness.store import Store
from harness.types import Adapter, Arm, Cluster, Comparison, Dataset, Feedback, Noun, Run, TuneRequest, Verdict, Waiver

LATEST = "latest"
"""Memo step that points at the latest dataset, adapter, evaluation and verdict."""
EVALUATED = ("held_out", "regression")
"""Splits whose cases never train, on this night or any later one."""
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


def curate_options(work: Work) -> CurateOptions:
    """Those of [curate]. Raises UsageError on an unknown key."""
    settings = {"name": work.config.project.name, **work.config.curate}
    return configuration.section(settings, CurateOptions, where="[curate]")


def latest_clusters(work: Work) -> tuple[Cluster, ...]:
    """Those of the last mining; none before the first."""
    known = work.store.memo.recall(LATEST, "mined")
    return work.store.artifacts.get("mined", known, mine_stage.Mined).clusters if known else ()


def arms(work: Work, dataset: Dataset | None, adapter: Adapter | None) -> dict[str, Arm]:
    """The arms that can be asked now; see `harness.evaluate.arms`."""
    folders = {}
    if adapter:
        folders[arm_choice.TUNED] = str(work.store.artifacts.folder("adapter", adapter.id))
    champion = work.store.promotions.current(work.config.promote.alias)
    if champion and champion.adapter:
        folders[arm_choice.CHAMPION] = str(work.store.artifacts.folder("adapter", champion.adapter))
    found = arm_choice.resolve(work.config, dataset.prompts if dataset else (), folders)
    if dataset and arm_choice.CONSTANT not in found:
        train = curate_stage.read_split(work.store.artifacts.folder("dataset", dataset.id), "train")
        floor = arm_choice.constant(train)
        if floor:
            found[arm_choice.CONSTANT] = floor
    return found


def tune_request(work: Work, dataset: Dataset) -> TuneRequest:
    """What the trainer is asked: plain values, without the output folder."""
    section = arm_choice.sections(work.config)[arm_choice.TUNED]
    words = configuration.prompt(work.config, section.prompt, dataset.prompts)
    if words is None:
        raise InvalidError(
            "the tuned arm's prompt is to come from traces, and these have none", next="set [arms.tuned]"
        )
    if words.nearest:
        raise UsageError(
            f"the tuned arm cannot be trained under the prompt {section.prompt!r}, which changes with each case",
            next="give examples by `nearest` to an arm of its own, and the tuned arm another prompt",
        )
    folder = work.store.artifacts.folder("dataset", dataset.id)
    held = [case for split in EVALUATED for case in curate_stage.read_split(folder, split)]
    ever = {key.removeprefix("call:") for key, split in work.store.ledger.splits().items() if split in EVALUATED}
    return TuneRequest(
        base=section.model or work.config.model.base,
        dataset=str(folder),
        prompt=words,
        recipe=work.config.tune,
        out="",
        held_out_ids=tuple(sorted(ever | {case.id for case in held} | {case.call_id for case in held if case.call_id})),
    )


def comparisons(runs: dict[str, Run], candidate: str = arm_choice.TUNED) -> tuple[Comparison, ...]:
    """The candidate against every other arm, suite by suite."""
    if candidate not in runs:
        raise InvalidError(f"there is no run of {candidate!r} to compare", next=f"trueup eval --model {candidate}")
    others = [run for name, run in runs.items() if name != candidate]
    return tuple(one for other in others for one in compare_stage.compare(other, runs[candidate]))


def is_marked(work: Work, ident: str) -> bool:
    """Whether a dataset or an adapter was made with calls that were forgotten since; see `harness.forget`."""
    return bool(ident) and work.store.artifacts.has(FORGOTTEN, ident)


def means(runs: dict[str, Run]) -> list[tuple[str, str, int, float | None, int]]:
    """Rows of suite, arm, scored cases, mean of the suite's metric, errors."""
    rows = []
    for suite in dict.fromkeys(suite for run in runs.values() for suite in run.suites):
        for name, run in runs.items():
            mine = [result for result in run.results if result.suite == suite.name]
            scores = [score for result in mine if (score := result.score(suite.metric)) is not None]
            mean = sum(scores) / len(scores) if scores else None
            rows.append((suite.name, name, len(scores), mean, sum(bool(result.error) for result in mine)))
    return rows


def waivers(work: Work) -> tuple[Waiver, ...]:
    """Those of waivers.toml and waivers.jsonl beside trueup.toml; none without the files."""
    root = Path(work.config.root)
    return (*waiver_file.read(root / "waivers.toml"), *waiver_file.read(root / "waivers.jsonl"))


def run_of(work: Work, name: str) -> Run:
    """The run of an arm in the latest evaluation, or the stored run whose content id starts with `name`.

    Raises UsageError naming what there is.
    """
    latest = dict(work.store.artifacts.get("evaluation", _latest(work, "evaluation", "trueup eval"), Evaluation).runs)
    found = [latest[name]] if name in latest else [i for i in work.store.artifacts.ids("run") if i.startswith(name)]
    if len(found) != 1 or not name:
        known = ", ".join(f"{arm} ({ident[:12]})" for arm, ident in latest.items())
        what = "several runs start with" if found and name else "there is no run of"
        raise UsageError(f"{what} {name!r}", next=f"known: {known}")
    return work.store.artifacts.get("run", found[0], Run)


def differences(work: Work, baseline: str, candidate: str) -> contrast_stage.Contrast:
    """What changed between two runs, what is noise and what was left out; decides nothing."""
    return contrast(work, *two_runs(work, baseline, candidate))


def contrast(work: Work, before: Run, after: Run) -> contrast_stage.Contrast:
    """As `differences`, of runs that are at hand."""
    controls = (*compare_stage.control(before), *compare_stage.control(after))
    return contrast_stage.contrast(compare_stage.compare(before, after), controls, work.config.gate.alpha)


def two_runs(work: Work, baseline: str, candidate: str) -> tuple[Run, Run]:
    """Two stored runs, each an arm of the latest evaluation or the start of a run's id, under names that differ."""
    before, after = run_of(work, baseline), run_of(work, candidate)
    if before.arm.name == after.arm.name and before.id != after.id:  # two nights of one arm
        before = replace(before, arm=replace(before.arm, name=f"{before.arm.name} {before.id[:8]}"))
        after = replace(after, arm=replace(after.arm, name=f"{after.arm.name} {after.id[:8]}"))
    return before, after


def held_out_version(work: Work, dataset: Dataset) -> tuple[str, list[str]]:
    """Content id of the held-out cases, and their ids: what a look is counted against."""
    cases = curate_stage.read_split(work.store.artifacts.folder("dataset", dataset.id), "held_out")
    ids = sorted(case.id for case in cases)
    return digest(ids), ids


def status(work: Work) -> dict[str, Any]:
    """Counts, latest ids and promotions, for `trueup status`."""
    known = {what: work.store.memo.recall(LATEST, what) or "" for what in ("dataset", "adapter", "verdict")}
    facts: dict[str, Any] = {"store": str(work.store.root), **{what: ident[:12] for what, ident in known.items()}}
    if known["verdict"]:
        verdict = latest_verdict(work)
        facts["outcome"] = verdict.outcome
        facts["why"] = verdict.sentence
        facts["judged"] = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(verdict.at_ns / 1e9))
    for alias in work.store.promotions.aliases():
        current = work.store.promotions.current(alias)
        facts[f"alias {alias}"] = (current.adapter[:12] if current else "") or "the base model"
    return {**facts, "records": work.store.traces.counts()}


def _latest(work: Work, what: str, command: str) -> str:
    known = work.store.memo.recall(LATEST, what)
    if not known:
        raise InvalidError(f"there is no {what} yet", where=str(work.store.root), next=command)
    return known
