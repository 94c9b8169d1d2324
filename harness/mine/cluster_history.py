"""Follow failure clusters over the nights: beside each the dataset, verdict and promotion that it led to."""

from harness.core.dataset_files import read_split
from harness.evaluate.arms import TUNED
from harness.mine import step as mine_step
from harness.mine.cluster_states import JudgedCluster, Life, lives
from harness.mine.traffic import day_of
from harness.project import JUDGED, LATEST, EvaluationRuns, Project
from harness.types import Call, Cluster, Noun

RIGHT = 0.5
"""Score from which a held-out case counts as passed."""
EXAMPLES = 3


class Followed(Noun, frozen=True):
    """A cluster's life, with what the page shows beside it."""

    life: Life
    examples: tuple[Call, ...] = ()
    reasons: dict[str, str] = {}
    """Call id of each example to what the detector said of it."""


def follow(project: Project, clusters: tuple[Cluster, ...] = ()) -> tuple[Life, ...]:
    """The life of each of `clusters`, or of all that are mined."""
    chosen = clusters or mine_step.mine(project).clusters
    known = project.recalled(LATEST, "dataset", "dataset")
    folder = project.store.artifacts.folder("dataset", known) if known else None
    names = ("train", "held_out")
    splits = {name: read_split(folder, name) for name in names} if folder else {}
    return lives(chosen, splits, _judged(project))


def with_examples(project: Project, clusters: tuple[Cluster, ...] = ()) -> tuple[Followed, ...]:
    """Each of `clusters`, or of all that are mined, with its life and its newest calls."""
    found = follow(project, clusters)
    shown = {life.cluster.id: life.cluster.call_ids[-EXAMPLES:] for life in found}
    calls = project.store.traces.calls_by_id(name for names in shown.values() for name in names)
    reasons: dict[str, dict[str, str]] = {}
    for failure in mine_step.mine(project).failures:
        if failure.call_id in shown.get(failure.cluster, ()):
            reasons.setdefault(failure.cluster, {})[failure.call_id] = failure.reason
    return tuple(
        Followed(
            life=life,
            examples=tuple(calls[name] for name in shown[life.cluster.id] if name in calls),
            reasons=reasons.get(life.cluster.id, {}),
        )
        for life in found
    )


def _judged(project: Project) -> JudgedCluster | None:
    """What the candidate did when what serves now was judged; where nothing does, in the latest evaluation."""
    serving = project.store.promotions.current(project.config.promote.alias)
    promoted = serving if serving and serving.adapter else None
    known = project.recalled(JUDGED, promoted.verdict, "evaluation") if promoted else ""
    known = known or project.recalled(LATEST, "evaluation", "evaluation")
    if not known:
        return None
    runs = project.runs(project.store.artifacts.get("evaluation", known, EvaluationRuns))
    judged = runs.get(project.config.gate.candidate, runs.get(TUNED))
    if judged is None:
        return None
    call_of = {
        (suite, case.id): case.call_id
        for suite, cases in judged.cases.items()
        for case in cases
        if case.call_id and case.split == "held_out"
    }
    metric = {suite.name: suite.metric for suite in judged.suites}
    right: dict[str, bool] = {}
    for result in judged.results:
        call, score = call_of.get((result.suite, result.case_id)), result.score(metric.get(result.suite, ""))
        if call and score is not None:
            right[call] = right.get(call, True) and score >= RIGHT
    return JudgedCluster(right=right, promoted=day_of(promoted.at_ns) if promoted else "")
