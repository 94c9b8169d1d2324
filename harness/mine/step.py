"""Mine as a step: the stored calls in, failures in clusters stored."""

from harness.core.codec import digest
from harness.core.plugins import names
from harness.mine import stage
from harness.project import LATEST, Project
from harness.types import Cluster


def latest_clusters(project: Project) -> tuple[Cluster, ...]:
    """Those of the last mining; none before the first."""
    known = project.store.memo.recall(LATEST, "mined")
    return project.store.artifacts.get("mined", known, stage.Mined).clusters if known else ()


def mine(project: Project) -> stage.Mined:
    """Failures of the stored calls, in clusters."""
    detectors, options = project.config.mine.detectors or names("detectors"), project.config.mine.options
    key = digest(["mine", project.store.traces.version(), detectors, options, stage.VERSION])
    known = project.store.memo.recall("mine", key)
    if known:
        project.store.memo.remember(LATEST, "mined", known)
        return project.store.artifacts.get("mined", known, stage.Mined)
    with project.progress.step("mine"):
        mined = stage.mine(
            project.calls(),
            project.feedback(),
            detectors=detectors,
            options=options,
            known=latest_clusters(project),
        )
        ident = project.store.artifacts.put("mined", mined)
        project.store.memo.remember("mine", key, ident)
        project.store.memo.remember(LATEST, "mined", ident)
        project.progress.note(
            f"{len(mined.failures):,} failures of {mined.calls:,} calls, {len(mined.clusters)} clusters"
        )
    return mined
