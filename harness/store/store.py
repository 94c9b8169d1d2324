"""Open the store: one folder, `.trueup/`, and the rooms in it.

    store.json      version of the layout         artifacts/     datasets, adapters, runs, verdicts, by content id
    traces/         Delta Lake table               memo/          finished steps: digest of inputs -> result
    promotions/     history of each alias          ledger/        what was held out, for ever; looks at each version
    canaries/       start and end of each canary
    replies/        cached answers, a file a model scratch/       half-finished work; removed once its process is dead
    salt            what keys all pseudonyms       suppressed.json  what was forgotten, as hashes
    project         name of the project whose store it is
    work/           what trainings keep to be resumed from; `trueup prune` frees it
    deploying.json  journal of a deployment; only while one is under way
    shadow.json     what mirrored requests took, by day
    heads.json      length of ledger, promotions and what was forgotten, so that no end of them is lost unseen

Whoever writes takes the lock; reading needs none. Each write is there whole, and survives a power loss, before the
call that made it returns. A store in a bucket has the same rooms, and this folder is its working copy: `harness.store.remote`.
"""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path

import msgspec

from harness.core import codec
from harness.errors import BusyError, InvalidError, StorageError, TrueupError
from harness.store import durable, memory, replies, salt, sealed, suppression
from harness.store.artifacts import Artifacts
from harness.store.canaries import Canaries
from harness.store.heads import Heads
from harness.store.journal import Journal
from harness.store.ledger import Ledger
from harness.store.lock import Lock
from harness.store.memo import Memo
from harness.store.names import ident
from harness.store.origin import Origin
from harness.store.promotions import Promotions
from harness.store.replies import ReplyCache
from harness.store.shadow_days import ShadowDays
from harness.store.suppression import Suppression
from harness.store.traces import Traces

MARKER = "store.json"
OWNER = "project"
"""File with the name of the project whose store it is."""
LAYOUT = {"schema": codec.SCHEMA, "sealed": 1}
"""`sealed`: heads, the salt and an empty table are sealed from the start; a store of before gets that when it is opened."""
ROOMS = ("traces", "artifacts", "memo", "promotions", "ledger", "replies", "suppressed.json")
"""What only a finished store has: without its marker something was lost."""
BACKUP = "restore it from a backup; without one, trueup doctor --repair"
PATIENCE_S = 10.0
LEASE_S = 60.0
"""Without a sign of life for so long, a run on a store in a bucket counts as dead."""
COPY = "copy.json"
"""Only a working copy has this file."""


class Store:
    """All that trueup keeps between two commands. Make one with `Store.open`."""

    def __init__(self, root: Path, lock: Lock | None = None, origin: Origin | None = None) -> None:
        self.root = root
        self.origin = origin or Origin()
        self.reports: tuple[Path, ...] = ()
        """Folders where reports of its verdicts may be: they tell a store that lost its memory from a new one."""
        self._lock = lock or Lock(root)
        self._heads = Heads(root)
        self.artifacts = Artifacts(root, self._lock, self.origin)
        self.suppression = Suppression(root, self._heads)
        self.traces = Traces(root / "traces", self._lock, self.suppression, self.origin)
        self.memo = Memo(root / "memo", self._lock, self.origin)
        self.promotions = Promotions(root / "promotions", self._lock, self.artifacts, self._heads)
        self.ledger = Ledger(root / "ledger", self._lock, self._heads)
        self.canaries = Canaries(root / "canaries", self._lock, self._heads)
        self.journal = Journal(root, self._lock)
        self.shadow_days = ShadowDays(root)

    @classmethod
    def open(cls, root: Path, address: str = "", id: str = "", lasts_s: float = LEASE_S) -> "Store":
        """The store in the folder `root`, or the one in the bucket at `address`, of which the folder becomes the working copy.
        Made when it is not there.

        `id` is that of the store in the bucket, where it is known; `lasts_s` is after how many seconds without a sign of
        life a run on it counts as dead. Raises StorageError on a newer layout, and when what says the layout is lost or the
        bucket does not answer; InvalidError when the store has lost its memory, or the folder is another one's.
        """
        store, marker = cls._connected(root, address, id, lasts_s), root / MARKER
        if address:
            store._begin()
        if not (_is_there(marker) and "sealed" in _layout(marker)):
            durable.make_folder(root)
            with store._lock.folder(wait_s=PATIENCE_S):
                store._make()
        store._tidy()
        store._ignore()
        return store

    @classmethod
    def _connected(cls, root: Path, address: str, id: str = "", lasts_s: float = LEASE_S) -> "Store":
        if not address:
            if (root / COPY).exists():
                from harness.store.remote import index

                index.refuse_copy(root)
            return cls(root)
        from harness.store.remote.bucket import Bucket  # it brings obstore, which a folder does not need
        from harness.store.remote.copy import WorkingCopy
        from harness.store.remote.lease import Lease

        copy = WorkingCopy(root, Bucket(address), MARKER, id)
        return cls(root, Lease(root, copy, lasts_s), copy)

    def claim(self, project: str) -> None:
        """Let the store be that of a project, the first that opens it. Raises InvalidError when it is another's: two projects
        in one store would take each other's promotions and held-out rows for their own."""
        file = self.root / OWNER
        if not file.exists():
            with suppress(OSError):  # somebody else's store, which can only be read
                codec.write_atomic(file, f"{project}\n".encode())
            return
        owner = file.read_text(encoding="utf-8").strip()
        if owner != project:
            self._forsake()
            raise InvalidError(
                f"this store is that of the project {owner!r}, not of {project!r}",
                where=self.place,
                next=f"give each project a folder of its own; if this one was renamed, write its new name into {file}",
            )

    @property
    def place(self) -> str:
        """Where the store is, for people: its folder, or the address of the bucket."""
        return self.origin.address or str(self.root)

    def writing(self) -> AbstractContextManager[None]:
        """For work that needs no lock in a folder: nothing there, and the lease of a bucket."""
        return self.lock() if self.origin.address else nullcontext()

    def alone(self) -> AbstractContextManager[None]:
        """Hold the folder alone, whatever it is a copy of."""
        return self._lock.folder()

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the store for a whole run. Raises BusyError at once when another process holds it, InvalidError when the
        store has lost its memory."""
        first = not self._lock.held
        with self._lock():
            if first:
                durable.remove_partials(self.root)
                self.artifacts.remove_stale_scratch()
                memory.check(self, self.reports)
            yield

    def lost(self) -> Iterator[str]:
        """What verdicts, promotions and datasets name and the ledger does not know."""
        return memory.lost(self)

    def replies(self, model_digest: str) -> ReplyCache:
        """Cached answers of one model; its digest covers weights, adapter, template and sampling."""
        return ReplyCache(self.root / "replies" / f"{ident(model_digest)}.jsonl")

    def reply_caches(self) -> Iterator[ReplyCache]:
        """The cache file of each model that was asked."""
        return (ReplyCache(path) for path in sorted((self.root / "replies").glob("[!.]*.jsonl")))

    def work_folders(self) -> list[Path]:
        """Where trainings and trials worked, finished ones too."""
        return sorted(path for path in (self.root / "work").glob("[!.]*") if path.is_dir())

    def remove(self, paths: Iterable[Path]) -> None:
        """Remove cache files and work folders, with the lock held."""
        for path in paths:
            if path.is_dir():
                durable.remove_tree(path)
            else:
                with durable.writing(path):
                    path.unlink(missing_ok=True)

    def verify(self) -> list[str]:
        """Read everything again and name each file that is not what was written, or is lost."""
        parts = (
            self._heads,
            self.traces,
            self.suppression,
            self.artifacts,
            self.memo,
            self.promotions,
            self.ledger,
            self.canaries,
            self.journal,
        )
        found = [damaged for part in parts for damaged in part.verify()]
        return list(dict.fromkeys([*found, *salt.verify(self.root), *replies.verify(self.root / "replies")]))

    def dangling(self) -> list[str]:
        """Artifacts that a memo file or an alias names and that are not there: their step has to be done again."""
        lost = [f"{id}, named in {path}" for path, id in self.memo.entries() if not self._is_stored(id)]
        moves = {alias: self.promotions.current(alias) for alias in self.promotions.aliases()}
        return lost + [
            f"alias {alias}" for alias, move in moves.items() if move and not self.promotions.is_kept(move.adapter)
        ]

    @classmethod
    def repair(cls, root: Path, address: str = "", id: str = "", reports: tuple[Path, ...] = ()) -> list[str]:
        """Go on with what is left: set damaged files aside, forget finished steps whose result is gone, seal the rest.

        Says what was lost. Raises StorageError when the salt is lost that the list of what was forgotten was made with.
        """
        store, marker = cls._connected(root, address, id), root / MARKER
        with store._lock():
            lost = [] if _is_readable(marker) else [str(marker)]
            for path in map(Path, [*lost, *store._heads.verify()]):
                if path.exists():
                    sealed.set_aside(path)
                lost += [] if str(path) in lost else [str(path)]
            salt.make(root)
            lost += salt.accept(root, is_keyed=(root / suppression.FILE).exists())
            store._heads.make()
            for part in (
                store.traces,
                store.suppression,
                store.artifacts,
                store.promotions,
                store.ledger,
                store.canaries,
                store.journal,
            ):
                lost += part.accept()
            lost += [*store.memo.accept(store._is_stored), *replies.accept(root / "replies")]
            store.traces.make()
            codec.write_atomic(marker, codec.encode(LAYOUT))
            lost += memory.accept(store, reports)
        return list(dict.fromkeys(lost))

    # ------------------------------------------------------------ small print

    def _make(self) -> None:
        """Make a new store, or seal one of before; the marker is written last."""
        marker = self.root / MARKER
        is_old = _is_there(marker)
        if is_old and "sealed" in _layout(marker):
            return
        if not is_old and any((self.root / room).exists() for room in ROOMS):
            raise StorageError("the file that says the layout of the store is lost", where=str(marker), next=BACKUP)
        salt.make(self.root)
        self._heads.make()
        self.traces.make()
        if is_old:
            for part in (self.suppression, self.promotions, self.ledger):
                part.accept()
        codec.write_atomic(marker, codec.encode(LAYOUT))

    def _begin(self) -> None:
        """Read the bucket; a folder that was empty is left so where that fails, and another address can be tried."""
        try:
            self._refresh()
        except TrueupError:
            self._forsake()
            raise

    def _forsake(self) -> None:
        with suppress(BusyError, StorageError), self._lock.folder():
            self.origin.forsake()

    def _refresh(self) -> None:
        """Let the working copy be as the bucket is; a run that is at work in this folder keeps it so."""
        with suppress(BusyError), self._lock.folder():
            self.origin.refresh()

    def _tidy(self) -> None:
        """Remove stale work folders, unless a run is at work: of another process namespace it only looks dead."""
        if self.artifacts.stale_scratch():
            with suppress(BusyError, StorageError), self._lock.folder():
                self.artifacts.remove_stale_scratch()

    def _ignore(self) -> None:
        """Keep git out of the store: it holds what users wrote."""
        file = self.root / ".gitignore"
        if not file.exists():
            with suppress(OSError):
                codec.write_atomic(file, b"*\n")

    def _is_stored(self, id: str) -> bool:
        kinds = self.artifacts.kinds()
        return any(self.artifacts.has(kind, id) for kind in kinds) or self.ledger.looks.knows(id)


def _is_there(path: Path) -> bool:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise StorageError(f"cannot read: {error.strerror}", where=str(path), next=durable.READ_ACCESS) from error
    return True


def _is_readable(marker: Path) -> bool:
    try:
        return _is_there(marker) and bool(_layout(marker))
    except StorageError:
        return False


def _layout(marker: Path) -> dict[str, int]:
    try:
        layout = msgspec.json.decode(marker.read_bytes(), type=dict[str, int])
        schema = layout["schema"]
    except OSError as error:
        raise StorageError(f"cannot read: {error.strerror}", where=str(marker), next=durable.READ_ACCESS) from error
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError) as error:
        raise StorageError("not a store of trueup's", where=str(marker), next=BACKUP) from error
    if schema > codec.SCHEMA:
        raise StorageError(
            f"the store has layout {schema}, this trueup knows up to {codec.SCHEMA}",
            where=str(marker),
            next="pip install --upgrade trueup",
        )
    return layout
