"""Count what ingest would read and redact, and store nothing."""

from collections import Counter
from collections.abc import Sequence

from harness.ingest import stage as ingest_stage
from harness.ingest.collector import inbox
from harness.ingest.settings import INBOX, options
from harness.project import Project
from harness.redact import redaction


def read_only(project: Project, paths: Sequence[str], format: str = "") -> Counter[str]:
    """What ingest would read and redact, with nothing stored: the counts of every batch. Without `paths`: those of
    trueup.toml, and what was received and is not still being written."""
    totals: Counter[str] = Counter()
    settings = project.config.ingest
    files = tuple(paths) or (*settings.paths, *inbox.closed(project.store.root / INBOX))
    for batch in ingest_stage.ingest(files, format=format or settings.format, options=options(project)):
        calls, feedback = project.store.suppression.kept(batch.calls), project.store.suppression.kept(batch.feedback)
        totals.update(batch.counts)
        totals["calls"] += len(calls)
        totals["calls_redacted"] += sum(redaction.REDACTED in call.flags for call in calls)
        totals["feedback"] += len(feedback)
        totals["quarantined"] += len(batch.quarantined)
        totals["suppressed"] += len(batch.calls) + len(batch.feedback) - len(calls) - len(feedback)
    return totals
