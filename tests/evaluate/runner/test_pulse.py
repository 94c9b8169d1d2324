"""Signs of life while a model loads or answers."""

import time

import pytest

from harness.evaluate.runner import pulse
from harness.evaluate.runner.pulse import Pulse


class Screen:
    """Keeps what is written, as pytest's terminal reporter would show it."""

    def __init__(self, isatty):
        self.isatty, self.lines = isatty, []

    def ensure_newline(self):
        self.lines.append("")

    def write_line(self, line):
        self.lines.append(line)

    def rewrite(self, line, **markup):
        self.lines[-1] = line


@pytest.fixture
def quick(monkeypatch):
    """Thresholds of hundredths of a second."""
    for name, seconds in (("TICK", 0.01), ("SOON", 0.05), ("LATER", 60.0)):
        monkeypatch.setattr(pulse, name, seconds)


def until(found):
    limit = time.monotonic() + 60
    while not found() and time.monotonic() < limit:
        time.sleep(0.01)


def test_a_log_gets_a_line_with_what_loads_and_then_with_counts(quick):
    """The first after a moment of silence, naming the model; then how many requests wait and how many cases are done."""
    screen = Screen(isatty=False)
    signs = Pulse(screen)
    signs.hear({"event": "start", "arm": "base", "total": 1200})
    signs.hear({"event": "opening", "arm": "base", "backend": "hf", "model": "models/small"})
    until(lambda: screen.lines)
    signs.hear({"event": "asking", "arm": "base", "requests": 128})
    until(lambda: len(screen.lines) > 1)
    signs.close()
    assert screen.lines == [
        "trueup: loading models/small (hf), 0 s",
        "trueup: base: 128 requests, 0 of 1,200 cases done, 0 s",
    ]


def test_a_terminal_gets_one_line_that_goes_away(quick):
    """It is rewritten in place, and erased when pytest goes on."""
    screen = Screen(isatty=True)
    signs = Pulse(screen)
    signs.begin("loading x")
    until(lambda: screen.lines and screen.lines[-1])
    assert screen.lines[-1].startswith("trueup: loading x")
    signs.end()
    assert screen.lines == [""]
    signs.close()


def test_what_is_quick_shows_nothing():
    """A scripted answer or a cached one is followed by no line of ours."""
    screen = Screen(isatty=False)
    signs = Pulse(screen)
    signs.begin("loading x")
    signs.close()
    assert screen.lines == []
