"""Stored runs by name, and pairs of them compared."""

from pathlib import Path

from msgspec.structs import replace

from harness.core import dataset_files
from harness.core.codec import digest
from harness.errors import InvalidError, UsageError
from harness.evaluate import arms as arm_choice
from harness.gate import compare as compare_stage
from harness.gate import contrast as contrast_stage
from harness.gate import waivers as waiver_file
from harness.project import Evaluation, Work, _latest
from harness.types import Comparison, Dataset, Run, Waiver


def comparisons(runs: dict[str, Run], candidate: str = arm_choice.TUNED) -> tuple[Comparison, ...]:
    """The candidate against every other arm, suite by suite."""
    if candidate not in runs:
        raise InvalidError(f"there is no run of {candidate!r} to compare", next=f"trueup eval --model {candidate}")
    others = [run for name, run in runs.items() if name != candidate]
    return tuple(one for other in others for one in compare_stage.compare(other, runs[candidate]))


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
    cases = dataset_files.read_split(work.store.artifacts.folder("dataset", dataset.id), "held_out")
    ids = sorted(case.id for case in cases)
    return digest(ids), ids
