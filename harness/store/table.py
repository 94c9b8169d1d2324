"""Merge rows into the Delta Lake table of traces: one commit a merge, all or nothing, synced before it returns.

The library's own writer calls no fsync. So data files are written here first: Parquet with page checksums, named by the
sha256 of their bytes, synced; then the library commits them as one transaction; then the log entry is synced; and last
a seal is written that names the version and its files. The seal is the moment of commit: readers open the version it
names, a later log entry was never acknowledged and is removed by the next writer, and a log that does not lead to
exactly those files was changed.
"""

import heapq
import itertools
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from operator import itemgetter
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable, PostCommitHookProperties
from deltalake import Schema as DeltaSchema
from deltalake.exceptions import DeltaError
from deltalake.transaction import AddAction, RemoveAction, create_table_with_add_actions

from harness.core import codec
from harness.errors import StorageError
from harness.store import durable, rows, sealed
from harness.store.origin import Origin
from harness.store.rows import Row
from harness.types import Noun

CONFIGURATION = {"delta.enableExpiredLogCleanup": "false"}
# A checkpoint would be written without fsync, and readers prefer it to the log: a torn one would lose the table.
HOOKS = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)

BATCH = 1024
"""Rows that are decoded at once."""

REPAIR = "restore it from a backup; without one, `trueup doctor --repair` and then `trueup ingest` of the exports"

SMALL = 16 << 20
"""Bytes; smaller data files are joined when there are many."""


class Seal(Noun, frozen=True):
    """The last version that was acknowledged."""

    version: int = -1
    files: str = ""
    """Digest of the sorted names of its data files; a name is the digest of its file's bytes."""
    log: str = ""
    """Chained digest of the log's entries up to that version; empty where an earlier trueup wrote the seal."""


class Snapshot:
    """One version of the table: a list of immutable files. Reading it needs no lock."""

    def __init__(self, folder: Path, version: int, files: Sequence[str], origin: Origin) -> None:
        self.version, self.files, self._folder, self._origin = version, tuple(sorted(files)), folder, origin

    @property
    def digest(self) -> str:
        return codec.digest(self.files)

    def names(self, kind: str) -> list[str]:
        """Data files of a kind, as the table names them."""
        return [file for file in self.files if file.startswith(f"kind={kind}/")]

    def small(self, kind: str) -> list[str]:
        """Those of them that are worth joining."""
        return [file for file in self.names(kind) if self._place(file).stat().st_size < SMALL]

    def batches(self, kind: str, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """The rows of a kind, file after file."""
        for name in self.names(kind):
            yield from _batches(self._place(name), columns)

    def ordered(self, names: Sequence[str], columns: Sequence[str]) -> Iterator[Row]:
        """The rows of some data files by time, id and digest. Memory: one batch of each file."""
        wanted = list(dict.fromkeys([*rows.ORDER, *columns]))
        streams = [_rows(self._place(name), wanted) for name in names]
        return heapq.merge(*streams, key=itemgetter(*rows.ORDER))

    def where(self, kind: str, column: str, values: Iterable[str], columns: Sequence[str]) -> Iterator[Row]:
        """The rows of a kind whose `column` is one of `values`."""
        wanted = pa.array(sorted(set(values)), pa.string())
        if len(wanted):
            for batch in self.batches(kind, list(dict.fromkeys([column, *columns]))):
                yield from batch.filter(pc.is_in(batch[column], value_set=wanted)).to_pylist()

    def _place(self, name: str) -> Path:
        path = self._folder / name
        self._origin.bring(path)
        return path


class Table:
    """Opens snapshots and commits new ones. Everything but `open` and `verify` wants the store's lock held."""

    def __init__(self, folder: Path, origin: Origin) -> None:
        self._folder, self._log, self._origin = folder, folder / "_delta_log", origin
        self._seal = folder.parent / f"{folder.name}.seal.json"
        self._opened = (Seal(), Snapshot(folder, -1, (), origin))

    def make(self) -> None:
        """Seal an empty table, where there is none yet."""
        if not self._seal.exists() and not any(self._log.glob("*")):
            sealed.write(self._seal, "seal", self._folder.name, Seal())

    def accept(self) -> list[str]:
        """Set a table that cannot be read aside and begin an empty one; says what was lost."""
        lost = self.verify()
        if lost:
            for path in (self._seal, self._folder):
                if path.exists():
                    sealed.set_aside(path)
            self._opened = (Seal(), Snapshot(self._folder, -1, (), self._origin))
            self.make()
        return lost

    def open(self) -> Snapshot:
        """The last acknowledged version. Raises StorageError when the log does not lead to the files it had."""
        seal = self._sealed()
        if seal != self._opened[0]:
            snapshot = self._load(seal.version)
            if snapshot.digest != seal.files:
                raise _unreadable(self._log, "the log is not what was written")
            self._opened = (seal, snapshot)
        return self._opened[1]

    def commit(self, data: Mapping[str, Iterable[pa.Table]], without: Sequence[str] = ()) -> Snapshot:
        """Add rows of each kind and take the files `without` out, as one transaction; durable when it returns.

        Raises StorageError on a full disk; the table is then as it was.
        """
        before = self.open()
        with _delta_errors(self._folder):
            adds = [add for kind, tables in data.items() if (add := self._write(kind, tables))]
            gone = set(without) - {add.path for add in adds}  # the same rows give the same file: it just stays
            adds = [add for add in adds if add.path not in before.files]
            if not adds and not gone:
                return before
            self._transact(before, adds, [_remove(path) for path in sorted(gone)])
            durable.sync_file(self._log / f"{before.version + 1:020}.json")
            codec.sync_folder(self._log)
            codec.sync_folder(self._folder)
        after = self._load(before.version + 1)
        seal = Seal(version=after.version, files=after.digest, log=self._log_chain(after.version))
        sealed.write(self._seal, "seal", self._folder.name, seal)
        self._opened = (seal, after)
        return after

    def recover(self) -> Snapshot:
        """Undo what a killed writer left half-done, and return the version that stands."""
        snapshot = self.open()
        with durable.writing(self._log):
            for path in self._log.glob("*.json"):
                if path.stem.isdigit() and int(path.stem) > snapshot.version:
                    path.unlink()
        self.sweep(snapshot)
        return snapshot

    def sweep(self, snapshot: Snapshot) -> None:
        """Remove data files that no version names any more: a killed writer's, or those that were rewritten."""
        known = {str(self._folder / file) for file in snapshot.files}
        elsewhere = (path for path, *_ in self._origin.below(self._folder) if path.suffix == ".parquet")
        for path in {*self._folder.glob("kind=*/*"), *elsewhere}:
            if str(path) not in known:
                path.unlink(missing_ok=True)
                self._origin.drop(path)

    def verify(self) -> list[str]:
        """Read the table again and name each file that is not what was written."""
        try:
            snapshot = self.open()
        except StorageError as error:
            return [error.where]
        if not self._is_log_as_sealed():
            return [str(self._log)]
        paths = [self._folder / file for file in snapshot.files]
        return [str(path) for path in paths if not (_is_as_named(path) or self._origin.has(path) and not path.exists())]

    # ------------------------------------------------------------ small print

    def _sealed(self) -> Seal:
        try:
            return sealed.read(self._seal, "seal", self._folder.name, Seal)
        except FileNotFoundError as error:
            raise StorageError("the seal of the trace table is lost", where=str(self._seal), next=REPAIR) from error

    def _is_log_as_sealed(self) -> bool:
        seal = self._sealed()
        return not seal.log or seal.log == self._log_chain(seal.version)

    def _log_chain(self, version: int) -> str:
        chain = ""
        for number in range(version + 1):
            with suppress(OSError):  # one that is lost gives another digest
                chain = codec.digest([chain, codec.file_digest(self._log / f"{number:020}.json")])
        return chain

    def _load(self, version: int) -> Snapshot:
        try:
            table = DeltaTable(str(self._folder), version=version)
            files = pa.table(table.get_add_actions(flatten=True))["path"].to_pylist()
        except DeltaError as error:
            raise _unreadable(self._log, _first_line(error)) from error
        return Snapshot(self._folder, version, files, self._origin)

    def _transact(self, before: Snapshot, adds: list[AddAction], removes: list[RemoveAction]) -> None:
        schema = DeltaSchema.from_arrow(rows.SCHEMA.append(pa.field("kind", pa.string())))
        folder = str(self._folder)
        if before.version < 0:
            create_table_with_add_actions(
                folder,
                schema,
                adds,
                partition_by=["kind"],
                configuration=CONFIGURATION,
                post_commithook_properties=HOOKS,
            )
        else:
            actions: list[AddAction | RemoveAction] = [*adds, *removes]
            table = DeltaTable(folder, version=before.version)
            table.create_write_transaction(actions, "append", schema, ["kind"], post_commithook_properties=HOOKS)

    def _write(self, kind: str, tables: Iterable[pa.Table]) -> AddAction | None:
        """Write a data file, sync it and give it its name; None when there are no rows."""
        stream = iter(tables)
        first = next(stream, None)
        if first is None:
            return None
        place = durable.make_folder(self._folder / f"kind={kind}")
        partial, count = place / f".{os.getpid()}.partial", 0
        with pq.ParquetWriter(partial, rows.SCHEMA, compression="zstd", write_page_checksum=True) as writer:
            for table in itertools.chain([first], stream):
                writer.write_table(table)
                count += table.num_rows
        durable.sync_file(partial)
        path = place / f"{codec.file_digest(partial)}.parquet"
        partial.rename(path)
        codec.sync_folder(place)
        # No minimum and maximum of text columns: they would keep a user's id in the log after he was forgotten.
        statistics = json.dumps({"numRecords": count})
        name = path.relative_to(self._folder).as_posix()
        return AddAction(name, path.stat().st_size, {"kind": kind}, time.time_ns() // 10**6, True, statistics)


def _is_as_named(path: Path) -> bool:
    try:
        return codec.file_digest(path) == path.stem
    except OSError:
        return False


def _remove(path: str) -> RemoveAction:
    kind = path.removeprefix("kind=").split("/")[0]
    return RemoveAction(path, True, time.time_ns() // 10**6, partition_values={"kind": kind})


def _batches(path: Path, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            yield from file.iter_batches(BATCH, columns=list(columns), use_threads=False)
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, _first_line(error)) from error


def _rows(path: Path, columns: Sequence[str]) -> Iterator[Row]:
    for batch in _batches(path, columns):
        yield from batch.to_pylist()


def _first_line(error: Exception) -> str:
    """The libraries put a stack of their own behind it."""
    return str(error).split("\n", 1)[0] or type(error).__name__


def _unreadable(path: Path, reason: str) -> StorageError:
    return StorageError(f"the trace table cannot be read: {reason}", where=str(path), next=REPAIR)


@contextmanager
def _delta_errors(folder: Path) -> Iterator[None]:
    try:
        with durable.writing(folder):
            yield
    except (DeltaError, pa.ArrowException) as error:
        raise StorageError(f"cannot write: {_first_line(error)}", where=str(folder), next=durable.SPACE) from error
