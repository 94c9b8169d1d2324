"""Choose among [candidates.*]: short trainings, full ones, one evaluation each, and the best one to be judged.

Weak candidates end early: as in a sweep (`harness.tune.sweep`), each gets a third of its epochs, and the better third, at least
two, goes on to three times as long, until at most three are left. They are compared by the task score on training rows
that all of them set aside. The rest are trained whole and asked the suites once. The best is judged, and the gate asks for more
evidence, as it was chosen: see `harness.gate.chosen`.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from msgspec.structs import replace

from harness.errors import InvalidError, UsageError
from harness.evaluate import stage as evaluate_stage
from harness.evaluate import step as evaluate_step
from harness.evaluate.arms import TUNED
from harness.gate import chosen
from harness.project import LATEST, EvaluationRuns, Project
from harness.tune import candidates, sweep
from harness.tune import request as tune_request
from harness.tune import step as tune_step
from harness.tune.candidates import Entrant
from harness.types import Adapter, CandidateResult, Dataset, Guard, Run, Target, Tournament, TuneRequest

FINALISTS, FEWEST = 3, 2
"""The most that are asked the suites, and the fewest that go on to a longer round."""
STEP = "tournament"
"""Memo step and kind of artifact: adapter id of the winner to its tournament."""


class Winner(NamedTuple):
    project: Project
    """With the winner's settings in place."""
    dataset: Dataset
    adapter: Adapter


class _Finalist(NamedTuple):
    candidate: Entrant
    adapter: Adapter
    result: CandidateResult


def tune(project: Project, dataset: Dataset, anyway: bool = False) -> Winner:
    """The best candidate of trueup.toml; what was trained and answered before is recalled.

    Raises UsageError on one candidate only, UndecidedError where no row is set aside to compare by, InvalidError when a
    suite cannot be asked.
    """
    if len(project.config.candidates) < 2:
        raise UsageError(
            "one candidate is no choice", where="[candidates]", next="add a second one, or write it as [tune]"
        )
    entered, aside = candidates.entries(project, dataset)
    left, ended = _halved(entered, aside)
    adapters = [tune_step.tune(each.project, each.dataset, anyway, among=len(left)) for each in left]
    chosen.announce(project, [adapter.id for adapter in adapters])
    finalists = [
        _Finalist(each, adapter, _measured(each, adapter)) for each, adapter in zip(left, adapters, strict=True)
    ]
    best = min(finalists, key=lambda each: rank(each.result))
    ranked = sorted((each.result for each in finalists), key=rank)
    told = Tournament(winner=best.candidate.name, results=(*ranked, *ended))
    project.store.memo.remember(STEP, best.adapter.id, project.store.artifacts.put(STEP, told))
    for what, ident in (("dataset", best.candidate.dataset.id), ("adapter", best.adapter.id)):
        project.store.memo.remember(LATEST, what, ident)
    project.progress.note(f"{best.candidate.name} is judged, the best of {len(finalists)} on the suites")
    return Winner(best.candidate.project, best.candidate.dataset, best.adapter)


def told(project: Project, adapter: str) -> Tournament | None:
    """The tournament that an adapter won; None where there was none."""
    known = project.recalled(STEP, adapter, STEP)
    return project.store.artifacts.get(STEP, known, Tournament) if known else None


def rank(result: CandidateResult) -> tuple[int, float, float, str]:
    """Fewest guards that dropped by more than their margin, then the best score on the targets, then the smallest."""
    return result.broken_guards, -result.quality, result.bytes, result.name


def rounds(count: int) -> int:
    """Short rounds until at most `FINALISTS` of so many are left."""
    return max(0, math.ceil(math.log(count / FINALISTS, sweep.KEEP) - 1e-9))


def _halved(entered: Sequence[Entrant], aside: tuple[str, ...]) -> tuple[list[Entrant], list[CandidateResult]]:
    """Those that are left, and what is known of those that ended early, the last to end first."""
    left = list(entered)
    ended: list[CandidateResult] = []
    total = rounds(len(left))
    for number in range(total):
        progress = left[0].project.progress
        with progress.step(f"round {number + 1}"):
            tried = []
            for place, each in enumerate(left):
                progress.update(place, len(left), each.name)
                tried.append((sweep.trained(each.project, _request(each, aside), sweep.KEEP ** (number - total)), each))
        tried.sort(key=lambda item: (item[0].rank, item[1].name))
        keep = max(FEWEST, len(tried) // sweep.KEEP)
        out = [
            CandidateResult(name=each.name, validation=part.score, ended=number + 1, epochs=part.epochs)
            for part, each in tried[keep:]
        ]
        left, ended = [each for _, each in tried[:keep]], [*out, *ended]
        progress.note(
            f"{', '.join(each.name for each in left)} go on; {', '.join(one.name for one in out)} ended early"
        )
    return left, ended


def _request(candidate: Entrant, aside: tuple[str, ...]) -> TuneRequest:
    work, dataset = candidate.project, candidate.dataset
    request = tune_request.complete(work, dataset, tune_request.tune_request(work, dataset))
    if request.secrets:
        raise UsageError(
            f"method {request.recipe.method!r} asks an endpoint, which would be paid for every round",
            where=f"[candidates.{candidate.name}]",
            next=f"name at most {FINALISTS} candidates, which are trained once",
        )
    return replace(request, validation_ids=aside)


def _measured(candidate: Entrant, adapter: Adapter) -> CandidateResult:
    """The suites once, under the candidate and the baselines that its guards are held against."""
    work = candidate.project
    known = evaluate_step.arms(work, candidate.dataset, adapter)
    only = [TUNED, *(name for name in work.config.gate.baselines if name in known and name != TUNED)]
    request = evaluate_step.eval_request(work, candidate.dataset, adapter, only)
    with work.progress.step(f"evaluate {candidate.name}"):
        asked = evaluate_stage.evaluate(
            request,
            on_event=evaluate_step.evaluation_progress(work),
            purse=work.purse,
            engine=work.config.engine,
        )
    problems = [problem for run in asked for problem in run.problems]
    if problems:
        raise InvalidError(f"the candidate {candidate.name} cannot be evaluated: {problems[0]}", next="trueup eval")
    kept = EvaluationRuns(runs=tuple((run.arm.name, evaluate_step.keep(work, run)) for run in asked))
    runs = work.runs(kept)  # as they were first answered: what is recalled takes no time
    replies = [reply for result in runs[TUNED].results for reply in result.replies]
    seconds = fmean(reply.seconds for reply in replies) if replies else 0.0
    costs = [reply.cost for reply in replies if reply.cost is not None]
    machine = work.config.cost.of_machine(seconds) if work.config.cost.machine_hour else None
    return CandidateResult(
        name=candidate.name,
        adapter=adapter.id,
        epochs=adapter.curve[-1].epoch if adapter.curve else 0.0,
        quality=quality(runs[TUNED]),
        broken_guards=sum(broken(runs[TUNED], run) for name, run in runs.items() if name != TUNED),
        seconds=seconds,
        cost=fmean(costs) if costs and len(costs) == len(replies) else machine,
        bytes=_bytes(Path(runs[TUNED].arm.model), Path(runs[TUNED].arm.adapter)),
    )


def quality(run: Run) -> float:
    """Mean of the target suites' mean scores; without a target, of all suites'."""
    targets = [suite for suite in run.suites if isinstance(suite.role, Target)] or list(run.suites)
    return fmean([_mean(run, suite.name, suite.metric) for suite in targets] or [0.0])


def broken(run: Run, baseline: Run) -> int:
    """Guards whose mean dropped by more than their margin."""
    return sum(
        _mean(baseline, suite.name, suite.metric) - _mean(run, suite.name, suite.metric) > suite.role.margin
        for suite in run.suites
        if isinstance(suite.role, Guard)
    )


def _mean(run: Run, suite: str, metric: str) -> float:
    """A missing score counts as 0, as a wrong answer."""
    scores = [result.score(metric) or 0.0 for result in run.results if result.suite == suite]
    return fmean(scores) if scores else 0.0


def _bytes(*folders: Path) -> int:
    """Of all weights that have to be loaded; 0 for a model that is no folder here."""
    files = (file for folder in folders if folder.is_dir() for file in folder.glob("*.safetensors"))
    return sum(file.stat().st_size for file in files)
