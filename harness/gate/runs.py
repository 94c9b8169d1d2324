"""Find stored runs by name, list them, and compare pairs of them."""

from pathlib import Path

from msgspec.structs import replace

from harness.errors import UsageError
from harness.evaluate import arms as evaluate_arms
from harness.gate import compare
from harness.gate import contrast as gate_contrast
from harness.gate import waivers as gate_waivers
from harness.project import EvaluationRuns, Project
from harness.types import Comparison, Run, Waiver


def comparisons(runs: dict[str, Run], candidate: str = evaluate_arms.TUNED) -> tuple[Comparison, ...]:
    """The candidate against every other arm, suite by suite."""
    others = [run for name, run in runs.items() if name != candidate]
    return tuple(one for other in others for one in compare.compare(other, runs[candidate]))


def waivers(project: Project) -> tuple[Waiver, ...]:
    """Those of waivers.toml and waivers.jsonl beside trueup.toml; none without the files."""
    root = Path(project.config.root)
    return (*gate_waivers.read(root / "waivers.toml"), *gate_waivers.read(root / "waivers.jsonl"))


def run_of(project: Project, name: str) -> Run:
    """The run of an arm in the latest evaluation, or the stored run whose content id starts with `name`.

    Raises UsageError naming what there is.
    """
    latest = dict(
        project.store.artifacts.get("evaluation", project.latest("evaluation", "trueup eval"), EvaluationRuns).runs
    )
    found = [latest[name]] if name in latest else [i for i in project.store.artifacts.ids("run") if i.startswith(name)]
    if len(found) != 1 or not name:
        known = ", ".join(f"{arm} ({ident[:12]})" for arm, ident in latest.items())
        what = "several runs start with" if found and name else "there is no run of"
        raise UsageError(f"{what} {name!r}", next=f"known: {known}")
    return project.store.artifacts.get("run", found[0], Run)


def verdict_command(project: Project, baseline: str, candidate: str) -> str:
    """What to type for a verdict on two runs that are compared: the gate judges arms of the latest evaluation."""
    latest = dict(
        project.store.artifacts.get("evaluation", project.latest("evaluation", "trueup eval"), EvaluationRuns).runs
    )
    arms = [next((arm for arm in latest if arm == name), "") for name in (baseline, candidate)]
    if all(arms) and baseline != candidate:
        return f"trueup gate --candidate {candidate} --baseline {baseline}"
    return "trueup eval, then trueup gate --candidate ARM --baseline ARM"


def differences(project: Project, baseline: str, candidate: str) -> gate_contrast.Contrast:
    """What changed between two runs, what is noise and what was left out; decides nothing."""
    return contrast(project, *two_runs(project, baseline, candidate))


def contrast(project: Project, before: Run, after: Run) -> gate_contrast.Contrast:
    """As `differences`, of runs that are at hand."""
    controls = (*compare.control(before), *compare.control(after))
    return gate_contrast.contrast(compare.compare(before, after), controls, project.config.gate.alpha)


def two_runs(project: Project, baseline: str, candidate: str) -> tuple[Run, Run]:
    """Two stored runs, each an arm of the latest evaluation or the start of a run's id, under names that differ."""
    before, after = run_of(project, baseline), run_of(project, candidate)
    if before.arm.name == after.arm.name and before.id != after.id:  # two nights of one arm
        before = replace(before, arm=replace(before.arm, name=f"{before.arm.name} {before.id[:8]}"))
        after = replace(after, arm=replace(after.arm, name=f"{after.arm.name} {after.id[:8]}"))
    return before, after
