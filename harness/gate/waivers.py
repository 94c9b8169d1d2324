"""Parse waivers: who accepts which broken case, why, and until when.

    [[waiver]]
    suite = "arc_easy/eval_arc::eval_arc"
    case_id = "Mercury_7175875"            # or: cluster = "..."
    reason = "the key is wrong, reported upstream"
    owner = "ann@example.com"
    expires = "2026-09-30"

The report's "accept" button saves the same as `waivers.jsonl`, one a line; both files are read.

A waiver takes its cases out of guards and contracts, never out of a target, and stands in the report. After its day it
counts as none.
"""

import tomllib
from datetime import date
from pathlib import Path

from harness.config import section
from harness.core.codec import read_lines
from harness.errors import UsageError
from harness.types import Noun, Waiver


class WaiverFile(Noun, frozen=True):
    waiver: tuple[Waiver, ...] = ()


def read(path: Path) -> tuple[Waiver, ...]:
    """The waivers of a file; none when there is no file. Raises UsageError on an unknown key, on an expiry that is not a
    date, and on a waiver that names neither case nor cluster."""
    if path.suffix == ".jsonl":
        found = tuple(read_lines(path, Waiver)) if path.exists() else ()
    else:
        found = _toml(path)
    for number, waiver in enumerate(found, start=1):
        _check(waiver, f"{path}, waiver {number}")
    return found


def _toml(path: Path) -> tuple[Waiver, ...]:
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"not valid TOML: {error}", where=str(path), next="fix that line") from error
    return section(raw, WaiverFile, where=str(path)).waiver


def _check(waiver: Waiver, where: str) -> None:
    try:
        date.fromisoformat(waiver.expires)
    except ValueError:
        raise UsageError(f"not a date: {waiver.expires!r}", where=where, next='expires = "2026-12-31"') from None
    if not (waiver.case_id or waiver.cluster):
        raise UsageError("the waiver names neither case nor cluster", where=where, next='add case_id = "..."')
    if not (waiver.reason and waiver.owner):
        raise UsageError("a waiver needs a reason and an owner", where=where, next="add both")
