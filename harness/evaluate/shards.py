"""Split an evaluation over several machines, and merge the parts into one that the gate can judge.

Stands beside the loop. A shard's folder holds one run an arm and `shard.json`; nothing else has to travel.
"""

from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from harness.core.codec import encode, read, write_atomic
from harness.errors import InputError, InvalidError
from harness.evaluate import stage as evaluate_stage
from harness.evaluate import step as evaluate_step
from harness.evaluate.runner import sharding
from harness.evaluate.runner.survey import run_file
from harness.project import EvaluationRuns, Project
from harness.types import Adapter, Application, Dataset, Noun, Run

FILE = "shard.json"


class Shard(Noun, frozen=True):
    """What a folder of runs is a part of."""

    number: int
    count: int
    arms: tuple[str, ...]
    dataset: str = ""
    adapter: str = ""
    """Content ids, as in `EvaluationRuns`."""


def evaluate(
    project: Project,
    dataset: Dataset | None,
    adapter: Adapter | None,
    shard: str,
    out: Path,
    only: Sequence[str] = (),
    select: str = "",
    otel: str = "",
    judged: Application | None = None,
) -> dict[str, Run]:
    """The runs of shard `2/4`, written to `out`. Raises UsageError when `shard` does not read like that."""
    number, count = sharding.parse(shard)
    request = replace(evaluate_step.eval_request(project, dataset, adapter, only, select), shard=shard, otel=otel)
    request = replace(request, application=judged or request.application)
    with project.progress.step("evaluate"):
        runs = {
            run.arm.name: run
            for run in evaluate_stage.evaluate(
                request, on_event=evaluate_step.evaluation_progress(project), purse=project.purse
            )
        }
    for name, run in runs.items():
        write_atomic(out / run_file(name), encode(run))
    ids = {"dataset": dataset.id if dataset else "", "adapter": adapter.id if adapter else ""}
    write_atomic(out / FILE, encode(Shard(number=number, count=count, arms=tuple(runs), **ids)))
    return runs


def merge(project: Project, folders: Sequence[Path]) -> dict[str, Run]:
    """The runs of all shards as one evaluation, which becomes the latest: what `trueup gate` judges.

    Raises InputError for a folder that holds no shard, InvalidError when one is missing, comes twice or belongs to
    another evaluation.
    """
    shards = {folder: _read(folder) for folder in folders}
    order = sorted(folders, key=lambda folder: shards[folder].number)
    first = _complete([shards[folder] for folder in order])
    runs = {name: sharding.merge([read(folder / run_file(name), Run) for folder in order]) for name in first.arms}
    idents = tuple((name, project.store.artifacts.put("run", run)) for name, run in runs.items())
    project.keep_evaluation(EvaluationRuns(dataset=first.dataset, adapter=first.adapter, runs=idents), whole=True)
    return runs


def _read(folder: Path) -> Shard:
    if not (folder / FILE).is_file():
        raise InputError("the folder contains no shard", where=str(folder), next="trueup eval --shard 1/4 --out FOLDER")
    return read(folder / FILE, Shard)


def _complete(shards: Sequence[Shard]) -> Shard:
    """The first of the shards, once they are all there is of one evaluation."""
    first = shards[0]
    for other in shards:
        if replace(other, number=first.number) != first:
            raise InvalidError(
                "the shards are parts of different evaluations",
                where=f"shard {other.number}/{other.count}",
                next="run all of them with the same arms, dataset and adapter",
            )
    numbers = [shard.number for shard in shards]
    missing = [number for number in range(1, first.count + 1) if numbers.count(number) != 1]
    if missing:
        what = "comes twice" if missing[0] in numbers else "is missing"
        raise InvalidError(f"shard {missing[0]}/{first.count} {what}", next="give each shard's folder once")
    return first
