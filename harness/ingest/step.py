"""Ingest as a step: exports into the trace table, with a count for the fate of every record."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from msgspec.structs import replace

from harness.ingest import settings as ingest_settings
from harness.ingest import stage
from harness.ingest.collector import inbox
from harness.ingest.formats._fates import OTHER
from harness.ingest.stage import ParsedBatch
from harness.project import Project
from harness.store import Merged
from harness.types import Noun


class Intake(Noun, frozen=True, omit_defaults=False):
    """What one command read. Its `records` are `calls` + `repeated` + `conflicts` + `feedback` + `suppressed` +
    `quarantined` + all of `others`; `calls` are `usable` + `incomplete`."""

    records: int = 0
    """Spans, log records and rows, and the feedback inside them."""
    calls: int = 0
    """Distinct model calls that this command stored."""
    usable: int = 0
    """Those with input and output both there and whole."""
    repeated: int = 0
    """Records that were read before: in this export, in an earlier one, or in a file whose bytes are known."""
    conflicts: int = 0
    """Records of a known call that contradict what is known of it."""
    incomplete: int = 0
    quarantined: int = 0
    feedback: int = 0
    corrections: int = 0
    """Those of `feedback` that bring a corrected answer."""
    linked: int = 0
    """Those of `feedback` whose call is known."""
    waiting: int = 0
    """Those of `feedback` that link to nothing yet: they join when their call comes."""
    superseded: int = 0
    """Those of `feedback` that a newer word of their author replaces, or that only declare a scale."""
    formats: dict[str, int] = {}
    """Calls stored by format: for OpenTelemetry, the convention they were written in."""
    others: dict[str, int] = {}
    """Records that are not a model's, by kind: spans of applications, tools and agents, embeddings, message events of
    calls, ..."""
    reasons: dict[str, int] = {}
    """Those of `quarantined` by reason."""
    suppressed: int = 0
    """Calls and feedback of a user or trace that was forgotten: they stay out."""
    media: int = 0
    """Calls among those read that hold an image, sound or a file: they are stored, and neither trained nor judged."""


def ingest(
    project: Project,
    paths: Sequence[str] = (),
    format: str = "",
    *,
    on_batch: Callable[[ParsedBatch], ParsedBatch] = lambda batch: batch,
) -> Intake:
    """Read trace exports into the store; files whose bytes were read before are passed over.

    Without `paths`: those of trueup.toml, and what `trueup collect` received. `on_batch` gets each batch before it is stored,
    and gives what is.
    """
    settings, folder = project.config.ingest, project.store.root / ingest_settings.INBOX
    with inbox.taken(folder, wanted=not paths) as received:
        chosen = (*(paths or settings.paths), *received)
        if not chosen and folder.is_dir():  # whoever only receives has nights on which nothing came
            project.progress.note(f"nothing to read; {inbox.waiting(folder):,} bytes are still being received")
            return Intake()
        return _read(project, chosen, format or settings.format, on_batch)


def receive(project: Project) -> None:
    """Ingest all that `trueup collect` received, whether its traces are at their end or not."""
    with inbox.taken(project.store.root / ingest_settings.INBOX, settle_s=0) as received:
        if received:
            _read(project, received, "")


def waiting(project: Project) -> dict[str, Any]:
    """What `trueup collect` received and no ingest has read yet: its `bytes`, and since when the oldest waits."""
    folder = project.store.root / ingest_settings.INBOX
    since = inbox.since(folder)
    said = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(since / 1e9)) if since else ""
    return {"bytes": inbox.waiting(folder), "since": said}


def _read(
    project: Project,
    paths: Sequence[str],
    format: str,
    on_batch: Callable[[ParsedBatch], ParsedBatch] = lambda batch: batch,
) -> Intake:
    traces = project.store.traces
    known: list[str] = []

    def skip(digest: str) -> bool:
        seen = traces.seen(digest)
        known.extend([digest] * seen)
        return seen

    found = stage.ingest(
        tuple(paths),
        format=format,
        options=ingest_settings.options(project),
        on_progress=lambda done, total: project.progress.update(done, total, "bytes"),
        skip=skip,
        engine=project.config.engine,
    )
    with project.progress.step("ingest"):
        before = traces.feedback_ids()
        fates: Counter[str] = Counter()
        named: dict[str, Counter[str]] = {"formats": Counter(), "reasons": Counter(), "others": Counter()}
        for batch in map(on_batch, found):
            merged = _merge(project, batch)
            fates.update(merged.counts())
            fates["media"] += batch.counts.get("media", 0)
            fates["records"] += batch.counts.get("read", 0)
            named["formats"].update(merged.formats)
            named["reasons"].update(merged.reasons)
            named["others"].update(_others(batch))
        held = sum(map(traces.held, known))
        fates.update({"repeated": held, "records": held})
        intake = replace(_intake(fates, named), **_found(project, before))
        _note(project, intake)
    return intake


def _found(project: Project, before: set[str]) -> dict[str, int]:
    """What became of the feedback that was not there before: the fields of `Intake` that add up to `feedback`."""
    new = project.store.traces.feedback_ids() - before
    linked = project.feedback() if new else []
    project.feedback_summary(linked or None, keep=True)
    about = [record for record in linked if record.id in new and not record.declares_only]
    found = sum(bool(record.call_id) for record in about)
    return {"linked": found, "waiting": len(about) - found, "superseded": len(new) - len(about)}


def _merge(project: Project, batch: ParsedBatch) -> Merged:
    return project.store.traces.merge(
        batch.calls,
        batch.feedback,
        batch.quarantined,
        files=batch.files,
        repeated=batch.counts.get("repeated_calls", 0) + batch.counts.get("repeated_feedback", 0),
        held=batch.held,
    )


def _others(batch: ParsedBatch) -> dict[str, int]:
    return {name.removeprefix(OTHER): count for name, count in batch.counts.items() if name.startswith(OTHER) and count}


def _intake(fates: Counter[str], named: dict[str, Counter[str]]) -> Intake:
    return Intake(
        records=fates["records"],
        calls=fates["stored"],
        usable=fates["pairs"],
        repeated=fates["repeated"] + fates["feedback_repeated"] + fates["quarantined_repeated"],
        conflicts=fates["conflicts"],
        incomplete=fates["stored"] - fates["pairs"],
        quarantined=fates["quarantined"],
        feedback=fates["feedback"],
        corrections=fates["corrections"],
        formats=dict(sorted(named["formats"].items())),
        others=dict(sorted(named["others"].items())),
        reasons=dict(sorted(named["reasons"].items())),
        suppressed=fates["suppressed"],
        media=fates["media"],
    )


def _note(project: Project, intake: Intake) -> None:
    stored: dict[str, Any] = project.store.traces.counts()
    project.progress.note(
        f"{stored['calls']:,} calls ({intake.calls:,} new), {stored['feedback']:,} feedback records, "
        f"{stored['quarantined']:,} in quarantine"
        + (f"; {intake.media:,} with images, sound or files, which are not learnt" if intake.media else "")
    )
