"""Free the space of what nothing needs any more: old adapters, datasets and runs, finished work, answers of models that are gone.

Records are never removed: verdicts, what they were computed from, promotions, the ledger, evaluations. Kept whole is what these
need: the latest dataset, adapter and evaluation; the last verdicts, and those of promotions and of branches, with their runs,
adapters and datasets; every promoted adapter, so that each promotion can be undone; evaluations whose look is not counted.
The traces stay, whatever is pruned. In a bucket the objects of killed uploads go too.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from harness.gate.branches import BRANCH
from harness.gate.sights import COUNTED
from harness.project import FEEDBACK, JUDGED, LATEST, EvaluationRuns, Project
from harness.types import Noun, Run, Verdict

LAST = 10
"""Verdicts, and stored runs, that are kept for being the newest."""
KINDS = ("adapter", "dataset", "run", "mined", FEEDBACK)
"""Kinds of artifact that are pruned; of any other kind everything is kept."""


class Unneeded(Noun, frozen=True):
    """One thing that nothing needs."""

    what: str
    """Kind of artifact, `work`, `replies` or `object`."""
    name: str
    """Content id, name of the folder or file, or key in the bucket."""
    size: int
    """Bytes on the disk."""


def prune(project: Project, last: int = LAST, dry_run: bool = False) -> tuple[Unneeded, ...]:
    """Remove what nothing needs, and say what that was; `dry_run` removes nothing. Hold the store's lock.

    A kill in between is safe: what remembers a result goes before the result, so nothing ever refers to what is gone, and the
    next prune removes the rest.
    """
    needed, store = _needed(project, last), project.store
    gone = {kind: [id for id in store.artifacts.ids(kind) if id not in needed[kind]] for kind in KINDS}
    items = [
        Unneeded(what=kind, name=id, size=store.artifacts.size(kind, id)) for kind, ids in gone.items() for id in ids
    ]
    replies, work = list(_replies(project, gone["run"])), list(_work(project))
    items += [Unneeded(what="replies", name=path.name, size=path.stat().st_size) for path in replies]
    items += [Unneeded(what="work", name=path.name, size=_size(path)) for path in work]
    items += [Unneeded(what="object", name=key, size=size) for key, size in store.origin.orphans()]
    if not dry_run:
        store.memo.forget({id for ids in gone.values() for id in ids} - {id for ids in needed.values() for id in ids})
        for kind, ids in gone.items():
            for id in ids:
                store.artifacts.remove(kind, id)
        store.remove([*replies, *work])
        store.origin.remove_orphans()
    return tuple(items)


def _needed(project: Project, last: int) -> dict[str, set[str]]:
    """Kind of artifact to the ids that have to stay."""
    artifacts = project.store.artifacts
    verdicts = [artifacts.get("verdict", id, Verdict) for id in _verdicts(project, last)]
    evaluations = list(_evaluations(project, verdicts))
    moves = [move for alias in project.store.promotions.aliases() for move in project.store.promotions.history(alias)]
    adapters = {
        *_latest(project, "adapter"),
        *(evaluation.adapter for evaluation in evaluations),
        *(id for verdict in verdicts for id in (verdict.candidate, project.served_adapter(verdict.champion))),
        *(project.served_adapter(id) for move in moves for id in (move.adapter, move.previous)),
    }
    made = [project.adapter(id) for id in adapters if id and artifacts.has("adapter", id)]
    runs = {id for each in evaluations for id in (*dict(each.runs).values(), *each.controls)}
    return {
        "adapter": adapters,
        "dataset": {
            *_latest(project, "dataset"),
            *(each.dataset for each in evaluations),
            *(each.dataset for each in verdicts),
            *(each.dataset for each in made),
        },
        "run": {*runs, *artifacts.ids("run")[-last:]},
        "mined": {*_latest(project, "mined"), *artifacts.ids("mined")[-last:]},
        FEEDBACK: set(artifacts.ids(FEEDBACK)[-last:]),
    }


def _verdicts(project: Project, last: int) -> set[str]:
    """The newest verdicts, and those of promotions and of branches."""
    promotions, memo = project.store.promotions, project.store.memo
    named = {move.verdict for alias in promotions.aliases() for move in promotions.history(alias)}
    named |= {*project.store.artifacts.ids("verdict")[-last:], *_latest(project, "verdict"), *memo.ids(BRANCH)}
    return {id for id in named if id and project.store.artifacts.has("verdict", id)}


def _evaluations(project: Project, verdicts: Iterable[Verdict]) -> Iterator[EvaluationRuns]:
    """Those that the verdicts judged, the latest, and those whose look is not counted yet."""
    artifacts, memo = project.store.artifacts, project.store.memo
    named = {project.recalled(JUDGED, verdict.id, "evaluation") for verdict in verdicts} | _latest(
        project, "evaluation"
    )
    for id in artifacts.ids("evaluation"):
        if id in named or not memo.recall(COUNTED, id):
            yield artifacts.get("evaluation", id, EvaluationRuns)


def _latest(project: Project, what: str) -> set[str]:
    return {project.recalled(LATEST, what, what)} - {""}


def _replies(project: Project, gone: Iterable[str]) -> Iterator[Path]:
    """Cache files that hold answers of removed runs only: neither a kept run nor a judge or a teacher asked for one."""
    removed: set[str] = set()
    for id in gone:
        removed |= _keys(project.store.artifacts.get("run", id, Run))
    if removed:
        kept = set(project.store.artifacts.ids("run")) - set(gone)
        for id in kept:
            removed -= _keys(project.store.artifacts.get("run", id, Run))
        for cache in project.store.reply_caches():
            if (keys := cache.keys()) and keys <= removed:
                yield cache.path


def _keys(run: Run) -> set[str]:
    return {reply.key for result in run.results for reply in result.replies}


def _work(project: Project) -> Iterator[Path]:
    """Work folders of trainings that are done: nothing in them is newer than the newest adapter."""
    done_ns = project.store.artifacts.newest("adapter")
    for folder in project.store.work_folders():
        if max((path.lstat().st_mtime_ns for path in (folder, *folder.rglob("*"))), default=0) < done_ns:
            yield folder


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())
