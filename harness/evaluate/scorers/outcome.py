"""Compare the state that a session left behind with the one that it should have: objects, databases, the last words."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from harness.errors import UsageError
from harness.evaluate.scorers._common import Comparator, flatten, required, shown, value_of, why_of
from harness.evaluate.scorers.json_fields import same
from harness.types import Json, Score

NAMED = 8
"""Differences that an explanation names."""


def outcome(
    state: Any,
    expected: Any,
    *,
    before: Any = None,
    ignore: Sequence[str] = (),
    compare: Mapping[str, Comparator] | None = None,
    reply: Any = None,
    says: Sequence[str] = (),
) -> tuple[Score, ...]:
    """Scores `outcome` (1 when everything is as expected; decides) and `outcome_share`, the share of what counts that is.

    `state` and `expected` are JSON values, dataclasses, objects (their public attributes), or connections to SQLite, whose
    tables become rows by primary key. They are compared field by field, by dotted name. With `before`, the state at the
    beginning, `expected` names only what changes (null: what is removed), and everything else must be as it was; what
    counts is then what changed or should have. `ignore` leaves out fields and what is below them, `compare` holds a
    comparator per dotted name. `says` are texts that `reply`, or a session's last words, must contain; case and thousands
    separators do not matter. Raises UsageError when `before` is the state itself, ValueError when nothing is expected.
    """
    if before is not None and before is state:
        raise UsageError("`before` is the state itself, which has changed since", next="before=copy.deepcopy(...)")
    wanted = state_of(required(expected, empty=True))
    start = state_of(before) if before is not None else None
    now, goal = state_of(state), wanted if start is None else _laid_over(start, wanted)
    said, due = _fields(now, ignore), _fields(goal, ignore)
    was = _fields(start, ignore) if start is not None else {}
    counted = [name for name in {**was, **due, **said} if start is None or not _unchanged(name, was, said, due)]
    problems = {name: _problem(name, said, due, compare or {}) for name in counted}
    wrong = [f"{name or 'state'}: {problem}" for name, problem in sorted(problems.items()) if problem]
    silent = [f"the answer does not say {text!r}" for text in says if _plain(text) not in _plain(_words(reply))]
    more = [f"and {len(wrong) - NAMED} more"] if len(wrong) > NAMED else []
    total = len(counted) + len(says)
    share = 1 - (len(wrong) + len(silent)) / total if total else 1.0
    explanation = "; ".join([*wrong[:NAMED], *more, *silent])
    return (
        Score(name="outcome", value=float(not wrong and not silent), explanation=explanation),
        Score(name="outcome_share", value=share),
    )


def state_of(value: Any, inside: frozenset[int] = frozenset()) -> Json:
    """A state as JSON: what is public of an object, the tables of an SQLite database, other values as they are.

    What is `inside` itself, as a folder whose files know it, is given once: where it comes again, its type is named.
    """
    if isinstance(value, sqlite3.Connection):
        return {name: _rows(value, name) for name in _tables(value)}
    if id(value) in inside:
        return f"<{type(value).__name__}>"
    below = inside | {id(value)}
    if isinstance(value, Mapping):
        return {str(key): state_of(item, below) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [state_of(item, below) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((state_of(item, below) for item in value), key=repr)
    try:
        return msgspec.to_builtins(value, str_keys=True)
    except TypeError:
        if not hasattr(value, "__dict__"):
            return repr(value)
        public = {key: item for key, item in vars(value).items() if not key.startswith("_") and not callable(item)}
        return {key: state_of(item, below) for key, item in public.items()}


def _tables(database: sqlite3.Connection) -> list[str]:
    query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
    return [str(name) for (name,) in database.execute(query)]


def _rows(database: sqlite3.Connection, table: str) -> dict[str, Json]:
    """Rows by primary key; without one, by their content and how often it occurs."""
    quoted = '"' + table.replace('"', '""') + '"'
    columns = [(str(row[1]), int(row[5])) for row in database.execute(f"PRAGMA table_info({quoted})")]
    keys = [name for name, place in sorted(columns, key=lambda column: column[1]) if place]
    found: dict[str, Json] = {}
    for values in database.execute(f"SELECT * FROM {quoted}"):
        row = {name: state_of(value) for (name, _), value in zip(columns, values, strict=True)}
        if keys:
            found["|".join(str(row[key]) for key in keys)] = row
        else:
            key = repr(sorted(row.items()))
            found[key] = found.get(key, 0) + 1
    return found


def _laid_over(start: Json, change: Json) -> Json:
    """What the state is after a change; null removes."""
    if not (isinstance(start, Mapping) and isinstance(change, Mapping)):
        return change
    both = {**start, **{key: _laid_over(start.get(key), item) for key, item in change.items()}}
    return {key: item for key, item in both.items() if not (key in change and change[key] is None)}


def _fields(state: Json, ignore: Sequence[str]) -> dict[str, Json]:
    """Fields by dotted name; a state that is no object is one field without a name. Empty ones are left out."""
    flat = flatten(state) if isinstance(state, Mapping) else {"": state}
    return {
        name: item
        for name, item in flat.items()
        if item not in ({}, None) and not any(name == part or name.startswith(f"{part}.") for part in ignore)
    }


def _unchanged(name: str, was: dict[str, Json], said: dict[str, Json], due: dict[str, Json]) -> bool:
    return name in was and name in said and name in due and same(said[name], was[name]) and same(due[name], was[name])


def _problem(name: str, said: dict[str, Json], due: dict[str, Json], compare: Mapping[str, Comparator]) -> str:
    """Why a field is not as expected; empty when it is, as when it was to be removed and is gone."""
    if name not in said and name not in due:
        return ""
    if name not in said:
        return f"missing, expected {shown(due[name])}"
    if name not in due:
        return f"not expected, got {shown(said[name])}"
    result = compare.get(name, same)(said[name], due[name])
    if value_of(result) == 1.0:
        return ""
    return why_of(result) or f"expected {shown(due[name])}, got {shown(said[name])}"


def _words(reply: Any) -> str:
    return str(getattr(reply, "text", reply) or "")


def _plain(text: str) -> str:
    return " ".join(text.casefold().replace(",", "").split())
