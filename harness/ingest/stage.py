"""Ingest trace exports of any supported system into calls, feedback and what could not be read.

All paths of one command are one export, so that a span finds its log records whatever file they are in. Records are cut
into pieces, pieces are grouped by trace in a spool (on disk when they are many), and each trace is read as a whole: so
memory is bounded by the spool's limit and one partition of it, not by the size of the export. A file that turns out
damaged at its end takes its pieces back before any of them becomes a call. Several large files are shared out to the
tasks of an engine.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from harness.core import crew, plugins
from harness.core.link_feedback import link
from harness.core.recordings import is_pair
from harness.errors import InputError
from harness.ingest import containers, dedupe, parse
from harness.ingest.assemble import Batches, Found, Joiner, ParsedBatch, limits_of
from harness.ingest.containers import File, sources
from harness.ingest.door import StoreDoor
from harness.ingest.parse import Cut, Cutter
from harness.ingest.shared import SharedExport
from harness.ingest.shuffle import Spool
from harness.redact import redaction
from harness.types import EngineSettings, Quarantined

__all__ = ["ParsedBatch", "ingest", "is_pair", "link"]

WORTH_A_CREW = 64 * 2**20
"""Bytes in all files together; below, starting processes takes longer than they save."""

Progress = Callable[[int, int], None]


def ingest(
    paths: Sequence[str],
    *,
    format: str = "",
    options: Mapping[str, Any] = {},
    on_progress: Progress | None = None,
    skip: Callable[[str], bool] | None = None,
    workers: int | None = None,
    engine: EngineSettings = crew.LOCAL,
) -> Iterator[ParsedBatch]:
    """Read exports. The files are named in the last batch: what was merged before a crash is merged again.

    `paths` are files, folders, globs, `-` or addresses; `format` names the format of every record, which is otherwise
    recognised by content. `options` go to the formats. `on_progress` gets bytes done and in all. A file for whose
    sha256 `skip` is true is passed over. `workers` is the number of tasks of the `engine` at once; None: as many as it has room
    for when there are several large files. The option `limits` holds `IngestLimits`. Secrets and personal data are replaced before anything is given away; the options `redact` (a
    list of kinds, or false), `salt`, `keep` and `patterns` say which and how. Raises InputError when a path does not
    exist or no file holds a trace, RedactionError when redaction cannot run.
    """
    files = containers.find(paths)
    if format:
        plugins.load("formats", format)
    export = _Export(files, format, options, on_progress or (lambda done, total: None), skip or (lambda known: False))
    count = _workers(files, engine) if workers is None else workers
    batches, given, refused, unread = Batches(), Counter[str](), set[str](), 0
    for found in export.alone() if count == 1 else export.shared(engine, count):
        if isinstance(found, Quarantined):
            refused.add(found.file)
            unread += 1
        else:
            given[found.source.file] += 1
        yield from batches.add(found)
    # A file that went into quarantine as a whole is read anew next time: a later version may know its format.
    done = {known: path for known, path in export.cut.files.items() if given[path] or path not in refused}
    counts = Counter(export.counts()) + Counter(read=unread)
    yield batches.take(counts=dict(counts), files=done, held={known: given[path] for known, path in done.items()})
    export.check()


def _workers(files: Sequence[File], engine: EngineSettings) -> int:
    """Tasks that are worth starting at once; 0: as many as the engine has room for. Standard input is one file, and cannot be
    handed on."""
    large = sum(file.size for file in files) >= WORTH_A_CREW and all(file.path != sources.STDIN for file in files)
    if not large or len(files) < 2:
        return 1
    return min(len(os.sched_getaffinity(0)), len(files)) if engine.kind == crew.LOCAL.kind else 0


class _Export:
    """One export while it is read."""

    def __init__(
        self,
        files: list[File],
        format: str,
        options: Mapping[str, Any],
        progress: Progress,
        skip: Callable[[str], bool],
    ) -> None:
        self._files, self._format, self._options = files, format, options
        self._progress, self._skip = progress, skip
        self._counts: Counter[str] = Counter()
        self.cut = Cut()

    def counts(self) -> dict[str, int]:
        return dict(self._counts + Counter(self.cut.counts))

    def alone(self) -> Iterator[Found]:
        """All that the export holds, in this process."""
        door = StoreDoor(redaction.of(self._options))
        with Spool() as spool:
            cutter = Cutter(self._format, spool, self._skip, door, limits_of(self._options))
            yield from parse.cut(list(enumerate(self._files)), cutter, self._progress)
            self.cut = cutter.cut
            joiner = Joiner([file.path for file in self._files], self.cut.damaged, self._options, door)
            yield from self._once(joiner.join(spool.groups()))
        self._counts += joiner.counts + door.counts

    def shared(self, engine: EngineSettings, workers: int) -> Iterator[Found]:
        """The same by the tasks of an engine. What they give is redacted."""
        with crew.opened(engine, workers) as hands:
            export = SharedExport(hands, self._files, self._format, self._options)
            yield from self._cut_by(export)
            yield from self._once(self._joined_by(export))

    def _cut_by(self, export: SharedExport) -> Iterator[Quarantined]:
        total, done = sum(file.size for file in self._files), 0

        def moved(count: int) -> None:
            nonlocal done
            done = min(done + count, total)
            self._progress(done, total)

        for frame in export.cut(self._known(), moved):
            self.cut += frame.cut
            self._counts.update(frame.batch.counts)
            yield from frame.batch.quarantined
        self._progress(total, total)

    def _known(self) -> list[str]:
        """sha256 of the files that are passed over. Hashing lets other threads run."""
        digest = partial(parse.known_digest, limits=limits_of(self._options))
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            return [known for known in pool.map(digest, self._files) if known and self._skip(known)]

    def _joined_by(self, export: SharedExport) -> Iterator[Found]:
        for frame in export.join(self.cut.damaged):
            self._counts.update(frame.batch.counts)
            yield from frame.batch.calls
            yield from frame.batch.feedback
            yield from frame.batch.quarantined

    def _once(self, found: Iterator[Found]) -> Iterator[Found]:
        """Each call once; where one library recorded all, none can be there twice."""
        once: Iterator[Any] = dedupe.merged(found, self._double)
        yield from once if len(self.cut.producers) > 1 else found

    def _double(self) -> None:
        self._counts["repeated_calls"] += 1

    def check(self) -> None:
        """Raises InputError when the files hold nothing that any format knows."""
        counts = self.counts()
        known = sum(count for name, count in counts.items() if name.startswith("records:"))
        if known or counts.get("skipped_files"):
            return
        empty = not counts.get("records") and not self.cut.damaged
        raise InputError(
            "the export is empty" if empty else "none of the files contains traces in a format that trueup knows",
            where=", ".join(file.path for file in self._files[:3]) + (" …" if len(self._files) > 3 else ""),
            next="look at what wrote it"
            if empty
            else f"{self.cut.tip or 'name one with --format'}; known formats: {', '.join(plugins.names('formats'))}",
        )
