"""Hold a store in a bucket for one writer: a lease in its root, beside the lock of the folder.

Taking the lease, keeping it and publishing all swap the same root on its version. So a writer that was silent for too long
and lost the lease cannot write: its version is gone, whatever its clock says. The fencing token counts the leases. When a
silent lease has ended, the server's clock decides.
"""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path

from msgspec.structs import replace

from harness.errors import BusyError, StorageError
from harness.store.lock import Lock
from harness.store.remote.bucket import Conflict
from harness.store.remote.copy import WorkingCopy
from harness.store.remote.root import LeaseHolder, Root

BEATS = 4
"""Signs of life in the time after which a silent lease ends."""


class Lease(Lock):
    """The lock of a working copy: the folder's own and the bucket's lease. What was written is published whenever a block
    is left, at any depth, so the bucket always has what the folder has once the call that wrote it returns."""

    def __init__(self, folder: Path, copy: WorkingCopy, lasts_s: float) -> None:
        super().__init__(folder)
        self._copy, self._lasts_s, self._depth = copy, lasts_s, 0
        self._guard = threading.Lock()
        self._ended = threading.Event()

    @contextmanager
    def __call__(self, wait_s: float = 0) -> Iterator[None]:
        with self.folder(wait_s):
            if self._depth == 0:
                self._take()
            self._depth += 1
            try:
                yield
            except Exception as error:
                if not isinstance(error, BusyError):
                    with suppress(StorageError, BusyError):  # what went wrong first is what is reported
                        self._publish()
                raise
            else:
                self._publish()
            finally:
                self._depth -= 1
                if self._depth == 0:
                    self._give_back()

    def saving(self) -> AbstractContextManager[None]:
        return nullcontext() if self._depth else self()

    def finishing(self) -> AbstractContextManager[None]:
        return self()

    # ------------------------------------------------------------ small print

    def _take(self) -> None:
        pointer = self._copy.pointer
        root = self._copy.root() or Root(id=self._copy.new_id())
        if root.holder and not self._is_over(root.holder):
            raise BusyError(
                f"another run holds the store: process {root.holder.pid} on {root.holder.host}, since {root.holder.since}",
                where=self._copy.address,
                next=f"wait for it to end; if it died, its lease ends {root.holder.lasts_s:.0f} s after its last sign of life",
            )
        since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
        me = LeaseHolder(self._copy.copy_id, socket.gethostname(), os.getpid(), since, self._lasts_s)
        try:
            pointer.swap(replace(root, token=root.token + 1, holder=me))
        except Conflict as error:
            raise BusyError(
                "another run took the store at the same moment",
                where=self._copy.address,
                next="try again when it has ended",
            ) from error
        self._ended = threading.Event()
        threading.Thread(target=self._beat, args=(self._ended,), daemon=True, name="lease").start()
        try:
            self._copy.pull(writing=True)
            self._copy.clean()
        except BaseException:
            self._give_back()
            raise

    def _is_over(self, holder: LeaseHolder) -> bool:
        """Whether the holder is dead for sure, or has been silent for too long."""
        if (holder.copy, holder.host) == (self._copy.copy_id, socket.gethostname()):
            return True  # its folder's lock is ours now
        return self._copy.pointer.now() - self._copy.pointer.at_s > holder.lasts_s

    def _beat(self, ended: threading.Event) -> None:
        """Give signs of life until the lease is given back or lost."""
        while not ended.wait(self._lasts_s / BEATS):
            with self._guard:
                root = self._copy.pointer.root
                if ended.is_set() or root is None:
                    return
                try:
                    self._copy.pointer.swap(root)
                except Conflict:
                    return  # whoever publishes next is told
                except StorageError:
                    continue  # the next beat may reach the bucket

    def _publish(self) -> None:
        with self._guard:
            try:
                self._copy.publish()
            except Conflict as error:
                raise BusyError(
                    "the lease on the store was lost: this run gave no sign of life for too long, and another one took over",
                    where=self._copy.address,
                    next="run the same command again; what was not published by then is made again",
                ) from error

    def _give_back(self) -> None:
        self._ended.set()
        with self._guard, suppress(Conflict, StorageError):
            root = self._copy.pointer.root
            if root:
                self._copy.pointer.swap(replace(root, holder=None))
