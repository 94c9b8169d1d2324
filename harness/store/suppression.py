"""Suppress what was forgotten, so that an export which still contains it does not bring it back.

The list names nobody. Of each id it holds a keyed hash (BLAKE2b as a MAC, RFC 7693), under the store's salt, and the time
up to which records with that id stay out. It is written before anything is erased, so a kill in between leaves the
records in the table and never the other way round: the same command again ends what was begun.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from harness.errors import StorageError
from harness.store import sealed
from harness.store.heads import REPAIR, Heads
from harness.store.rows import INT64
from harness.store.salt import salt
from harness.types import Call, Feedback, Noun

FILE = "suppressed.json"
EVER = INT64
"""Until when an id stays out that no later record can have, such as a call's."""

HEAD = "suppressed"

Record = Call | Feedback
R = TypeVar("R", Call, Feedback)


class Listed(Noun, frozen=True):
    """The file."""

    key: str
    """Hash of no id at all: tells whether the salt is still the one that the hashes were made with."""
    until: dict[str, int]
    """Hash of an id to Unix nanoseconds: records with that id that began no later stay out."""


class Suppression:
    def __init__(self, root: Path, heads: Heads) -> None:
        self._root, self._path, self._heads = root, root / FILE, heads

    def add(self, names: Mapping[str, int]) -> None:
        """List names (see `names_of_call`), each with its time; durable when it returns. A name's last time holds.

        Hold the store's lock.
        """
        hashed = self._hash()
        until = {**self._until(), **{hashed(name): time for name, time in names.items()}}
        with self._heads.changing(HEAD, _entries(until)):
            sealed.write(self._path, "suppressed", "list", Listed(key=hashed(""), until=until))

    def kept(self, records: Iterable[R]) -> list[R]:
        """The records that do not stay out. Raises StorageError when the list cannot be used."""
        until = self._until()
        if not until:
            return list(records)
        hashed = self._hash()

        def stays_out(record: Record) -> bool:
            listed = (until[name] for name in map(hashed, _names(record)) if name in until)
            return any(min(_began(record), EVER) <= time for time in listed)

        return [record for record in records if not stays_out(record)]

    def verify(self) -> list[str]:
        """Names the list when it is not what was written, or is lost."""
        try:
            self._until()
        except StorageError as error:
            return [error.where]
        return []

    def accept(self) -> list[str]:
        """Go on with what is left of the list; says what was lost."""
        lost = [path for path in self.verify() if path == str(self._path)]
        if lost:
            if self._path.exists() and not sealed.intact(self._path, "suppressed", "list"):
                sealed.set_aside(self._path)
            self._heads.accept(HEAD, _entries(self._listed().until))
        return lost

    def _until(self) -> dict[str, int]:
        listed = self._listed()
        self._heads.check(HEAD, _entries(listed.until), self._path)
        if listed.key and listed.key != self._hash()(""):
            raise StorageError(
                "the salt is not the one that the list of what was forgotten was made with",
                where=str(self._root / "salt"),
                next="restore the salt from a backup: without it, what was forgotten could come back unseen",
            )
        return listed.until

    def _listed(self) -> Listed:
        try:
            return sealed.read(self._path, "suppressed", "list", Listed)
        except FileNotFoundError:
            return Listed(key="", until={})
        except StorageError as error:
            raise StorageError(error.what, where=error.where, next=REPAIR) from error

    def _hash(self) -> Callable[[str], str]:
        key = salt(self._root).encode()

        def hashed(name: str) -> str:
            return hashlib.blake2b(name.encode("utf-8", "surrogatepass"), key=key, digest_size=16).hexdigest()

        return hashed


def _entries(until: Mapping[str, int]) -> list[list[str | int]]:
    """The list as entries whose number and content are sealed."""
    return [[name, time] for name, time in sorted(until.items())]


def names_of_call(call: Call) -> Iterator[str]:
    """What no other call is called: its id, and those of the spans that it was recorded in."""
    spans = (span if ":" in span else f"{call.trace_id}:{span}" for span in call.source.span_ids)
    yield from (f"call:{id}" for id in dict.fromkeys([call.id, *spans]))


def user(id: str) -> str:
    return f"user:{id}"


def trace(id: str) -> str:
    """All of a trace."""
    return f"trace:{id}"


def response(id: str) -> str:
    """A provider's id of an answer: another library's recording of a call has it too, and so has a cached answer."""
    return f"response:{id}"


def beside(kind: str, id: str) -> str:
    """What stands in a trace or a session with a user's calls, and names no user of its own."""
    return f"beside:{kind}:{id}"


def _names(record: Record) -> Iterator[str]:
    """The names under which a record may be listed."""
    if isinstance(record, Call):
        yield from names_of_call(record)
        of_nobody = not record.user_id
    else:
        span = f"{record.trace_id}:{record.span_id}" if record.span_id else ""
        yield from (f"call:{id}" for id in (record.call_id, span) if id)
        of_nobody = not record.call_id
    ids = ((user, record.user_id), (trace, record.trace_id), (response, record.response_id))
    yield from (name(id) for name, id in ids if id)
    if of_nobody:
        yield from (beside(kind, id) for kind, id in (("trace", record.trace_id), ("session", record.session_id)) if id)


def _began(record: Record) -> int:
    """Unix nanoseconds; 0, so before anything, when that is not known."""
    return record.start_ns if isinstance(record, Call) else record.at_ns
