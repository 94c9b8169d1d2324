"""Ingest: trace exports of any supported system, as they are, to calls, feedback and what could not be read.

All paths of one command are one export, so that a span finds its log records whatever file they are in. Records are cut
into pieces, pieces are grouped by trace in a spool (on disk when they are many), and each trace is read as a whole: so
memory is bounded by the spool's limit and one partition of it, not by the size of the export. A file that turns out
damaged at its end takes its pieces back before any of them becomes a call.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from types import ModuleType
from typing import Any

import msgspec

from harness import containers, plugins, redaction
from harness.codec import digest
from harness.containers import Bad, File, Record, sources
from harness.errors import InputError
from harness.linking import link
from harness.spool import Spool
from harness.types import Call, Feedback, Noun, Quarantined, RefusalPart, Source

__all__ = ["BATCH", "Batch", "ingest", "link"]

BATCH = 2_000
"""Calls, feedback and quarantined records of one batch together."""


class Batch(Noun, frozen=True):
    calls: tuple[Call, ...] = ()
    feedback: tuple[Feedback, ...] = ()
    quarantined: tuple[Quarantined, ...] = ()
    counts: dict[str, int] = {}
    """What was read for this batch: `files`, `skipped_files`, `records`, `spans`, `repeated_spans`, `pairs` (calls with
    input and output content) and calls of each format and convention, such as `format:otlp` and `convention:genai`."""
    files: dict[str, str] = {}
    """sha256 of each file that ends with this batch -> its path."""


def ingest(
    paths: Sequence[str],
    *,
    format: str = "",
    options: Mapping[str, Any] = {},
    on_progress: Callable[[int, int], None] | None = None,
    skip: Callable[[str], bool] | None = None,
) -> Iterator[Batch]:
    """Read exports. The files are named in the last batch: what was merged before a crash is merged again.

    `paths` are files, folders, globs, `-` or addresses; `format` names the format of every record, which is otherwise
    recognised by content. `options` go to the formats. `on_progress` gets bytes done and in all. A file for whose
    sha256 `skip` is true is passed over. Secrets and personal data are replaced before anything is given away; the
    options `redact` (a list of kinds, or false), `salt`, `keep` and `patterns` say which and how. Raises InputError when a path does not
    exist or no file holds a trace, RedactionError when redaction cannot run.
    """
    files = containers.find(paths)
    if format:
        plugins.load("formats", format)
    redact = redaction.of(options)
    export = _Export(files, format, options, on_progress, skip)
    with Spool() as spool:
        batches = _Batches()
        for found in itertools.chain(export.read(spool), export.joined(spool)):
            yield from batches.add(redact(found) if redact else found)
        redacted = {f"redacted:{kind}": count for kind, count in (redact.counts if redact else {}).items()}
        yield batches.take(export.counts + Counter(redacted), export.done)
        export.check()


class _Export:
    """One export while it is read."""

    def __init__(
        self,
        files: list[File],
        format: str,
        options: Mapping[str, Any],
        on_progress: Callable[[int, int], None] | None,
        skip: Callable[[str], bool] | None,
    ) -> None:
        self._files, self._format, self._options = files, format, options
        self._progress = on_progress or (lambda done, total: None)
        self._skip = skip or (lambda file_digest: False)
        self._damaged: set[int] = set()
        self.counts: Counter[str] = Counter()
        self.done: dict[str, str] = {}

    def read(self, spool: Spool) -> Iterator[Quarantined]:
        """Cut every file into pieces; what cannot be read comes out at once."""
        total, before = sum(file.size for file in self._files), 0
        for number, file in enumerate(self._files):
            self._progress(before, total)
            yield from self._file(number, file, spool, partial(self._moved, before, total))
            before += file.size
        self._progress(total, total)

    def _moved(self, before: int, total: int, here: int) -> None:
        self._progress(before + here, total)

    def _file(self, number: int, file: File, spool: Spool, moved: Callable[[int], None]) -> Iterator[Quarantined]:
        self.counts["files"] += 1
        try:
            with sources.raw(file) as stream:
                known = sources.digest(stream)
                if self._skip(known):
                    self.counts["skipped_files"] += 1
                    return
                for count, found in enumerate(containers.records(stream)):
                    if count % 256 == 0:
                        moved(stream.tell())
                    yield from self._record(number, file, found, spool)
                self.done[known] = file.path
        except OSError as error:
            self._damaged.add(number)
            yield _quarantined(file.path, Bad(f"cannot be read: {error}", 0, b""))

    def _record(self, number: int, file: File, found: Record | Bad, spool: Spool) -> Iterator[Quarantined]:
        if isinstance(found, Bad):
            if found.whole_file:
                self._damaged.add(number)
            yield _quarantined(file.path, found)
            return
        self.counts["records"] += 1
        try:
            yield from self._cut(number, file, found, spool)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
            yield _quarantined(file.path, Bad(f"cannot be read: {error!r:.160}", found.line, _raw(found.value)))

    def _cut(self, number: int, file: File, found: Record, spool: Spool) -> Iterator[Quarantined]:
        name = self._format or _format_of(found.value)
        if not name:
            yield _quarantined(file.path, Bad("no format claims this record", found.line, _raw(found.value)))
            return
        self.counts[f"records:{name}"] += 1
        for key, piece in plugins.load("formats", name).pieces(found.value):
            if key is None:
                yield _quarantined(file.path, Bad(piece, found.line, b""))
            else:
                spool.add(f"{name}\0{key}", _pack((number, found.line, piece)))

    def joined(self, spool: Spool) -> Iterator[Call | Feedback | Quarantined]:
        """Every group of pieces as the calls and feedback it means."""
        for key, packed in spool.groups():
            name, _, rest = key.partition("\0")
            found = [_unpack(name, item) for item in packed]
            whole = [
                (piece, self._source(name, number, line)) for number, line, piece in found if self._trusted(number)
            ]
            try:
                results = list(plugins.load("formats", name).join(whole, self._options)) if whole else []
            except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
                source = whole[0][1]
                yield _quarantined(source.file, Bad(f"{name} {rest} cannot be read: {error!r:.160}", source.line, b""))
                continue
            yield from self._counted(name, results)

    def _counted(self, name: str, results: list[Call | Feedback | str]) -> Iterator[Call | Feedback]:
        for result in results:
            if isinstance(result, str):
                self.counts[result] += 1
                continue
            if isinstance(result, Call):
                self.counts[f"format:{name}"] += 1
                self.counts[f"convention:{result.source.convention or name}"] += 1
                self.counts["pairs"] += is_pair(result)
            yield result

    def _trusted(self, number: int) -> bool:
        return number not in self._damaged

    def _source(self, name: str, number: int, line: int) -> Source:
        return Source(format=name, file=self._files[number].path, line=line)

    def check(self) -> None:
        """Raises InputError when the files hold nothing that any format knows."""
        known = sum(count for name, count in self.counts.items() if name.startswith("records:"))
        if known or self.counts["skipped_files"] == len(self._files):
            return
        empty = not self.counts["records"] and not self._damaged
        raise InputError(
            "the export is empty" if empty else "none of the files holds traces in a format that trueup knows",
            where=", ".join(file.path for file in self._files[:3]) + (" …" if len(self._files) > 3 else ""),
            next=f"known formats: {', '.join(plugins.names('formats'))}; name one with --format",
        )


def is_pair(call: Call) -> bool:
    """Whether input and output content are both there and readable, even if the answer broke off (see `Call.usable`).

    A message of the API that holds a refusal and no content is no answer.
    """
    answered = any(not isinstance(part, RefusalPart) for said in call.output for part in said.parts)
    return answered and any(said.parts for said in call.input) and "truncated" not in call.flags


class _Batches:
    """Collects records until a batch is full."""

    def __init__(self) -> None:
        self._held: dict[type, list[Any]] = {Call: [], Feedback: [], Quarantined: []}

    def add(self, found: Call | Feedback | Quarantined) -> Iterator[Batch]:
        self._held[type(found)].append(found)
        if sum(map(len, self._held.values())) >= BATCH:
            yield self.take({}, {})

    def take(self, counts: Mapping[str, int], files: Mapping[str, str]) -> Batch:
        batch = Batch(
            calls=tuple(self._held[Call]),
            feedback=tuple(self._held[Feedback]),
            quarantined=tuple(self._held[Quarantined]),
            counts=dict(counts),
            files=dict(files),
        )
        for held in self._held.values():
            held.clear()
        return batch


_pack = msgspec.msgpack.Encoder().encode


def _unpack(name: str, packed: bytes) -> tuple[int, int, Any]:
    return _decoder(name).decode(packed)


@cache
def _decoder(name: str) -> msgspec.msgpack.Decoder[tuple[int, int, Any]]:
    piece: Any = getattr(plugins.load("formats", name), "Piece", Any)
    return msgspec.msgpack.Decoder(tuple[int, int, piece])  # type: ignore[valid-type]


@cache
def _claimants() -> tuple[tuple[str, ModuleType], ...]:
    modules = ((name, plugins.load("formats", name)) for name in plugins.names("formats"))
    asked = [(name, module) for name, module in modules if hasattr(module, "claims")]
    return tuple(sorted(asked, key=lambda pair: (getattr(pair[1], "RANK", 50), pair[0])))


def _format_of(record: Any) -> str:
    if not isinstance(record, dict):
        return ""
    return next((name for name, module in _claimants() if module.claims(record)), "")


def _raw(value: Any) -> bytes:
    return repr(value)[: 2 * containers.EXCERPT].encode("utf-8", "replace")


def _quarantined(path: str, bad: Bad) -> Quarantined:
    excerpt = bad.raw[: containers.EXCERPT].decode("utf-8", "replace")
    return Quarantined(
        id=digest([bad.raw.decode("utf-8", "replace"), bad.reason]),
        file=path,
        line=bad.line,
        reason=bad.reason,
        excerpt=excerpt,
    )
