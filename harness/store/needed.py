"""Find the artifacts that nothing needs: no promotion, verdict, ledger, and nothing that is the latest.

What is needed is found by following ids. Verdicts and what belongs to them are needed for ever; so is whatever the ledger, the
promotions and the latest results name; and so is all that a needed artifact names, and what the memo has under its id.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from harness.store import sealed
from harness.store.store import Store

ID = re.compile(r"\b[0-9a-f]{16,64}\b")
FOR_EVER = ("verdict", "judgement", "night", "policy", "forgotten", "arm")
"""Kinds that are the record of what was decided."""
LEAVES = ("run", "mined", "feedback")
"""Kinds that are big and name nothing that their evaluation does not name."""
ANCESTRY = "parents"
"""A dataset names the ones before it; it does not need them."""


class UnneededArtifact(NamedTuple):
    kind: str
    id: str
    size: int
    """In bytes."""
    at_ns: int


def unneeded(store: Store, before_ns: int) -> list[UnneededArtifact]:
    """Artifacts that nothing needs and that were written before a time, the oldest first. Hold the store's lock."""
    there = {ident: kind for kind in store.artifacts.kinds() for ident in store.artifacts.ids(kind)}
    memo = list(_memo(store))
    ages = {ident: store.artifacts.written_at(kind, ident) for ident, kind in there.items()}
    new = [ident for ident, kind in there.items() if kind in FOR_EVER or ages[ident] >= before_ns]
    waiting = {*new, *_named_by_lists(store), *(value for step, _, value in memo if step == "latest")} & there.keys()
    needed: set[str] = set()
    while waiting:
        needed |= waiting
        told = {value for _, key, value in memo if key in waiting}
        named = {ident for one in waiting for ident in _names(store, there[one], one)}
        waiting = (told | named) & there.keys() - needed
    left = [
        UnneededArtifact(kind, ident, store.artifacts.size(kind, ident), ages[ident])
        for ident, kind in there.items()
        if ident not in needed
    ]
    return sorted(left, key=lambda one: (one.at_ns, one.id))


def remove(store: Store, found: Sequence[UnneededArtifact]) -> None:
    """Remove artifacts, and the finished steps that lead to them: these are done again when they are asked for."""
    for one in found:
        store.artifacts.remove(one.kind, one.id)
    store.memo.forget({one.id for one in found})


def _named_by_lists(store: Store) -> Iterator[str]:
    for room in ("promotions", "ledger"):
        for path in (store.root / room).rglob("*.json"):
            yield from ID.findall(path.read_text(encoding="utf-8"))


def _memo(store: Store) -> Iterator[tuple[str, str, str]]:
    """Step, key and remembered id of each finished step."""
    for path, ident in store.memo.entries():
        yield path.parent.name, sealed.name_of(path), ident


def _names(store: Store, kind: str, ident: str) -> Iterator[str]:
    """Ids that an artifact names."""
    if kind not in LEAVES:
        for text in store.artifacts.texts(kind, ident):
            yield from ID.findall(_without_ancestry(text) if ANCESTRY in text else text)


def _without_ancestry(text: str) -> str:
    found: Any = json.loads(text)
    return json.dumps(
        {name: value for name, value in found.items() if name != ANCESTRY} if isinstance(found, dict) else found
    )
