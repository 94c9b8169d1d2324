"""Curate as a step: what was mined in, a dataset stored; and what would help instead."""

from collections.abc import Mapping
from pathlib import Path

from msgspec.structs import replace

from harness import config as configuration
from harness import project as shelf
from harness.core.codec import digest, file_digest
from harness.core.plugins import names
from harness.curate import benchmark_files
from harness.curate import levers as inspect_stage
from harness.curate import stage as curate_stage
from harness.curate import step as curate_step
from harness.curate.stage import CurateOptions
from harness.curate.teacher import paraphrase_step as rewording
from harness.curate.teacher import step as teaching
from harness.evaluate.step import _sound, survey
from harness.mine import stage as mine_stage
from harness.mine.step import mine
from harness.project import LATEST, Work
from harness.types import Dataset, Message


def curate_options(work: Work) -> CurateOptions:
    """Those of [curate]. Raises UsageError on an unknown key."""
    settings = {"name": work.config.project.name, **work.config.curate}
    return configuration.section(settings, CurateOptions, where="[curate]")


def inspect(work: Work) -> inspect_stage.Inspection:
    """What is in the traces, and which lever fits each cluster of failures."""
    return inspect_stage.inspect(mine(work), shelf.calls(work), shelf.feedback(work))


def curate(work: Work) -> Dataset:
    """Training, held-out and regression sets from what was mined. Raises UndecidedError on too few failures."""
    options = curate_step.curate_options(work)
    # No training row may be near a case of any eval file, so these are read before anything is trained.
    evals = (*_sound(survey(work)).texts, *benchmark_files.texts(options.contamination_files))
    options = replace(options, contamination=(*options.contamination, *evals))
    mined = mine(work)
    taught = teaching.teach(work, mined, options)
    known = work.store.memo.recall("curate", _curate_key(work, options, taught))
    if known:
        work.store.memo.remember(LATEST, "dataset", known)
        return shelf.dataset_of(work, known)
    with work.watch.step("curate"):
        last = work.store.memo.recall(LATEST, "dataset")
        told = replace(options, traces_version=work.store.traces.version(), parents=(last,) if last else ())
        curated = curate_stage.curate(
            shelf.calls(work),
            shelf.feedback(work),
            mined,
            sticky=work.store.ledger.splits(),
            options=told,
            taught=taught,
            reword=lambda train: rewording.reword(work, train, options, options.paraphrase_share),
        )
        folder = work.store.artifacts.scratch("dataset")
        curate_stage.write(curated, folder)
        work.store.artifacts.add_folder("dataset", curated.dataset.id, folder)
        work.store.ledger.add(curated.sticky)
        work.store.memo.remember("curate", _curate_key(work, options, taught), curated.dataset.id)
        work.store.memo.remember(LATEST, "dataset", curated.dataset.id)
        work.watch.note(", ".join(f"{count:,} {split}" for split, count in curated.dataset.counts.items()))
    return curated.dataset


def _curate_key(work: Work, options: curate_stage.CurateOptions, taught: Mapping[str, Message]) -> str:
    # The ledger is part of the key: a dataset made before something was held out must not be used after it.
    ledger = digest(work.store.ledger.splits())
    detectors = work.config.mine.detectors or names("detectors")
    # What the teacher said otherwise is accepted by these files, so another text of theirs may accept other rows.
    teacher = options.teacher
    accepting = [file_digest(Path(path)) for path in teaching.suites(work, teacher)] if teacher.backend else []
    parts = [work.store.traces.version(), detectors, work.config.mine.options, options, ledger, taught, accepting]
    return digest(["curate", *parts, mine_stage.VERSION, curate_stage.VERSION])
