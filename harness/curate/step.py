"""Curate as a step: what was mined in, a dataset stored; and what would help instead."""

from collections.abc import Mapping
from pathlib import Path

from msgspec.structs import replace

from harness import config
from harness.core.codec import digest, file_digest
from harness.core.plugins import names
from harness.curate import benchmark_files, levers
from harness.curate import stage as curate_stage
from harness.curate.stage import CurateOptions
from harness.curate.teacher import paraphrase_step
from harness.curate.teacher import step as teacher_step
from harness.evaluate.step import sound, survey
from harness.mine import stage as mine_stage
from harness.mine.step import mine
from harness.project import LATEST, Project
from harness.types import Dataset, Message


def curate_options(project: Project) -> CurateOptions:
    """Those of [curate]. Raises UsageError on an unknown key."""
    settings = {"name": project.config.project.name, **project.config.curate}
    return config.section(settings, CurateOptions, where="[curate]")


def inspect(project: Project) -> levers.Inspection:
    """What is in the traces, and which lever fits each cluster of failures."""
    return levers.inspect(mine(project), project.calls(), project.feedback())


def curate(project: Project) -> Dataset:
    """Training, held-out and regression sets from what was mined. Raises UndecidedError on too few failures."""
    options = curate_options(project)
    # No training row may be near a case of any eval file, so these are read before anything is trained.
    evals = (*sound(survey(project)).texts, *benchmark_files.texts(options.contamination_files))
    options = replace(options, contamination=(*options.contamination, *evals))
    mined = mine(project)
    taught = teacher_step.teach(project, mined, options)
    known = project.store.memo.recall("curate", _curate_key(project, options, taught))
    if known:
        project.store.memo.remember(LATEST, "dataset", known)
        return project.dataset(known)
    with project.progress.step("curate"):
        last = project.store.memo.recall(LATEST, "dataset")
        told = replace(options, traces_version=project.store.traces.version(), parents=(last,) if last else ())
        curated = curate_stage.curate(
            project.calls(),
            project.feedback(),
            mined,
            sticky=project.store.ledger.splits(),
            options=told,
            taught=taught,
            reword=lambda train: paraphrase_step.reword(project, train, options, options.paraphrase_share),
        )
        folder = project.store.artifacts.scratch("dataset")
        curate_stage.write(curated, folder)
        project.store.artifacts.add_folder("dataset", curated.dataset.id, folder)
        project.store.ledger.add(curated.sticky)
        project.store.memo.remember("curate", _curate_key(project, options, taught), curated.dataset.id)
        project.store.memo.remember(LATEST, "dataset", curated.dataset.id)
        project.progress.note(", ".join(f"{count:,} {split}" for split, count in curated.dataset.counts.items()))
    return curated.dataset


def _curate_key(project: Project, options: curate_stage.CurateOptions, taught: Mapping[str, Message]) -> str:
    # The ledger is part of the key: a dataset made before something was held out must not be used after it.
    ledger = digest(project.store.ledger.splits())
    detectors = project.config.mine.detectors or names("detectors")
    # What the teacher said otherwise is accepted by these files, so another text of theirs may accept other rows.
    teacher = options.teacher
    accepting = [file_digest(Path(path)) for path in teacher_step.suites(project, teacher)] if teacher.backend else []
    parts = [project.store.traces.version(), detectors, project.config.mine.options, options, ledger, taught, accepting]
    return digest(["curate", *parts, mine_stage.VERSION, curate_stage.VERSION])
