"""Test whether added rows help: an arm with them against one of equal size without, on rows that neither saw.

Both arms see as many rows as the other: the one without goes over its own rows more often. They are judged on training
rows that were set aside, whole groups at a time, never on what is held out for the verdict. New rows that help no more
than going over the old ones again are not worth their noise, so a tie leaves them out.
"""

from collections.abc import Sequence
from statistics import fmean

from msgspec.structs import replace

from harness.core.codec import digest, write_lines
from harness.core.dataset_files import EVALUATED, write_train
from harness.core.near_duplicates import normalise
from harness.core.set_aside import by_hash, set_aside
from harness.curate import benchmark_files, datasets, slot_swaps
from harness.curate import step as curate_step
from harness.curate.rows import spoken
from harness.curate.teacher import paraphrase_step
from harness.errors import UndecidedError
from harness.evaluate import step as evaluate_step
from harness.project import Project
from harness.tune import request as tune_request
from harness.tune import stage as tune_stage
from harness.tune import sweep
from harness.types import Case, Noun, TuneRequest

SWAPS = "swaps"
ASIDE = 0.2
"""Share of the training rows that is set aside to judge by, at most `MOST` rows."""
MOST = 100


class AugmentationTrial(Noun, frozen=True):
    """Task scores on the rows set aside, 0 to 1, of both arms under one seed."""

    seed: int
    without: float
    with_them: float


class Augmentation(Noun, frozen=True):
    train: int
    """Rows that both arms train on."""
    added: int
    """Rows that only one arm trains on."""
    aside: int
    """Rows that judge."""
    trials: tuple[AugmentationTrial, ...]
    keep: bool
    """Is the arm without them worse, on average over the seeds?"""


def augment(project: Project, share: float, seeds: Sequence[int], how: str = SWAPS) -> Augmentation:
    """Train both arms under each seed. `share`: added rows, as a share (above 0) of the training rows. `how`: `swaps`
    of values between rows, or a teacher's `paraphrases`.

    Raises UndecidedError when no row could be added to the latest dataset, or too few are there to set some aside,
    UsageError when training would ask an endpoint, or without a teacher where one has to word rows otherwise.
    """
    dataset = project.latest_dataset()
    request, splits = tune_request.unpaid(project, "both arms"), datasets.splits(project, dataset)
    train, aside = _parted([case for case in splits["train"] if slot_swaps.MARK not in case.tags], request.recipe.seed)
    added = _added(project, how, share, train, [*(case for name in EVALUATED for case in splits[name]), *aside])
    if not added or not aside:
        raise UndecidedError(
            f"no row could be made by {how}" if aside else "too few training rows to judge by",
            where=f"dataset {dataset.id[:12]}",
            next="curate more corrections first",
        )
    replay, trials = splits["replay"], []
    for seed in seeds:
        seeded = replace(request, recipe=replace(request.recipe, seed=seed))
        with project.progress.step(f"seed {seed}"):
            plain = _score(project, seeded, [*train, *aside], replay, aside, 1 + len(added) / len(train))
            more = _score(project, seeded, [*train, *added, *aside], replay, aside, 1.0)
        trials.append(AugmentationTrial(seed=seed, without=plain, with_them=more))
    keep = fmean(trial.with_them for trial in trials) > fmean(trial.without for trial in trials)
    return Augmentation(train=len(train), added=len(added), aside=len(aside), trials=tuple(trials), keep=keep)


def _added(project: Project, how: str, share: float, train: Sequence[Case], judging: Sequence[Case]) -> list[Case]:
    """New rows that come near nothing that is judged with, by an eval file or by `judging`."""
    options = curate_step.curate_options(project)
    texts = (
        *evaluate_step.survey(project).texts,
        *benchmark_files.texts(options.contamination_files),
        *options.contamination,
    )
    judged = [normalise(text) for text in (*texts, *(spoken(case.messages) for case in judging))]
    if how == SWAPS:
        return slot_swaps.swaps(train, judged, share=share, threshold=options.near_duplicate, seed=options.seed)
    return slot_swaps.apart(paraphrase_step.reword(project, train, options, share), judged, options.near_duplicate)


def _parted(cases: Sequence[Case], seed: int) -> tuple[list[Case], list[Case]]:
    """What trains and what judges: whole groups of near-duplicates, by a stable hash of their names."""
    wanted = min(MOST, round(ASIDE * len(cases)))
    return set_aside(cases, wanted, by_hash(seed, "augment"))


def _score(
    project: Project,
    request: TuneRequest,
    cases: Sequence[Case],
    replay: Sequence[Case],
    aside: Sequence[Case],
    times: float,
) -> float:
    """Task score of a training on `cases`, which goes over them `times` as often as the recipe says."""
    recipe = replace(
        request.recipe, epochs=(request.recipe.epochs or sweep.EPOCHS) * times, max_steps=None, form="adapter"
    )
    key = digest(["augment", [case.id for case in cases], recipe, request.base, request.prompt])[:16]
    folder = project.store.root / "work" / f"augment-{key}"
    write_train(folder / "data", cases)
    write_lines(folder / "data" / "replay.jsonl", replay)
    wanted = replace(
        request, dataset=str(folder / "data"), recipe=recipe, validation_ids=tuple(case.id for case in aside)
    )
    adapter = tune_stage.tune(replace(wanted, out=str(folder / "adapter")), engine=project.config.engine)
    return sweep.measured(adapter, folder)[0]
