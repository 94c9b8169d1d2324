"""Notice that a store has lost its memory: something in it, or beside it, names what its ledger does not know.

The ledger says what was held out, and how often the cases were looked at. A verdict and a promotion name the look that they
rest on, and a dataset holds rows out. A ledger without them is an old one, or a new one; so is a store that has judged nothing
beside a report of a verdict. To go on with it would be a fresh start that nobody asked for.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import msgspec

from harness.errors import InputError, InvalidError
from harness.store import sealed
from harness.store.artifacts import Artifacts
from harness.store.ledger import Ledger
from harness.store.memo import Memo
from harness.store.promotions import Promotions
from harness.types import Adapter, Arm, Verdict

REPORT = "report.verdict.json"
"""The report that names the look of its verdict."""
ACCEPTED = "given-up.json"
"""What `trueup doctor --repair` let go: no longer missed."""


class Remembering(Protocol):
    """What is asked of a store."""

    root: Path
    artifacts: Artifacts
    memo: Memo
    promotions: Promotions
    ledger: Ledger

    @property
    def place(self) -> str: ...


def check(store: Remembering, reports: Sequence[Path] = ()) -> None:
    """Raises InvalidError where the newest verdict, a promotion, the datasets in use or a report beside the store know more than
    the ledger does. `reports` are folders."""
    lost = next(_missed(store, reports, newest=True), None)
    if lost:
        raise InvalidError(
            f"the store has lost its memory: {lost[1]}",
            where=store.place,
            next="restore it from a backup, or give the address of the store that knows; without one, trueup doctor --repair",
        )


def lost(store: Remembering) -> Iterator[str]:
    """What the verdicts, promotions and datasets of the store name and its ledger does not know, each a sentence."""
    return (sentence for _, sentence in _missed(store, ()))


def accept(store: Remembering, reports: Sequence[Path] = ()) -> list[str]:
    """Miss none of it any more; says what was lost."""
    given_up = list(_missed(store, reports))
    if given_up:
        names = sorted({*_accepted(store), *(name for name, _ in given_up)})
        sealed.write(store.root / ACCEPTED, "given up", "names", names)
    return [sentence for _, sentence in given_up]


def _missed(store: Remembering, reports: Sequence[Path], newest: bool = False) -> Iterator[tuple[str, str]]:
    """The name that is not known, and a sentence."""
    accepted = _accepted(store)
    missing = (*_looks(store, newest), *_held_out(store), *_beside(store, reports))
    return (entry for entry in missing if entry[0] not in accepted)


def _looks(store: Remembering, newest: bool) -> Iterator[tuple[str, str]]:
    """Looks that verdicts (the newest, or all) and promotions rest on."""
    idents = store.artifacts.ids("verdict")
    verdicts = (store.artifacts.get("verdict", ident, Verdict) for ident in (idents[-1:] if newest else idents))
    moves = [move for alias in store.promotions.aliases() for move in store.promotions.history(alias)]
    named = [(f"verdict {each.id[:12]}", each.look) for each in verdicts]
    named += [(f"promotion of {each.adapter[:12] or 'the base model'}", each.look) for each in moves]
    known = store.ledger.looks.ids() if any(look for _, look in named) else set()
    for what, look in named:
        if look and look not in known:
            yield look, f"the ledger does not know the look that the {what} rests on"


def _held_out(store: Remembering) -> Iterator[tuple[str, str]]:
    """Datasets in use, the latest and those of what is promoted, whose held-out rows the ledger does not know. One that a
    killed run left before it wrote the ledger is not in use yet."""
    champions = [move.adapter for alias in store.promotions.aliases() if (move := store.promotions.current(alias))]
    datasets = [store.memo.recall("latest", "dataset") or "", *(_dataset(store, ident) for ident in champions)]
    splits = store.ledger.splits() if any(datasets) else {}
    for ident in dict.fromkeys(filter(None, datasets)):
        with suppress(FileNotFoundError):
            rows = store.artifacts.bytes_of("dataset", ident, "held_out.jsonl").splitlines()
            calls = [json.loads(row).get("call_id") for row in rows]
            unknown = sum(f"call:{call}" not in splits for call in calls if call)
            if unknown:
                what = f"{unknown:,} of {len(calls):,} held-out rows of the dataset {ident[:12]} are not in the ledger"
                yield ident, f"{what}, so they could train"


def _dataset(store: Remembering, promoted: str) -> str:
    """Content id of the dataset that a promoted adapter, or that of a promoted arm, was trained on; empty without one."""
    with suppress(InputError, FileNotFoundError):
        if store.artifacts.has("arm", promoted):
            promoted = store.artifacts.get("arm", promoted, Arm).adapter
        if promoted:
            return msgspec.json.decode(
                store.artifacts.bytes_of("adapter", promoted, "adapter.json"), type=Adapter
            ).dataset
    return ""


def _beside(store: Remembering, reports: Sequence[Path]) -> Iterator[tuple[str, str]]:
    """A report of a verdict beside a store that has judged nothing."""
    for file in (folder / REPORT for folder in reports):
        with suppress(OSError, ValueError, KeyError, TypeError):
            look = json.loads(file.read_bytes())["verdict"]["look"]
            if look and not store.ledger.looks.all():
                yield (
                    look,
                    f"it has judged nothing, and {file} is the report of a verdict: move that away for a fresh start",
                )


def _accepted(store: Remembering) -> set[str]:
    try:
        return set(sealed.read(store.root / ACCEPTED, "given up", "names", list[str]))
    except FileNotFoundError:
        return set()
