"""Tune in rounds: tune, ask the training cases, add what still fails again, and tune anew.

Whether another round helps is read off a part of the training cases that no round trains on, so what was held out is
looked at once, at the end, by the gate. The rounds stop when that part shows no gain over the round before, or nothing
fails any more, or they are used up. Each round starts from the base, not from the adapter before: small losses of
general ability cannot add up.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from harness.core import dataset_files
from harness.core.codec import write_lines
from harness.core.replies import written
from harness.core.set_aside import group_of, set_aside, shuffled
from harness.errors import InvalidError, UndecidedError, UsageError
from harness.evaluate import arms as evaluate_arms
from harness.evaluate import stage as evaluate_stage
from harness.evaluate import step as evaluate_step
from harness.gate.statistics.paired import paired
from harness.project import LATEST, Project
from harness.tune import candidates
from harness.tune import step as tune_step
from harness.types import Adapter, Case, Dataset, EvalRequest, Message, Result, Run, Suite, Target, TextPart

CHECK_SHARE, CHECK_CASES, CHECK_LEAST = 0.2, 200, 20
"""Share of the training cases that is kept to check rounds on, most of them, and the fewest that can show anything."""


class Round(NamedTuple):
    dataset: Dataset
    adapter: Adapter
    scores: dict[str, float]
    """Case id to the suite's deciding score, of training and checking cases."""
    replies: dict[str, str]


def tune(project: Project, dataset: Dataset, rounds: int, by: str = "") -> tuple[Dataset, Adapter]:
    """Tune up to `rounds` times; returns the dataset and adapter of the last round that showed a gain.

    `by` names the suite whose score says what still fails; empty: the only target suite. Raises UsageError when that is
    not one, UndecidedError when there are too few training cases to check rounds on.
    """
    if rounds < 1:
        raise UsageError(f"iterations must be at least 1, not {rounds}")
    suite = deciding(evaluate_step.survey(project, dataset=dataset).suites, by)
    train, check = split(_train(project, dataset), project.config.tune.seed)
    best: Round | None = None
    weights: Counter[str] = Counter()
    for number in range(1, rounds + 1):
        tried = _round(project, dataset, suite, train, check, weights, best, number)
        if best is not None and not gains(best, tried, check, project.config.gate.alpha):
            project.progress.note(
                f"round {number} shows no gain over round {number - 1}: within the noise, so that one is kept"
            )
            break
        best = tried
        failing = [case.id for case in train if tried.scores.get(case.id, 0.0) < 1.0]
        project.progress.note(
            f"round {number}: {len(failing)} of {len(train)} training cases still fail{_where(failing, train)}"
        )
        if not failing:
            break
        weights.update(failing)
    assert best is not None
    for what, ident in (("dataset", best.dataset.id), ("adapter", best.adapter.id)):
        project.store.memo.remember(LATEST, what, ident)
    return best.dataset, best.adapter


def deciding(suites: Sequence[Suite], by: str) -> Suite:
    """The suite named `by`, or the only target suite. Raises UsageError naming those that there are."""
    targets = [suite for suite in suites if isinstance(suite.role, Target)]
    named = [suite for suite in suites if suite.name.endswith(by)] if by else targets
    if len(named) != 1:
        names = ", ".join(suite.name for suite in targets)
        why = f"{len(named)} suites are named {by!r}" if by else f"there are {len(targets)} target suites"
        raise UsageError(f"{why}: which one says what still fails?", next=f"--suite NAME; targets: {names or 'none'}")
    return named[0]


def split(cases: Sequence[Case], seed: int) -> tuple[list[Case], list[Case]]:
    """Cases to train on, and cases to check rounds on. No group stands on both sides. Raises UndecidedError."""
    most = min(CHECK_CASES, max(CHECK_LEAST, round(len(cases) * CHECK_SHARE)))
    train, check = set_aside(cases, most, shuffled(seed))
    if len(check) < CHECK_LEAST or len(train) < len(check):
        raise UndecidedError(
            f"{len(cases)} training cases are too few to train on and to check rounds on",
            next="trueup run, without --iterations",
        )
    return train, check


def gains(before: Round, after: Round, check: Sequence[Case], alpha: float) -> bool:
    """Whether the later round is shown to score higher on the cases that neither trained on."""
    both = [case for case in check if case.id in before.scores and case.id in after.scores]
    if len(both) < 2:
        return False
    evidence = paired(
        [before.scores[case.id] for case in both],
        [after.scores[case.id] for case in both],
        [group_of(case) for case in both],
        alpha,
    )
    return evidence.shows_above(0.0, alpha)


def with_failures(train: Sequence[Case], weights: Counter[str], replies: dict[str, str]) -> list[Case]:
    """The training cases, and once more for each round that they failed in, with the answer they were failed with."""
    again = [
        replace(case, id=f"{case.id}+{number}", rejected=replies.get(case.id) or case.rejected)
        for case in train
        for number in range(1, weights[case.id] + 1)
    ]
    return [*train, *again]


def _round(
    project: Project,
    dataset: Dataset,
    suite: Suite,
    train: Sequence[Case],
    check: Sequence[Case],
    weights: Counter[str],
    before: Round | None,
    number: int,
) -> Round:
    rows = with_failures(train, weights, before.replies if before else {})
    derived = candidates.derived(project, dataset, rows, {"round": number, "kept_to_check_rounds": len(check)})
    adapter = tune_step.tune(project, derived)
    results = _ask(project, derived, adapter, suite, [*train, *check]).results
    scores = {result.case_id: value for result in results if (value := result.score(suite.metric)) is not None}
    return Round(derived, adapter, scores, {result.case_id: _said(result) for result in results})


def _ask(project: Project, dataset: Dataset, adapter: Adapter, suite: Suite, cases: Sequence[Case]) -> Run:
    """The suite on training cases under the adapter. Raises InvalidError when it cannot be run on them."""
    folder = project.store.artifacts.scratch("round")
    write_lines(folder / "cases.jsonl", cases)
    settings = project.config.eval
    request = EvalRequest(
        arms=(evaluate_step.arms(project, dataset, adapter)[evaluate_arms.TUNED],),
        paths=settings.paths,
        out=str(folder),
        datasets={project.config.project.name: str(project.store.artifacts.folder("dataset", dataset.id))},
        replies=str(project.store.root / "replies"),
        select=suite.name.split("::")[-1],
        batch_size=settings.batch_size,
        repeats=1,
        pytest_args=settings.pytest_args,
        cases=str(folder / "cases.jsonl"),
    )
    with project.progress.step("rounds"):
        (run,) = evaluate_stage.evaluate(request, purse=project.purse, engine=project.config.engine)
    mine = tuple(result for result in run.results if result.suite == suite.name)
    errors = [result.error for result in mine if result.error]
    if run.problems or not mine or len(errors) > len(mine) * project.config.gate.max_error_share:
        why = (*run.problems, *errors, "it asked nothing")[0]
        raise InvalidError(
            f"{suite.name} cannot be asked about training cases: {why}", next="name another with --suite"
        )
    return replace(run, results=mine)


def _train(project: Project, dataset: Dataset) -> tuple[Case, ...]:
    return dataset_files.read_split(Path(project.store.artifacts.folder("dataset", dataset.id)), "train")


def _said(result: Result) -> str:
    """The last reply as `Case.rejected` holds it."""
    if not result.replies:
        return ""
    reply = result.replies[-1]
    return written(Message(role="assistant", parts=(TextPart(text=reply.text), *reply.tool_calls)))


def _where(failing: Sequence[str], train: Sequence[Case]) -> str:
    """The failure cluster that most of them are of."""
    cluster_of = {case.id: case.cluster for case in train}
    common = Counter(cluster_of[ident] for ident in failing if cluster_of.get(ident)).most_common(1)
    return f", most of them ({common[0][1]}) of cluster {common[0][0]}" if common else ""
