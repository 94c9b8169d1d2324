"""Ingest by several processes: each cuts some of the files, then each joins some of the partitions.

    python -P -m harness.ingest.workers      in a child: one job on stdin, frames on stdout

A child is a fresh interpreter, so the caller's threads and its `__main__` do not matter. It inherits the environment, for
addresses may need it. What crosses the pipes are plain values; a child that dies ends the command, and nothing of the
export is stored then.
"""

import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Any

import msgspec

from harness.errors import TrueupError
from harness.ingest import assemble, parse
from harness.ingest.assemble import Batch, Batches, Joiner
from harness.ingest.containers import File
from harness.ingest.parse import Cut, Cutter
from harness.ingest.shuffle import MEMORY, PARTITIONS, Spool
from harness.redact import redaction
from harness.types import Noun

FRAME = 500
"""Records of one frame."""


class Job(Noun, frozen=True):
    """What one child is to do: cut `files`, or join `partitions`."""

    folder: str
    """Where the pieces are put, and found."""
    name: str
    format: str = ""
    options: dict[str, Any] = {}
    files: tuple[tuple[int, str, int], ...] = ()
    """Number, path and size."""
    known: tuple[str, ...] = ()
    """sha256 of files that are passed over."""
    memory: int = MEMORY
    partitions: tuple[int, ...] = ()
    paths: tuple[str, ...] = ()
    damaged: tuple[int, ...] = ()


class Frame(Noun, frozen=True):
    batch: Batch = Batch()
    cut: Cut = Cut()
    moved: int = 0
    error: str = ""
    """What went wrong; the child has ended."""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Frame).decode


def cut(
    files: Sequence[File], job: Job, workers: int, known: Sequence[str], moved: Callable[[int], None]
) -> Iterator[Frame]:
    """Cut the files with so many children; frames as they come. The largest files are dealt out first."""
    hands: list[list[tuple[int, str, int]]] = [[] for _ in range(workers)]
    for number, file in sorted(enumerate(files), key=lambda pair: -pair[1].size):
        min(hands, key=lambda hand: sum(size for _, _, size in hand)).append((number, *file))
    jobs = [
        Job(job.folder, f"{n:03}", job.format, job.options, tuple(hand), tuple(known), MEMORY // workers)
        for n, hand in enumerate(hands)
        if hand
    ]
    for frame in _run(jobs):
        moved(frame.moved)
        yield frame


def join(job: Job, workers: int, paths: Sequence[str], damaged: Sequence[int]) -> Iterator[Frame]:
    """Join all partitions with so many children; frames as they come."""
    yield from _run(
        [
            Job(
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


def _run(jobs: Sequence[Job]) -> Iterator[Frame]:
    frames: SimpleQueue[Frame | None] = SimpleQueue()
    with ExitStack() as stack:
        for job in jobs:
            noise = stack.enter_context(tempfile.TemporaryFile())
            child = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-P", "-m", "harness.ingest.workers"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=noise,
                )
            )
            stack.callback(child.kill)
            threading.Thread(target=_listen, args=(child, job, noise, frames), daemon=True).start()
        running = len(jobs)
        while running:
            frame = frames.get()
            if frame is None:
                running -= 1
            elif frame.error:
                raise TrueupError(
                    f"ingest failed in a child process: {frame.error}", next="report it; nothing was stored"
                )
            else:
                yield frame


def _listen(child: Any, job: Job, noise: IO[bytes], frames: "SimpleQueue[Frame | None]") -> None:
    try:
        _send(child.stdin, job)
        child.stdin.close()
        while head := child.stdout.read(4):
            frames.put(_decode(child.stdout.read(int.from_bytes(head, "big"))))
    except (OSError, msgspec.DecodeError):
        pass  # the exit status tells
    if child.wait():
        noise.seek(0)
        frames.put(Frame(error=noise.read()[-500:].decode("utf-8", "replace") or f"exit status {child.returncode}"))
    frames.put(None)


def _send(stream: IO[bytes], value: Noun) -> None:
    data = _encode(value)
    stream.write(len(data).to_bytes(4, "big") + data)
    stream.flush()


def _cut(job: Job, out: IO[bytes]) -> None:
    """In the child: cut its files into partitions on the disk."""
    before = 0

    def moved(done: int, total: int) -> None:
        nonlocal before
        if done - before > 2**22:
            _send(out, Frame(moved=done - before))
            before = done

    with Spool(job.memory, folder=Path(job.folder), name=job.name) as spool:
        cutter, batches = Cutter(job.format, spool, frozenset(job.known).__contains__), Batches(FRAME)
        for bad in parse.cut([(number, File(path, size)) for number, path, size in job.files], cutter, moved):
            for batch in batches.add(bad):
                _send(out, Frame(batch=batch))
        spool.flush()
    _send(out, Frame(batch=batches.take(), cut=cutter.cut))


def _join(job: Job, out: IO[bytes]) -> None:
    """In the child: join its partitions, redact, and give all away."""
    redact = redaction.of(job.options)
    joiner, batches = Joiner(job.paths, job.damaged, job.options), Batches(FRAME)
    groups = (group for number in job.partitions for group in Spool.read(Path(job.folder), number))
    for item in assemble.redacted(joiner.join(groups), redact):
        for batch in batches.add(item):
            _send(out, Frame(batch=batch))
    counts: Counter[str] = joiner.counts + assemble.found_in(redact)
    _send(out, Frame(batch=batches.take(counts=dict(counts))))


def main() -> None:
    """The child: reads its job, does it, and ends."""
    size = int.from_bytes(sys.stdin.buffer.read(4), "big")
    job = msgspec.msgpack.decode(sys.stdin.buffer.read(size), type=Job)
    out = sys.stdout.buffer
    try:
        (_join if job.partitions else _cut)(job, out)
    except TrueupError as error:
        _send(out, Frame(error=str(error)))


def options_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options as plain values that cross a pipe."""
    return msgspec.to_builtins(dict(options))


if __name__ == "__main__":
    main()
