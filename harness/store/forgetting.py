"""Find what belongs to a user or a trace: the calls, and the feedback on them.

A user's calls are those that carry the id, and those beside them, in the same trace or session, that carry no user's id at
all: a login comes late, and one library may record the user where another does not. A call of another user in the same
trace, as a batch job has them, stays.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from harness.core import codec
from harness.store import suppression
from harness.store.rows import CALL, Row
from harness.store.suppression import EVER
from harness.store.table import Snapshot
from harness.types import Call


class Belongings(NamedTuple):
    users: frozenset[str]
    """All ids of one user."""
    trace: str
    """The trace that is forgotten as a whole, whoever's its calls are; empty when there is none."""
    traces: frozenset[str]
    """Those of the user's calls; in them, what names no user is the user's."""
    sessions: frozenset[str]
    calls: Mapping[str, Sequence[Call]]
    """Id to all that was stored of that call."""

    def holds(self, kind: str, row: Row) -> bool:
        """Whether a row of the table is one of them."""
        if kind == CALL:
            return row["id"] in self.calls
        if row["user_id"] in self.users or row["call_id"] in self.calls:
            return True
        return not row["call_id"] and (
            row["trace_id"] in {*self.traces, self.trace} - {""} or row["session_id"] in self.sessions
        )

    def names(self, until_ns: int, later: bool) -> dict[str, int]:
        """For the suppression list: a call's own names for ever, what later records can have too up to a time."""
        calls = [call for found in self.calls.values() for call in found]
        listed = {name: EVER for call in calls for name in suppression.names_of_call(call)}
        listed |= {suppression.response(call.response_id): until_ns for call in calls if call.response_id}
        listed |= {suppression.user(user): EVER if later else until_ns for user in self.users}
        listed |= {suppression.trace(self.trace): EVER} if self.trace else {}
        listed |= {suppression.beside("trace", trace): EVER for trace in self.traces}
        return listed | {suppression.beside("session", session): until_ns for session in self.sessions}


def belongings(snapshot: Snapshot, users: Collection[str], trace: str) -> Belongings:
    """What the table holds of a user, under any of some ids, and of a trace."""
    mine = _stored(snapshot, "user_id", users)
    traces, sessions = ({getattr(call, name) for call in mine} - {""} for name in ("trace_id", "session_id"))
    found = [*mine, *_stored(snapshot, "trace_id", [trace])]
    found += [*_of_nobody(snapshot, "trace_id", traces), *_of_nobody(snapshot, "session_id", sessions)]
    calls: dict[str, list[Call]] = {}
    for call in _stored(snapshot, "id", {call.id for call in found}):
        calls.setdefault(call.id, []).append(call)
    return Belongings(frozenset(users) - {""}, trace, frozenset(traces), frozenset(sessions), calls)


def _of_nobody(snapshot: Snapshot, column: str, values: Iterable[str]) -> list[Call]:
    """Calls in these traces or sessions that name no user in any of their recordings."""
    near = _stored(snapshot, column, values)
    named = {call.id for call in near if call.user_id}
    return [call for call in near if call.id not in named]


def _stored(snapshot: Snapshot, column: str, values: Iterable[str]) -> list[Call]:
    found = snapshot.where(CALL, column, {*values} - {""}, ["body"])
    return [codec.decode(row["body"], Call) for row in found]
