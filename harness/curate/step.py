"""Curate as a step: recall or make the dataset of what was mined, and store it."""

from collections.abc import Mapping
from pathlib import Path

from msgspec.structs import replace

from harness import config as config_file
from harness.core import reads
from harness.core.codec import digest
from harness.core.options import absolute, files
from harness.core.reads import Reads
from harness.curate import benchmark_files, card, levers, own_answers, stage
from harness.curate.options import CurateOptions
from harness.curate.teacher import arm as teacher_arm
from harness.curate.teacher import paraphrase_step
from harness.curate.teacher import step as teacher_step
from harness.evaluate import helpers
from harness.evaluate.step import has_evals, sound, survey
from harness.ingest.settings import redacted
from harness.mine.mined import Mined
from harness.mine.step import mine
from harness.project import LATEST, Project
from harness.sections import Config
from harness.types import Dataset, Message


def curate_options(project: Project) -> CurateOptions:
    """Those of [curate], paths absolute; see `options_of`."""
    return options_of(project.config)


def options_of(config: Config) -> CurateOptions:
    """Those of [curate], paths absolute. Raises UsageError on an unknown key, in the teacher's own options too."""
    settings = {"name": config.project.name, **config.curate}
    options = absolute(config_file.section(settings, CurateOptions, where="[curate]"), config.root)
    return replace(options, teacher=teacher_arm.checked(options.teacher, config.root))


def inspect(project: Project) -> levers.Inspection:
    """What is in the traces, and which lever fits each cluster of failures."""
    return levers.inspect(mine(project), project.calls(), project.feedback())


def curate(project: Project) -> Dataset:
    """Training, held-out and regression sets from what was mined. Raises UndecidedError on too few failures."""
    options = curate_options(project)
    # No training row may be near a case of any eval file, so these are read before anything is trained.
    evals = sound(survey(project)).texts if has_evals(project) else ()
    benchmarks = tuple(benchmark_files.texts(options.contamination_files))
    options = replace(options, contamination=(*options.contamination, *evals, *benchmarks))
    mined = mine(project)
    clean = redacted(project)
    taught = {call: clean(answer) for call, answer in teacher_step.teach(project, mined, options).items()}
    known = project.recall("curate", _reads(project, mined, options, taught).key, "dataset")
    if known:
        return project.dataset(known)
    with project.progress.step("curate"):
        last = project.recalled(LATEST, "dataset", "dataset")
        told = replace(options, traces_version=project.store.traces.version(), parents=(last,) if last else ())
        curated = stage.curate(
            project.calls(),
            project.feedback(),
            mined,
            sticky=project.store.ledger.splits(),
            options=told,
            taught=taught,
            reword=lambda train: [
                clean(case) for case in paraphrase_step.reword(project, train, options, options.paraphrase_share)
            ],
            own=lambda wanted: own_answers.rows(project, wanted, options.seed),
            clean=clean,
        )
        kept_apart = {"eval_texts": len(evals), "benchmark_texts": len(benchmarks)}
        curated = replace(
            curated, dataset=replace(curated.dataset, notes={**curated.dataset.notes, card.KEPT_APART: kept_apart})
        )
        folder = project.store.artifacts.scratch("dataset")
        stage.write(curated, folder)
        project.store.artifacts.add_folder("dataset", curated.dataset.id, folder)
        project.store.ledger.add(curated.sticky)
        key = _reads(project, mined, options, taught).key  # the ledger has grown
        project.remember("curate", key, "dataset", curated.dataset.id)
        project.progress.note(", ".join(f"{count:,} {split}" for split, count in curated.dataset.counts.items()))
    return curated.dataset


def _reads(project: Project, mined: Mined, options: CurateOptions, taught: Mapping[str, Message]) -> Reads:
    """The ledger is among it: a dataset made before something was held out must not be used after it."""
    teacher = options.teacher
    return Reads(
        step="curate",
        code=reads.code(
            *("harness.curate.stage", "harness.curate.teacher.paraphrase_step"),
            *("harness.core.link_feedback", "harness.redact.redaction"),
        ),
        traces=project.store.traces.version(),
        options=teacher_arm.knobs(options),
        files=reads.contents(helpers.named(files(options) | teacher_arm.files(teacher), Path(project.config.root))),
        plugins=reads.plugin_code("redactors")
        | reads.plugin_code("doubts")
        | (
            reads.plugin_code("backends", [teacher.backend]) | reads.plugin_code("detectors") if teacher.backend else {}
        ),
        nouns={
            "mined": digest(mined),
            "ledger": digest(project.store.ledger.splits()),
            "taught": digest(taught),
            "own": own_answers.content(project) if options.replay == "own" else "",
            "privacy": digest(project.config.privacy),
            "teacher": teacher_arm.content(teacher, project.config.model_path(teacher.model, teacher.backend)),
        },
    )
