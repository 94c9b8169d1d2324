"""Lock the store for one writer. The kernel holds the lock (flock), so it dies with its process and is never stale."""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout

from harness.errors import BusyError, StorageError


class Holder(msgspec.Struct, frozen=True):
    """Who holds the lock: for the message only; the lock itself is the kernel's."""

    pid: int
    host: str
    since: str


class Lock:
    """Re-entrant within the process: a run holds it for its whole length, and every write inside takes it again."""

    def __init__(self, folder: Path) -> None:
        # On a file system without flock, filelock would fall back to a lock that can go stale: refused.
        self._lock = FileLock(folder / "lock", thread_local=False, fallback_to_soft=False)
        self._holder = folder / "lock.holder.json"

    @property
    def held(self) -> bool:
        """Whether this process holds it."""
        return self._lock.is_locked

    def __call__(self, wait_s: float = 0) -> AbstractContextManager[None]:
        """Hold the store for writing. Raises BusyError, naming the holder, when another process has it, and keeps it for
        `wait_s`."""
        return self.folder(wait_s)

    def saving(self) -> AbstractContextManager[None]:
        """Around a write that needs no lock in a folder, and that a bucket may get together with the next one."""
        return nullcontext()

    def finishing(self) -> AbstractContextManager[None]:
        """Around a write that needs no lock in a folder, and that ends a step: a bucket has it when the block is left."""
        return nullcontext()

    @contextmanager
    def folder(self, wait_s: float = 0) -> Iterator[None]:
        """Hold the folder, whatever it is a copy of."""
        first = not self._lock.is_locked
        try:
            self._lock.acquire(timeout=wait_s)
        except Timeout as error:
            raise BusyError(
                *self._who(), where=self._lock.lock_file, next="wait for it to end, then try again"
            ) from error
        except OSError as error:
            raise StorageError(f"cannot lock: {error.strerror or error}", where=self._lock.lock_file) from error
        try:
            if first:
                self._sign()
            yield
        finally:
            self._lock.release()

    def _sign(self) -> None:
        since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
        with suppress(OSError):  # a full disk must not keep anyone from reading
            self._holder.write_bytes(msgspec.json.encode(Holder(os.getpid(), socket.gethostname(), since)))

    def _who(self) -> tuple[str]:
        try:
            holder = msgspec.json.decode(self._holder.read_bytes(), type=Holder)
        except (OSError, msgspec.DecodeError):
            return ("another run holds the lock",)
        return (f"another run holds the lock: process {holder.pid} on {holder.host}, since {holder.since}",)
