"""Mine as a step: recall or find the failures of the stored calls, and store them."""

from pathlib import Path

from msgspec import Struct

from harness.core import options as option_tables
from harness.core import reads
from harness.core.options import OptionsTable
from harness.core.reads import Reads
from harness.evaluate import helpers
from harness.mine import runs, stage
from harness.project import LATEST, Project
from harness.sections import Config
from harness.types import Cluster


def mine(project: Project) -> stage.Mined:
    """Failures of the stored calls, in clusters."""
    table, key = options(project), reads_of(project).key
    known = project.recall("mine", key, "mined")
    if known:
        return project.store.artifacts.get("mined", known, stage.Mined)
    with project.progress.step("mine"):
        mined = stage.mine(
            project.calls(),
            project.feedback(),
            detectors=project.config.mine.detectors,
            options=table.values,
            known=latest_clusters(project),
        )
        project.remember("mine", key, "mined", project.store.artifacts.put("mined", mined))
        failed = {failure.call_id for failure in mined.failures if failure.detector not in mined.hints}
        project.progress.note(f"{len(failed):,} of {mined.calls:,} calls failed, {len(mined.clusters)} clusters")
    return mined


def survey(project: Project) -> runs.RunSurvey:
    """How the runs of agents ended, and which step of each went wrong first."""
    return runs.survey_runs(project.calls(), project.feedback(), mine(project))


def reads_of(project: Project) -> Reads:
    """What mining reads. The clusters of the night before only lend their ids, so they are not among it."""
    table = options(project)
    return Reads(
        step="mine",
        code=reads.code("harness.mine.stage", "harness.core.link_feedback"),
        traces=project.store.traces.version(),
        options=[table.knobs, project.config.scales] if project.config.feedback else table.knobs,
        files=reads.contents(helpers.named(table.files, Path(project.config.root))),
        plugins=reads.plugin_code("detectors", project.config.mine.detectors),
    )


def options(project: Project) -> OptionsTable:
    """Those of [mine.options]; see `options_of`."""
    return options_of(project.config)


def options_of(config: Config) -> OptionsTable:
    """The stage's own options and every detector's. Raises UsageError on an unknown key."""
    kinds: list[type[Struct]] = [stage.MineOptions, *option_tables.of_plugins("detectors")]
    return option_tables.table(config.mine.options, kinds, "[mine.options]", config.root)


def latest_clusters(project: Project) -> tuple[Cluster, ...]:
    """Those of the last mining; none before the first."""
    known = project.recalled(LATEST, "mined", "mined")
    return project.store.artifacts.get("mined", known, stage.Mined).clusters if known else ()
