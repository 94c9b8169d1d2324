"""Ingest by a crew: each task cuts some of the files into partitions, then each joins some of the partitions.

What crosses to the tasks and back are plain values and the files of the partitions. A task that fails ends the command, and
nothing of the export is stored then.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from harness.core.codec import decode, encode
from harness.core.crew import Crew, EngineTask, Tell
from harness.ingest import assemble, parse
from harness.ingest.assemble import Batches, Joiner, ParsedBatch
from harness.ingest.containers import File
from harness.ingest.door import StoreDoor
from harness.ingest.parse import Cut, Cutter
from harness.ingest.shuffle import MEMORY, PARTITIONS, Spool
from harness.redact import redaction
from harness.types import ADDRESS, Noun

FRAME = 500
"""Records of one frame."""
PARTITION = 128 * 2**20
"""Bytes of the files for which there is one more partition, beyond the first `PARTITIONS`."""
TASK = 2 * PARTITION
"""Bytes of the files for which there is one more task, beyond one a slot: what a task gives is held in memory as a whole."""
JOINS = 4
"""Tasks that join for one that cuts: some are merged while others are joined, and nobody waits long for the last."""
REMOTE_KEYS = (
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_WEB_IDENTITY_TOKEN_FILE"),
    *("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONTAINER_AUTHORIZATION_TOKEN", "GOOGLE_APPLICATION_CREDENTIALS"),
    *("AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_KEY", "AZURE_STORAGE_SAS_TOKEN", "AZURE_CLIENT_SECRET", "HF_TOKEN"),
)
"""What s3fs, gcsfs and adlfs read by themselves; any further one the user names in TRUEUP_SECRETS."""


class CutJob(Noun, frozen=True):
    """Files that one task cuts."""

    name: str
    """Of its spool, whose files are `NAME.PARTITION`."""
    files: tuple[tuple[int, str, int, bytes], ...]
    """Number, and the fields of `File`."""
    format: str = ""
    options: dict[str, Any] = {}
    known: tuple[str, ...] = ()
    """sha256 of files that are passed over."""
    memory: int = MEMORY
    partitions: int = PARTITIONS


class JoinJob(Noun, frozen=True):
    """Partitions that one task joins."""

    partitions: tuple[int, ...]
    paths: tuple[str, ...]
    """Of all files, by number."""
    damaged: tuple[int, ...] = ()
    options: dict[str, Any] = {}


class IngestFrame(Noun, frozen=True):
    """What a task tells on its way, and at its end."""

    batch: ParsedBatch = ParsedBatch()
    cut: Cut = Cut()
    moved: int = 0


class SharedExport:
    """The files of one export, shared out to the tasks of a crew."""

    def __init__(self, crew: Crew, files: Sequence[File], format: str, options: Mapping[str, Any]) -> None:
        self._crew, self._files, self._format = crew, files, format
        self._options: dict[str, Any] = msgspec.to_builtins(dict(options))
        self._bytes = sum(map(_held, files))
        self._partitions = max(PARTITIONS, self._bytes // PARTITION)
        self._spools: tuple[str, ...] = ()
        crew.require([file.path for file in files if not ADDRESS.match(file.path)])

    def cut(self, known: Sequence[str], moved: Callable[[int], None]) -> Iterator[IngestFrame]:
        """Cut the files; frames as they come. The largest are dealt out first. `moved` gets bytes done since it was called."""
        hands = self._dealt()
        self._spools = tuple(f"{number:03}" for number in range(len(hands)))
        memory = max(MEMORY // self._crew.slots(), 2**22)
        jobs = [
            CutJob(name, hand, self._format, self._options, tuple(known), memory, self._partitions)
            for name, hand in zip(self._spools, hands, strict=True)
        ]
        tasks = [
            EngineTask(
                "harness.ingest.shared:cut",
                encode(job),
                leaves=tuple(self._named([job.name], range(self._partitions))),
                secrets=self._secrets(),
                light=True,
            )
            for job in jobs
        ]
        for frame in self._frames(tasks):
            moved(frame.moved)
            yield frame

    def join(self, damaged: Sequence[int]) -> Iterator[IngestFrame]:
        """Join all partitions; frames as they come."""
        paths = tuple(file.path for file in self._files)
        count = min(JOINS * self._tasks(), self._partitions)
        parts = [tuple(range(number, self._partitions, count)) for number in range(count)]
        yield from self._frames(
            [
                EngineTask(
                    "harness.ingest.shared:join",
                    encode(JoinJob(part, paths, tuple(damaged), self._options)),
                    reads=tuple(self._named(self._spools, part)),
                    light=True,
                )
                for part in parts
            ]
        )

    def _frames(self, tasks: Sequence[EngineTask]) -> Iterator[IngestFrame]:
        return (decode(message.data, IngestFrame) for message in self._crew.run(tasks))

    def _dealt(self) -> list[tuple[tuple[int, str, int, bytes], ...]]:
        hands: list[list[tuple[int, str, int, bytes]]] = [[] for _ in range(self._tasks())]
        for number, file in sorted(enumerate(self._files), key=lambda pair: -pair[1].size):
            min(hands, key=lambda hand: sum(entry[2] for entry in hand)).append((number, *file))
        return [tuple(hand) for hand in hands if hand]

    def _tasks(self) -> int:
        return max(self._crew.slots(), self._bytes // TASK)

    def _named(self, spools: Sequence[str], partitions: Sequence[int] | range) -> Iterator[str]:
        return (f"{spool}.{partition}" for spool in spools for partition in partitions)

    def _secrets(self) -> tuple[str, ...]:
        """Keys that file systems behind addresses read from the environment; none when all files are on this machine."""
        return REMOTE_KEYS if any("://" in file.path for file in self._files) else ()


def _held(file: File) -> int:
    """Bytes that the disk has of a file: a sparse one has a size that nobody wrote."""
    try:
        return min(file.size, os.stat(file.path).st_blocks * BLOCK)
    except OSError:  # behind an address
        return file.size


BLOCK = 512
"""Bytes of a block of `os.stat`, whatever the file system's own is."""


def cut(request: bytes, folder: Path, tell: Tell) -> bytes:
    """In a task: cut its files into partitions on the disk."""
    job, before = decode(request, CutJob), 0

    def moved(done: int, total: int) -> None:
        nonlocal before
        if done - before > 2**22:
            tell(encode(IngestFrame(moved=done - before)))
            before = done

    door = StoreDoor(redaction.of(job.options))
    with Spool(job.memory, job.partitions, folder, job.name) as spool:
        skip, limits = frozenset(job.known).__contains__, assemble.limits_of(job.options)
        cutter, batches = Cutter(job.format, spool, skip, door, limits), Batches(FRAME)
        for bad in parse.cut([(entry[0], File(*entry[1:])) for entry in job.files], cutter, moved):
            for batch in batches.add(bad):
                tell(encode(IngestFrame(batch=batch)))
        spool.flush()
    return encode(IngestFrame(batch=batches.take(counts=dict(door.counts)), cut=cutter.cut))


def join(request: bytes, folder: Path, tell: Tell) -> bytes:
    """In a task: join its partitions, and give all away."""
    job = decode(request, JoinJob)
    door = StoreDoor(redaction.of(job.options))
    joiner, batches = Joiner(job.paths, job.damaged, job.options, door), Batches(FRAME)
    groups = (group for number in job.partitions for group in Spool.read(folder, number))
    for item in joiner.join(groups):
        for batch in batches.add(item):
            tell(encode(IngestFrame(batch=batch)))
    return encode(IngestFrame(batch=batches.take(counts=dict(joiner.counts + door.counts))))
