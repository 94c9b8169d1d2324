"""Ingest by several processes: each cuts some of the files, then each joins some of the partitions.

    python -P -m harness.ingest.workers 5      in a child, which a `Worker` starts: one job, then frames as events

A child is a fresh interpreter, so the caller's threads and its `__main__` do not matter. It inherits the keys that
addresses may need. What crosses the pipes are plain values; a child that dies ends the command, and nothing of the export
is stored then.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import msgspec

from harness.core import worker
from harness.core.codec import decode, encode
from harness.core.worker import Parent, Worker
from harness.errors import TrueupError
from harness.ingest import assemble, parse
from harness.ingest.assemble import Batches, Joiner, ParsedBatch
from harness.ingest.containers import File
from harness.ingest.door import StoreDoor
from harness.ingest.parse import Cut, Cutter
from harness.ingest.shuffle import MEMORY, PARTITIONS, Spool
from harness.redact import redaction
from harness.types import Noun

FRAME = 500
"""Records of one frame."""
REMOTE_KEYS = (
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_WEB_IDENTITY_TOKEN_FILE"),
    *("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONTAINER_AUTHORIZATION_TOKEN", "GOOGLE_APPLICATION_CREDENTIALS"),
    *("AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_KEY", "AZURE_STORAGE_SAS_TOKEN", "AZURE_CLIENT_SECRET", "HF_TOKEN"),
)
"""What s3fs, gcsfs and adlfs read by themselves; any further one the user names in TRUEUP_SECRETS."""


class IngestJob(Noun, frozen=True):
    """What one child is to do: cut `files`, or join `partitions`."""

    folder: str
    """Where the pieces are put, and found."""
    name: str
    format: str = ""
    options: dict[str, Any] = {}
    files: tuple[tuple[int, str, int, bytes], ...] = ()
    """Number, and the fields of `File`."""
    known: tuple[str, ...] = ()
    """sha256 of files that are passed over."""
    memory: int = MEMORY
    partitions: tuple[int, ...] = ()
    paths: tuple[str, ...] = ()
    damaged: tuple[int, ...] = ()


class IngestFrame(Noun, frozen=True):
    batch: ParsedBatch = ParsedBatch()
    cut: Cut = Cut()
    moved: int = 0


def cut(
    files: Sequence[File], job: IngestJob, workers: int, known: Sequence[str], moved: Callable[[int], None]
) -> Iterator[IngestFrame]:
    """Cut the files with so many children; frames as they come. The largest files are dealt out first."""
    hands: list[list[tuple[int, str, int, bytes]]] = [[] for _ in range(workers)]
    for number, file in sorted(enumerate(files), key=lambda pair: -pair[1].size):
        min(hands, key=lambda hand: sum(entry[2] for entry in hand)).append((number, *file))
    jobs = [
        IngestJob(job.folder, f"{n:03}", job.format, job.options, tuple(hand), tuple(known), MEMORY // workers)
        for n, hand in enumerate(hands)
        if hand
    ]
    for frame in _run(jobs):
        moved(frame.moved)
        yield frame


def join(job: IngestJob, workers: int, paths: Sequence[str], damaged: Sequence[int]) -> Iterator[IngestFrame]:
    """Join all partitions with so many children; frames as they come."""
    yield from _run(
        [
            IngestJob(
                job.folder,
                f"{n:03}",
                options=job.options,
                partitions=tuple(range(n, PARTITIONS, workers)),
                paths=tuple(paths),
                damaged=tuple(damaged),
            )
            for n in range(workers)
        ]
    )


def _run(jobs: Sequence[IngestJob]) -> Iterator[IngestFrame]:
    frames: SimpleQueue[IngestFrame | TrueupError | None] = SimpleQueue()
    with ExitStack() as stack:
        for job in jobs:
            child = stack.enter_context(Worker("harness.ingest.workers", secrets=_secrets(job), death=_died))
            listener = threading.Thread(target=_listen, args=(child, job, frames), daemon=True)
            listener.start()
            stack.callback(listener.join)
            stack.callback(child.kill)
        running = len(jobs)
        while running:
            frame = frames.get()
            if frame is None:
                running -= 1
            elif isinstance(frame, TrueupError):
                raise frame
            else:
                yield frame


def _listen(child: Worker, job: IngestJob, frames: "SimpleQueue[IngestFrame | TrueupError | None]") -> None:
    child.send(encode(job))
    try:
        child.result(lambda data: frames.put(decode(data, IngestFrame)))
    except TrueupError as error:
        frames.put(error)
    frames.put(None)


def _secrets(job: IngestJob) -> tuple[str, ...]:
    """Keys that file systems behind addresses read from the environment; none when all files are on this machine."""
    return REMOTE_KEYS if any("://" in entry[1] for entry in job.files) else ()


def _died(code: int, output: str) -> TrueupError:
    last = output[-500:] or f"exit status {code}"
    return TrueupError(f"ingest failed in a child process: {last}", next="report it; nothing was stored")


def _cut(job: IngestJob, parent: Parent) -> None:
    """In the child: cut its files into partitions on the disk."""
    before = 0

    def moved(done: int, total: int) -> None:
        nonlocal before
        if done - before > 2**22:
            parent.event(encode(IngestFrame(moved=done - before)))
            before = done

    door = StoreDoor(redaction.of(job.options))
    with Spool(job.memory, folder=Path(job.folder), name=job.name) as spool:
        skip, limits = frozenset(job.known).__contains__, assemble.limits_of(job.options)
        cutter, batches = Cutter(job.format, spool, skip, door, limits), Batches(FRAME)
        for bad in parse.cut([(entry[0], File(*entry[1:])) for entry in job.files], cutter, moved):
            for batch in batches.add(bad):
                parent.event(encode(IngestFrame(batch=batch)))
        spool.flush()
    parent.event(encode(IngestFrame(batch=batches.take(counts=dict(door.counts)), cut=cutter.cut)))


def _join(job: IngestJob, parent: Parent) -> None:
    """In the child: join its partitions, and give all away."""
    door = StoreDoor(redaction.of(job.options))
    joiner, batches = Joiner(job.paths, job.damaged, job.options, door), Batches(FRAME)
    groups = (group for number in job.partitions for group in Spool.read(Path(job.folder), number))
    for item in joiner.join(groups):
        for batch in batches.add(item):
            parent.event(encode(IngestFrame(batch=batch)))
    parent.event(encode(IngestFrame(batch=batches.take(counts=dict(joiner.counts + door.counts)))))


def main() -> None:
    """The child: reads its job, does it, and ends."""
    parent = worker.parent()
    parent.perform(lambda: _perform(decode(next(parent.requests()), IngestJob), parent))


def _perform(job: IngestJob, parent: Parent) -> bytes:
    (_join if job.partitions else _cut)(job, parent)
    return encode(None)


def options_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options as plain values that cross a pipe."""
    plain: dict[str, Any] = msgspec.to_builtins(dict(options))
    return plain


if __name__ == "__main__":
    main()
