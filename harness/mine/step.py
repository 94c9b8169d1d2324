"""Mine as a step: the stored calls in, failures in clusters stored."""

from harness import project as shelf
from harness.core.codec import digest
from harness.core.plugins import names
from harness.mine import stage as mine_stage
from harness.mine import step as mine_step
from harness.project import LATEST, Work
from harness.types import Cluster


def latest_clusters(work: Work) -> tuple[Cluster, ...]:
    """Those of the last mining; none before the first."""
    known = work.store.memo.recall(LATEST, "mined")
    return work.store.artifacts.get("mined", known, mine_stage.Mined).clusters if known else ()


def mine(work: Work) -> mine_stage.Mined:
    """Failures of the stored calls, in clusters."""
    detectors, options = work.config.mine.detectors or names("detectors"), work.config.mine.options
    key = digest(["mine", work.store.traces.version(), detectors, options, mine_stage.VERSION])
    known = work.store.memo.recall("mine", key)
    if known:
        work.store.memo.remember(LATEST, "mined", known)
        return work.store.artifacts.get("mined", known, mine_stage.Mined)
    with work.watch.step("mine"):
        mined = mine_stage.mine(
            shelf.calls(work),
            shelf.feedback(work),
            detectors=detectors,
            options=options,
            known=mine_step.latest_clusters(work),
        )
        ident = work.store.artifacts.put("mined", mined)
        work.store.memo.remember("mine", key, ident)
        work.store.memo.remember(LATEST, "mined", ident)
        work.watch.note(f"{len(mined.failures):,} failures of {mined.calls:,} calls, {len(mined.clusters)} clusters")
    return mined
