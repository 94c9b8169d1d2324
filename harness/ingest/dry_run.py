"""Try an ingest: read exports into a store that is thrown away, and count what was read, redacted and linked."""

import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from harness.core.feedback_summary import FeedbackSummary
from harness.ingest import step
from harness.ingest.collector import inbox
from harness.ingest.settings import INBOX
from harness.ingest.stage import ParsedBatch
from harness.ingest.step import Intake
from harness.project import Project
from harness.redact import redaction
from harness.store import Store


class IngestTrial(NamedTuple):
    """What ingest would have read."""

    intake: Intake
    redacted: dict[str, int]
    """`calls_redacted`, and `redacted:KIND` for each kind of what would be replaced."""
    feedback: FeedbackSummary


def read_only(project: Project, paths: Sequence[str], format: str = "") -> IngestTrial:
    """What ingest would read and redact; the project's store stays as it is. Without `paths`: those of trueup.toml, and what
    was received and is not still being written. What was ingested before counts as new. Raises what `ingest` raises."""
    files = tuple(paths) or (*project.config.ingest.paths, *inbox.closed(project.store.root / INBOX))
    redacted: Counter[str] = Counter()
    suppressed = 0

    def look(batch: ParsedBatch) -> ParsedBatch:
        nonlocal suppressed
        kept = project.store.suppression.kept
        calls, feedback = tuple(kept(batch.calls)), tuple(kept(batch.feedback))
        suppressed += len(batch.calls) + len(batch.feedback) - len(calls) - len(feedback)
        redacted["calls_redacted"] += sum(redaction.REDACTED in call.flags for call in calls)
        redacted.update({name: count for name, count in batch.counts.items() if name.startswith("redacted:")})
        return replace(batch, calls=calls, feedback=feedback)

    with tempfile.TemporaryDirectory(prefix="trueup-") as folder:
        trial = Project(project.config, Store.open(Path(folder) / "store"), project.progress)
        intake = step.ingest(trial, files, format, on_batch=look)
        summary = trial.feedback_summary()
    return IngestTrial(replace(intake, suppressed=suppressed), dict(redacted), summary)
