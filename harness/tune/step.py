"""Tune as a step: the latest dataset in, an adapter stored."""

from collections.abc import Callable

from msgspec.structs import replace

from harness import forget as privacy
from harness import project as shelf
from harness.errors import UndecidedError
from harness.evaluate.step import _sound, survey
from harness.gate import power as plan_stage
from harness.project import LATEST, Work
from harness.tune import request as lessons
from harness.tune import request as tune_request_of
from harness.tune import stage as tune_stage
from harness.types import Adapter, CurvePoint, Dataset


def tune(work: Work, dataset: Dataset | None = None) -> Adapter:
    """The adapter for a dataset, trained unless the same training was done before."""
    dataset = dataset or shelf.latest_dataset(work)
    privacy.check(work, "dataset", dataset.id)
    request = lessons.complete(work, dataset, tune_request_of.tune_request(work, dataset))
    key = lessons.key(request, dataset, survey(work, dataset=dataset).suites if request.evals else ())
    known = work.store.memo.recall("tune", key)
    if known and work.store.artifacts.has("adapter", known):
        work.store.memo.remember(LATEST, "adapter", known)
        return shelf.adapter_of(work, known)
    check_power(work, dataset)
    with work.watch.step("tune"):
        folder = lessons.folder(work, key)
        folder.parent.mkdir(parents=True, exist_ok=True)
        adapter = tune_stage.tune(replace(request, out=str(folder)), on_point=_training_progress(work))
        work.store.artifacts.add_folder("adapter", adapter.id, folder)
        work.store.memo.remember("tune", key, adapter.id)
        work.store.memo.remember(LATEST, "adapter", adapter.id)
        for knob, reason in adapter.choices.items():
            work.watch.note(f"{knob}: {reason}")
    return adapter


def check_power(work: Work, dataset: Dataset) -> None:
    """Before training: can these suites show a gain, and that nothing broke? Raises UndecidedError when they cannot.

    `train_anyway = true` under [gate.options] only says so and goes on.
    """
    found = plan_stage.plan(_sound(survey(work, dataset=dataset)).suites, work.config.gate)
    weak = [finding for finding in found if finding.outcome == "unresolved"]
    if weak and not work.config.gate.options.get("train_anyway"):
        raise UndecidedError(
            f"nothing was trained, since the verdict would stay open: {weak[0].sentence}",
            where=weak[0].suite,
            next=f"{weak[0].next}, or set train_anyway = true under [gate.options]",
        )
    for finding in weak:
        work.watch.note(finding.sentence)


def _training_progress(work: Work) -> Callable[[CurvePoint, int], None]:
    return lambda point, total: work.watch.progress(point.step, total, f"loss {point.loss:.3f}")
