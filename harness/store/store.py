"""Open the store: one folder, `.trueup/`, and the rooms in it.

    store.json      version of the layout         artifacts/     datasets, adapters, runs, verdicts, by content id
    traces/         Delta Lake table               memo/          finished steps: digest of inputs -> result
    promotions/     history of each alias          ledger/        what was held out, for ever; looks at each version
    replies/        cached answers, a file a model scratch/       half-finished work; removed once its process is dead
    salt            what keys all pseudonyms       suppressed.json  what was forgotten, as hashes

Whoever writes takes the lock; reading needs none. Each write is there whole, and survives a power loss, before the
call that made it returns.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from harness.core import codec
from harness.errors import StorageError
from harness.store import durable, sealed
from harness.store.artifacts import Artifacts
from harness.store.ledger import Ledger
from harness.store.lock import Lock
from harness.store.memo import Memo
from harness.store.names import ident
from harness.store.promotions import Promotions
from harness.store.replies import ReplyCache
from harness.store.suppression import Suppression
from harness.store.traces import Traces


class Store:
    """All that trueup keeps between two commands. Make one with `Store.open`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock = Lock(root)
        self.artifacts = Artifacts(root)
        self.suppression = Suppression(root)
        self.traces = Traces(root / "traces", self._lock, self.suppression)
        self.memo = Memo(root / "memo")
        self.promotions = Promotions(root / "promotions", self._lock, self.artifacts)
        self.ledger = Ledger(root / "ledger", self._lock)

    @classmethod
    def open(cls, root: Path) -> "Store":
        """The store in the folder `root`, made when it is not there. Raises StorageError on a newer layout."""
        marker = root / "store.json"
        if marker.exists():
            _check_layout(marker)
        else:
            durable.make_folder(root)
            codec.write_atomic(marker, codec.encode({"schema": codec.SCHEMA}))
        store = cls(root)
        store.artifacts.remove_stale_scratch()
        return store

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the store for a whole run. Raises BusyError at once when another process holds it."""
        first = not self._lock.held
        with self._lock():
            if first:
                durable.remove_partials(self.root)
            yield

    def replies(self, model_digest: str) -> ReplyCache:
        """Cached answers of one model; its digest covers weights, adapter, template and sampling."""
        return ReplyCache(self.root / "replies" / f"{ident(model_digest)}.jsonl")

    def verify(self) -> list[str]:
        """Read everything again and name each file that is not what was written."""
        parts = (self.traces, self.suppression, self.artifacts, self.memo, self.promotions, self.ledger)
        return [damaged for part in parts for damaged in part.verify()]


def _check_layout(marker: Path) -> None:
    try:
        schema = msgspec.json.decode(marker.read_bytes(), type=dict[str, int])["schema"]
    except (msgspec.DecodeError, KeyError) as error:
        raise StorageError("not a store of trueup's", where=str(marker), next=sealed.REPAIR) from error
    if schema > codec.SCHEMA:
        raise StorageError(
            f"the store has layout {schema}, this trueup knows up to {codec.SCHEMA}",
            where=str(marker),
            next="pip install --upgrade trueup",
        )
