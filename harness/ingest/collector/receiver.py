"""Handle a request, however it came in: check, redact, write to the disk, and only then acknowledge."""

import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec

from harness.ingest.collector import signals
from harness.ingest.collector.inbox import Writer
from harness.ingest.collector.signals import Checked, Signal
from harness.ingest.collector.traces import Record
from harness.redact.redaction import Redactor

BUDGET_S = 10.0
"""Processor time to redact one request; one that takes more is refused, since others wait behind it."""


class Receiver:
    """One inbox. Thread-safe: one request at a time, so that memory is that of one request."""

    def __init__(
        self, folder: Path, redactor: Redactor | None, note: Callable[[str], None] = lambda text: None
    ) -> None:
        self._writer, self._redact, self.note = Writer(folder), redactor, note
        if redactor:
            redactor.budget_s = BUDGET_S
        self._lock = threading.Lock()
        self.counts: Counter[str] = Counter()
        """`requests`, `items` (spans and log records), `rejected`, `refused` and `failed` requests."""

    def take(self, signal: Signal, body: bytes, media: str) -> bytes:
        """The answer to a request that is kept. Raises ValueError when it is none; RedactionError and StorageError when
        it could not be kept, and then nothing of it was written."""
        with self._lock:
            found = self._kept(signal, signals.parsed(signal, body, media), len(body))
            return signals.answer(signal, media, found.rejected, found.reason)

    def keep(self, signal: Signal, record: Record, size: int) -> Checked:
        """The same for a request that is parsed already."""
        with self._lock:
            return self._kept(signal, record, size)

    def rotate(self) -> None:
        with self._lock:
            self._writer.rotate()

    def close(self) -> None:
        with self._lock:
            self._writer.close()

    def _kept(self, signal: Signal, record: Record, size: int) -> Checked:
        found = signals.checked(signal, record, size)
        for one in found.records:
            clean = self._redact.json(one) if self._redact else one
            self._writer.append(msgspec.json.encode(clean))
        self.counts.update(requests=1, items=found.items, rejected=found.rejected)
        if found.rejected:
            self.note(f"{found.rejected} of {found.items} records refused: {found.reason}")
        return found
