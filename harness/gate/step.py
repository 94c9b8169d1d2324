"""Gate as a step: decide on the latest evaluation, under another policy, or again from a verdict's file.

Nothing is generated here. Candidate and dataset are those that were evaluated, whatever was tuned or curated since. The
candidate is the arm that the policy names; see `harness.gate.candidate`.
"""

import time
import tomllib
from collections.abc import Iterator
from itertools import zip_longest
from math import isclose
from pathlib import Path
from typing import Any

from msgspec import to_builtins
from msgspec.structs import replace

from harness.config import section
from harness.core import signature
from harness.core.codec import SCHEMA, decode, digest, encode, read
from harness.errors import InputError, InvalidError, UsageError
from harness.evaluate import arms as evaluate_arms
from harness.gate import bar as gate_bar
from harness.gate import candidate as gate_candidate
from harness.gate import chosen, compare, flaky, sights
from harness.gate import history as gate_history
from harness.gate import runs as gate_runs
from harness.gate import stage as gate_stage
from harness.project import ANYWAY, JUDGED, LATEST, EvaluationRuns, Project
from harness.types import Comparison, Judgement, Noun, Policy, Run, Verdict


class VerdictFile(Noun, frozen=True):
    """`report.verdict.json`: a verdict with all that it was computed from."""

    verdict: Verdict
    judgement: Judgement
    schema: int = SCHEMA
    signature: str = ""
    """Over verdict and judgement; see `harness.core.signature`."""


def gate(project: Project, policy: Policy | None = None) -> Verdict:
    """Decide on the latest evaluation; the verdict is kept as the latest.

    `policy` is that of trueup.toml, or it with another candidate or other baselines: `promote` judges again under trueup.toml
    and refuses what that does not name.
    """
    with project.progress.step("gate"):
        found, evaluation = judgement(project, policy or project.config.gate)
        verdict = _identified(gate_stage.judge(found))
        project.store.memo.remember(JUDGED, verdict.id, project.store.artifacts.put("evaluation", evaluation))
        project.store.artifacts.put("policy", found.policy)
        if verdict.id not in project.store.artifacts.ids("judgement"):
            project.store.artifacts.put("judgement", found, id=verdict.id)
        if verdict.id not in project.store.artifacts.ids("verdict"):  # else judged before: one record, its first time
            verdict = replace(verdict, at_ns=time.time_ns())
            runs = project.runs(evaluation)
            project.store.artifacts.put("night", gate_history.night(verdict, _judged(found), runs.values()))
            project.store.artifacts.put("verdict", verdict, id=verdict.id)
        project.store.memo.remember(LATEST, "verdict", verdict.id)  # last: a kill before it leaves the verdict before
    return project.latest_verdict()


def policy_of(project: Project, verdict: Verdict) -> Policy:
    """The policy that a stored verdict was made under; that of trueup.toml where it is not known."""
    if verdict.policy not in project.store.artifacts.ids("policy"):
        return project.config.gate
    return project.store.artifacts.get("policy", verdict.policy, Policy)


def under(project: Project, policy: Policy) -> Verdict:
    """What the latest evaluation would get under another policy. It is told, never kept: only trueup.toml promotes."""
    return _identified(gate_stage.judge(judgement(project, policy)[0]))


def judgement(project: Project, policy: Policy) -> tuple[Judgement, EvaluationRuns]:
    """All that a verdict on the latest evaluation is computed from. Counts as a look at the cases of its suites.

    A champion's run makes the champion a baseline, whatever the policy says.
    """
    gate_candidate.check(project.config, policy)
    evaluation = project.latest_evaluation()
    runs = project.runs(evaluation)
    gate_candidate.check_runs(project.config, runs, policy)
    candidate = gate_candidate.identity(runs, policy.candidate, evaluation.adapter)
    project.check_not_forgotten("adapter", gate_candidate.adapter_of(runs[policy.candidate], evaluation.adapter))
    missing = tuple(sights.lost(project))
    looks, look = sights.count(project, evaluation, policy)
    judged = of_runs(project, runs, candidate, policy, evaluation.dataset)
    judged = replace(
        judged,
        comparisons=(*judged.comparisons, *controls(project, evaluation, runs)),
        looks=looks,
        look=look,
        problems=(*judged.problems, *missing),
    )
    return judged, evaluation


def of_runs(project: Project, runs: dict[str, Run], candidate: str, policy: Policy, dataset: str = "") -> Judgement:
    """The candidate's arm against every other one, with what is promoted, waived and quarantined today; counts no look.
    `candidate` is its content id, and `dataset` the id of the one that was evaluated."""
    champion = project.store.promotions.current(project.config.promote.alias)
    promoted = champion.adapter if champion else ""
    if evaluate_arms.CHAMPION in runs and evaluate_arms.CHAMPION not in policy.baselines:
        policy = replace(policy, baselines=(*policy.baselines, evaluate_arms.CHAMPION))
    bar = gate_bar.of(project, policy.candidate)
    mined = project.dataset(dataset) if dataset else None
    return Judgement(
        arms=gate_bar.settings(runs, mined.prompts if mined else (), policy.candidate, promoted),
        dataset=dataset,
        shares=mined.shares if mined else (),
        bar=bar.suites,
        bar_version=bar.version,
        bar_policy=bar.policy,
        bar_arms=dict(bar.arms),
        bar_promoted=bar.promoted,
        comparisons=gate_runs.comparisons(runs, policy.candidate),
        policy=policy,
        candidate=candidate,
        champion=promoted,
        problems=(
            *(f"{name}: {problem}" for name, run in runs.items() for problem in run.problems),
            *_moved(project, runs, promoted),
        ),
        production=_production(project, runs, policy.candidate),
        fine_tuned=gate_candidate.is_fine_tuned(runs[policy.candidate]),
        among=chosen.among(project, candidate),
        trained_anyway=bool(project.store.memo.recall(ANYWAY, candidate)),
        waivers=gate_runs.waivers(project),
        quarantine=flaky.read(Path(project.config.root) / flaky.FILE),
        today=_today(runs),
    )


def _production(project: Project, runs: dict[str, Run], candidate: str) -> str:
    """The arm that answers as production does: the champion, else the one with production's prompt; never the candidate."""
    arms = (evaluate_arms.CHAMPION, evaluate_arms.production(project.config))
    return next((arm for arm in arms if arm in runs and arm != candidate), "")


def _today(runs: dict[str, Run]) -> str:
    """The day, never before that of the runs: a clock that was set back brings no waiver to life again."""
    now = max([time.time_ns(), *(run.started_ns for run in runs.values())])
    return time.strftime("%Y-%m-%d", time.gmtime(now / 1e9))


def _moved(project: Project, runs: dict[str, Run], promoted: str) -> Iterator[str]:
    """The champion that answered must be the one in production now."""
    run = runs.get(evaluate_arms.CHAMPION)
    if run is None:
        return
    folder, answered = Path(run.arm.adapter), run.content or promoted
    if folder.is_relative_to(project.store.root) and not project.served_arm(promoted):
        answered = folder.name
    elif evaluate_arms.CHAMPION in project.config.arms:  # an arm of the user's own, that stands in for it
        answered = promoted
    if answered != promoted:
        yield "champion: what is in production changed since the evaluation"


def controls(project: Project, evaluation: EvaluationRuns, runs: dict[str, Run]) -> tuple[Comparison, ...]:
    """Arms against themselves: from control runs where there are, else from the arms' own repeats."""
    asked = {run.arm.name: run for run in (project.store.artifacts.get("run", one, Run) for one in evaluation.controls)}
    return tuple(one for run in {**runs, **asked}.values() for one in compare.control(run))


def _judged(found: Judgement) -> list[Comparison]:
    return [one for one in found.comparisons if one.baseline != one.candidate]


def read_policy(path: Path) -> Policy:
    """The policy of a TOML file: its [gate] table, or the whole file. Raises UsageError on an unknown key."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError("the policy file cannot be read", where=str(path), next="trueup gate --policy FILE") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"not valid TOML: {error}", where=str(path), next="fix that line") from error
    return section(raw.get("gate", raw), Policy, where=str(path))


def recomputed(path: Path) -> Verdict:
    """The verdict of a `report.verdict.json`, computed again from the data in it.

    Raises InputError when it is no such file, InvalidError when its data give another verdict than it says.
    """
    if not path.is_file():
        raise InputError("there is no such file", where=str(path), next="trueup report")
    kept = read(path, VerdictFile)
    again = gate_stage.judge(kept.judgement)
    different = _difference(kept.verdict, replace(again, id=kept.verdict.id, at_ns=kept.verdict.at_ns))
    if _identified(kept.verdict) != kept.verdict:
        different = different or "its id is not that of its content"
    if different:
        raise InvalidError(
            f"the data in it do not give its verdict: {different}",
            where=str(path),
            next="judge with the version of trueup that wrote it, or trust neither",
        )
    return kept.verdict


def origin(path: Path) -> str:
    """What is known of who made a `report.verdict.json`, in a sentence. Raises InvalidError when the key of this environment
    did not sign it, InputError when it is no such file."""
    kept = read(path, VerdictFile)
    fine, words = signature.origin([kept.verdict, kept.judgement], kept.signature)
    if not fine:
        raise InvalidError(words, where=str(path), next="trust no file of unknown origin; trueup report makes it again")
    return words


def _difference(told: Verdict, again: Verdict) -> str:
    """The first thing in which two verdicts differ; empty when only the last digits of numbers do, as they may between
    two machines."""
    if told.outcome != again.outcome:
        return f"it says {told.outcome}, they give {again.outcome}"
    for one, other in zip_longest(told.findings, again.findings):
        if not _alike(to_builtins(one), to_builtins(other)):
            found = one or other
            return f"the finding of the rule {found.rule} on {found.suite or 'the run'} differs"
    bare = [replace(verdict, findings=()) for verdict in (told, again)]
    return "" if bare[0] == bare[1] else "it is of another policy, candidate or comparison"


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_alike(value, other[key]) for key, value in one.items())
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return isclose(one, other, rel_tol=1e-6, abs_tol=1e-9)
    return bool(one == other)


def _identified(verdict: Verdict) -> Verdict:
    """With its content id, which is that of the verdict as it is read back: a count of 3 is then 3.0."""
    bare = replace(verdict, id="", at_ns=0)
    return replace(verdict, id=digest(decode(encode(bare), Verdict)))
