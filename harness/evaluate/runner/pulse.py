"""Show signs of life while a model loads or answers, when pytest has nothing to print: what happens, how much, how long."""

import threading
import time
from collections.abc import Mapping
from typing import Any, Protocol

SOON, LATER = 3.0, 30.0
"""Seconds of silence before the first line of a log, and between later ones."""
TICK = 0.5


class Terminal(Protocol):
    """What is used of pytest's `TerminalReporter`."""

    isatty: bool

    def ensure_newline(self) -> None: ...
    def write_line(self, line: str) -> None: ...
    def rewrite(self, line: str, **markup: bool) -> None: ...


class Pulse:
    """Writes while something takes long: one line that is rewritten on a terminal, and now and then a line elsewhere.

    A thread does it, since the main one is inside the model. It writes only between `begin` and `end`, when the main one
    writes nothing.
    """

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._text, self._since, self._next = "", 0.0, 0.0
        self._cases = ""
        self._drawn = False
        self._writing = threading.Lock()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def hear(self, event: Mapping[str, Any]) -> None:
        """An event of the evaluation; see `harness.evaluate.runner.answering` and `session`."""
        kind = event["event"]
        if kind == "opening":
            self.begin(f"loading {event['model']} ({event['backend']})")
        elif kind == "asking":
            self.begin(f"{event['arm']}: {event['requests']:,} requests{self._cases}")
        elif kind in ("start", "case"):
            self._cases = f", {event.get('done', 0):,} of {event['total']:,} cases done"
        elif kind == "batch":
            self.end()

    def begin(self, text: str) -> None:
        """From now on `text` is what takes its time."""
        self.end()
        with self._writing:
            self._text, self._since = text, time.monotonic()
            self._next = TICK if self._terminal.isatty else SOON
        if self._thread is None:
            self._thread = threading.Thread(target=self._beat, daemon=True)
            self._thread.start()

    def end(self) -> None:
        """It is done."""
        with self._writing:
            self._text = ""
            if self._drawn:
                self._terminal.rewrite("", erase=True)
                self._drawn = False

    def close(self) -> None:
        """Write nothing any more."""
        self.end()
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    def _beat(self) -> None:
        while not self._stopped.wait(TICK):
            with self._writing:
                took = time.monotonic() - self._since
                if self._text and took >= self._next:
                    self._write(f"trueup: {self._text}, {took:.0f} s")
                    self._next = took + (TICK if self._terminal.isatty else LATER)

    def _write(self, line: str) -> None:
        if not self._terminal.isatty:
            return self._terminal.write_line(line)
        if not self._drawn:
            self._terminal.ensure_newline()
        self._drawn = True
        return self._terminal.rewrite(line, erase=True)
