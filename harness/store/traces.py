"""Keep the trace table: calls, feedback and unreadable records, each once, however often it was exported.

A merge only ever adds rows, in one transaction with its receipt: the export files it read and what became of each
record. So a merge is there whole or not at all, and the counts add up to all that was ever read. What several rows of
one id mean, `harness.store.variants` says.
"""

import time
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
from msgspec.structs import asdict

from harness.core import codec
from harness.core.recordings import is_pair
from harness.store import forgetting, rows, variants
from harness.store.lock import Lock
from harness.store.origin import Origin
from harness.store.rows import CALL, FEEDBACK, QUARANTINED, RECEIPT, Receipt, Row
from harness.store.suppression import Suppression
from harness.store.table import Snapshot, Table
from harness.types import Call, Feedback, Noun, Quarantined

MANY_FILES = 64
"""Data files of one kind; above it a merge rewrites them into one."""

KINDS = (CALL, FEEDBACK, QUARANTINED, RECEIPT)


class Merged(Noun, frozen=True):
    """What became of the records of one merge. All but `pairs` and `corrections` add up to what was read."""

    stored: int = 0
    pairs: int = 0
    """Those of `stored` with input and output content both there and whole."""
    repeated: int = 0
    """Calls that were there already, or that one export recorded more than once."""
    conflicts: int = 0
    """Calls that were there already, with a content that contradicts."""
    feedback: int = 0
    feedback_repeated: int = 0
    quarantined: int = 0
    quarantined_repeated: int = 0
    suppressed: int = 0
    """Calls and feedback of a user or trace that was forgotten: they stay out."""
    corrections: int = 0
    """Those of `feedback` that bring a corrected answer."""
    formats: dict[str, int] = {}
    """Those of `stored` by the convention or format that they were read by."""
    reasons: dict[str, int] = {}
    """Those of `quarantined` by reason, without its details."""

    def counts(self) -> dict[str, int]:
        return {name: count for name, count in asdict(self).items() if isinstance(count, int)}


DAY_NS = 86_400 * 10**9


class Traces:
    def __init__(self, folder: Path, lock: Lock, suppression: Suppression, origin: Origin) -> None:
        self._table, self._lock, self._suppression = Table(folder, origin), lock, suppression
        self._versions: dict[str, str] = {}
        self._known: dict[str, set[str]] = {}

    def merge(
        self,
        calls: Sequence[Call],
        feedback: Sequence[Feedback],
        quarantined: Iterable[Quarantined],
        files: Mapping[str, str] = {},
        repeated: int = 0,
        held: Mapping[str, int] = {},
    ) -> Merged:
        """Add what is not there yet; durable when it returns.

        `files` maps the sha256 of each export file that ends in this batch to its path, `held` to the records that it
        gave; `repeated` counts calls of the batch that the export held more than once. The batch is held in memory.
        Raises StorageError on a full disk, and BusyError when another process writes; the table is then as it was.
        """
        with self._lock():
            snapshot = self._table.recover()
            read = len(calls) + len(feedback)
            calls, feedback = self._suppression.kept(calls), self._suppression.kept(feedback)
            added, fates = variants.fresh(snapshot, ((call, rows.call_row(call)) for call in calls))
            new = [call for call, row in added if not row["variant"]]
            new_feedback, notes = _fresh(snapshot, FEEDBACK, map(rows.feedback_row, feedback))
            broken = [(rows.quarantined_row(item), item.reason) for item in quarantined]
            unread, lost = _fresh(snapshot, QUARANTINED, (row for row, _ in broken))
            why = {row["digest"]: _plain(reason) for row, reason in broken}
            merged = Merged(
                stored=len(new),
                pairs=sum(map(is_pair, new)),
                repeated=fates["repeated"] + repeated,
                conflicts=fates["conflict"],
                feedback=notes["new"],
                feedback_repeated=notes["repeated"] + notes["variant"],
                quarantined=lost["new"] + lost["variant"],
                quarantined_repeated=lost["repeated"],
                suppressed=read - len(calls) - len(feedback),
                corrections=sum(row["corrected"] for row in new_feedback if not row["variant"]),
                formats=dict(Counter(map(_read_by, new))),
                reasons=dict(Counter(why[row["digest"]] for row in unread)),
            )
            if any(merged.counts().values()) or files.keys() - self._files(snapshot).keys():
                receipt = Receipt(files=dict(files), counts=merged.counts(), held=dict(held))
                self._commit({CALL: [row for _, row in added], FEEDBACK: new_feedback, QUARANTINED: unread}, receipt)
            return merged

    def calls(self) -> Iterator[Call]:
        """Every call once, by start time and id. Memory is bounded by one batch of each data file."""
        snapshot = self._table.open()
        several = variants.of(snapshot)
        for row in snapshot.ordered(snapshot.names(CALL), ["body"]):
            call = _call(row, several)
            if call:
                yield call

    def feedback(self) -> Iterator[Feedback]:
        """Every feedback record once, by the time it was given."""
        snapshot = self._table.open()
        for row in snapshot.ordered(snapshot.names(FEEDBACK), ["body", "variant"]):
            if not row["variant"]:
                yield codec.decode(row["body"], Feedback)

    def feedback_ids(self) -> set[str]:
        """Ids of all feedback records."""
        return {row["id"] for row in _columns(self._table.open(), FEEDBACK, ["id"])}

    def quarantined(self) -> Iterator[Quarantined]:
        """Every record that could not be read, in each place where it was found."""
        snapshot = self._table.open()
        for row in snapshot.ordered(snapshot.names(QUARANTINED), ["body"]):
            yield codec.decode(row["body"], Quarantined)

    def call(self, id: str) -> Call | None:
        return self.calls_by_id([id]).get(id)

    def calls_by_id(self, ids: Iterable[str]) -> dict[str, Call]:
        """The calls of these ids, by id; those that are not there are left out."""
        snapshot = self._table.open()
        several = variants.of(snapshot)
        found = (_call(row, several) for row in snapshot.where(CALL, "id", ids, ["digest", "body"]))
        return {call.id: call for call in found if call}

    def version(self) -> str:
        """Digest of all calls and feedback, whatever order they came in; empty when there are none."""
        snapshot = self._table.open()
        if snapshot.digest not in self._versions:
            lines = sorted(
                f"{kind}:{row['id']}:{row['digest']}"
                for kind in (CALL, FEEDBACK)
                for batch in snapshot.batches(kind, ["id", "digest"])
                for row in batch.to_pylist()
            )
            self._versions = {snapshot.digest: codec.digest(lines) if lines else ""}
        return self._versions[snapshot.digest]

    def seen(self, file_digest: str) -> bool:
        """Whether an export file of that sha256 was merged to its end."""
        snapshot = self._table.open()
        if snapshot.digest not in self._known:
            self._known = {snapshot.digest: set(self._files(snapshot))}
        return file_digest in self._known[snapshot.digest]

    def held(self, file_digest: str) -> int:
        """Calls and feedback records that an export file of that sha256 gave when it was merged; 0 when it was not."""
        return next((r.held.get(file_digest, 0) for r in _receipts(self._table.open()) if file_digest in r.files), 0)

    def counts(self) -> dict[str, int]:
        """The fate of all that was ever read.

        `read` = `calls` + `repeated` + `conflicts` + `feedback` + `feedback_repeated` + `quarantined` +
        `quarantined_repeated` + `forgotten` (erased) + `suppressed` (read after they were forgotten); `calls` = `usable`
        + `incomplete`; `corrections` are some of `feedback`.
        """
        snapshot = self._table.open()
        read: Counter[str] = Counter()
        for receipt in _receipts(snapshot):
            read.update(receipt.counts)
        several = variants.of(snapshot)
        calls = _columns(snapshot, CALL, ["id", "variant", "usable"])
        notes = _columns(snapshot, FEEDBACK, ["variant", "corrected"])
        usable = sum(row["usable"] and row["id"] not in several for row in calls)
        usable += sum(variant.call.usable for variant in several.values())
        distinct = sum(not row["variant"] for row in calls)
        return {
            "read": sum(count for fate, count in read.items() if fate not in ("corrections", "pairs", "forgotten")),
            "calls": distinct,
            "usable": usable,
            "incomplete": distinct - usable,
            "repeated": read["repeated"],
            "conflicts": read["conflicts"],
            "feedback": sum(not row["variant"] for row in notes),
            "feedback_repeated": read["feedback_repeated"],
            "corrections": sum(row["corrected"] and not row["variant"] for row in notes),
            "quarantined": sum(batch.num_rows for batch in snapshot.batches(QUARANTINED, ["id"])),
            "quarantined_repeated": read["quarantined_repeated"],
            "forgotten": read["forgotten"],
            "suppressed": read["suppressed"],
        }

    def calls_a_day(self) -> float:
        """Mean over the days (UTC) that have calls; 0 without a call whose time is known."""
        rows = _columns(self._table.open(), CALL, ["start_ns", "variant"])
        days = Counter(row["start_ns"] // DAY_NS for row in rows if row["start_ns"] > 0 and not row["variant"])
        return days.total() / len(days) if days else 0.0

    def belonging(self, user_ids: Collection[str] = (), trace_id: str = "") -> tuple[str, ...]:
        """Ids of the calls that `forget` would erase."""
        return tuple(sorted(forgetting.belongings(self._table.open(), user_ids, trace_id).calls))

    def forget(self, user_ids: Collection[str] = (), trace_id: str = "", later: bool = False) -> tuple[str, ...]:
        """Erase a user's or a trace's calls and the feedback on them, from the disk too. Returns the calls' ids.

        They never come back, whatever export brings them; nor do a user's that are not stored and began before now, and,
        if `later`, those that begin after it. `user_ids` are all ids of one user.
        """
        with self._lock():
            snapshot = self._table.recover()
            gone = forgetting.belongings(snapshot, user_ids, trace_id)
            self._suppression.add(gone.names(_now(snapshot), later))  # first: what is listed and there is found again
            self._erase(snapshot, gone.holds)
            return tuple(sorted(gone.calls))

    def make(self) -> None:
        """Seal an empty table, where there is none yet."""
        self._table.make()

    def verify(self) -> list[str]:
        """Read the table again and name each file that is not what was written."""
        return self._table.verify()

    def accept(self) -> list[str]:
        """Begin an empty table where the old one cannot be read; says what was lost."""
        return self._table.accept()

    # ------------------------------------------------------------ small print

    def _commit(self, fresh: dict[str, list[Row]], receipt: Receipt) -> None:
        data = {kind: rows.tables(rows.in_order(found)) for kind, found in fresh.items()}
        self._join(self._table.commit({**data, RECEIPT: _receipt(receipt)}))

    def _join(self, snapshot: Snapshot) -> None:
        """Join the small data files of a kind into one when there are many, so that reading opens few."""
        many = {kind: names for kind in KINDS if len(names := snapshot.small(kind)) > MANY_FILES}
        data = {kind: rows.tables(snapshot.ordered(names, rows.SCHEMA.names)) for kind, names in many.items()}
        self._table.commit(data, without=[name for names in many.values() for name in names])

    def _erase(self, snapshot: Snapshot, leaves: Callable[[str, Row], bool]) -> None:
        """Write the data files that hold such rows anew without them, and remove the old ones from the disk."""
        anew: dict[str, list[str]] = {CALL: [], FEEDBACK: []}
        forgotten = 0
        for kind, names in anew.items():
            for name in snapshot.names(kind):
                columns = ["user_id", "trace_id", "session_id", "call_id", "variant"]
                found = [row for row in snapshot.ordered([name], columns) if leaves(kind, row)]
                names += [name] if found else []
                forgotten += sum(not row["variant"] for row in found)  # the others count as repeated or conflict

        def left(kind: str) -> Iterator[pa.Table]:
            held = snapshot.ordered(anew[kind], rows.SCHEMA.names)
            return rows.tables(row for row in held if not leaves(kind, row))

        if any(anew.values()):
            receipt = _receipt(Receipt(counts={"forgotten": forgotten}))
            data = {CALL: left(CALL), FEEDBACK: left(FEEDBACK), RECEIPT: receipt}
            after = self._table.commit(data, without=[*anew[CALL], *anew[FEEDBACK]])
            self._table.sweep(after)

    def _files(self, snapshot: Snapshot) -> dict[str, str]:
        return {digest: path for receipt in _receipts(snapshot) for digest, path in receipt.files.items()}


def _fresh(snapshot: Snapshot, kind: str, found: Iterable[Row]) -> tuple[list[Row], Counter[str]]:
    """The rows that are not there yet, and how many are new, repeated, or a variant (a known id, another content)."""
    batch = list(found)
    known: dict[str, set[str]] = {}
    for row in snapshot.where(kind, "id", (row["id"] for row in batch), ["digest"]):
        known.setdefault(row["id"], set()).add(row["digest"])
    fresh, fates = [], Counter[str]()
    for row in batch:
        digests = known.setdefault(row["id"], set())
        fate = "repeated" if row["digest"] in digests else "variant" if digests else "new"
        fates[fate] += 1
        if fate != "repeated":
            digests.add(row["digest"])
            fresh.append({**row, "variant": fate == "variant"})
    return fresh, fates


def _call(row: Row, several: Mapping[str, variants.Variant]) -> Call | None:
    """The call of a row; None when another row of its id stands for it."""
    variant = several.get(row["id"])
    if variant is None:
        return codec.decode(row["body"], Call)
    return variant.call if variant.row == row["digest"] else None


def _read_by(call: Call) -> str:
    source = call.source
    return source.convention or source.format if source.format == "otlp" else source.format


def _plain(reason: str) -> str:
    """A reason without what differs from record to record."""
    return reason.partition(":")[0][:80]


def _columns(snapshot: Snapshot, kind: str, columns: list[str]) -> list[Row]:
    return [row for batch in snapshot.batches(kind, columns) for row in batch.to_pylist()]


def _receipt(receipt: Receipt) -> Iterator[pa.Table]:
    return rows.tables([rows.receipt_row(receipt, uuid.uuid4().hex, time.time_ns())])


def _now(snapshot: Snapshot) -> int:
    """The time, never before that of the last merge: a clock that was set back brings nothing back."""
    merged: Iterator[int] = (row["start_ns"] for row in _columns(snapshot, RECEIPT, ["start_ns"]))
    return max([time.time_ns(), *merged])


def _receipts(snapshot: Snapshot) -> Iterator[Receipt]:
    for row in _columns(snapshot, RECEIPT, ["body"]):
        yield codec.decode(row["body"], Receipt)
