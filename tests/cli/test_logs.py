"""The log of a command: what it did, in one line a record, to a file or to standard error."""

import logging
import re
from unittest import mock

import pytest

from harness import loop
from harness.errors import InputError
from tests.cli.inside import trueup

CONFIG = '[project]\nname = "tiny"\n'
LINE = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (DEBUG|INFO|WARNING|ERROR) +[\w.]+: ")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A project whose loop does a step, writes a note that could forge a line, and fails."""
    (tmp_path / "trueup.toml").write_text(CONFIG)

    def run(project, anyway=False):
        with project.progress.step("ingest"):
            project.progress.note("read 3\n2020-01-01T00:00:00Z INFO    trueup: forged \x1b[31m")
            logging.getLogger("library").warning("from a library")
        raise InputError("it broke", where="there")

    monkeypatch.setattr(loop, "run", mock.Mock(side_effect=run))
    return tmp_path


def test_a_log_file_has_the_steps_and_the_error(folder):
    """Appended to; a text with line ends or escapes stays part of its record."""
    for runs in (1, 2):
        done = trueup("run", "--log-file", "logs/run.log", cwd=folder)
        lines = (folder / "logs" / "run.log").read_text().splitlines()
        assert done.returncode == 5 and sum("ingest: finished after" in line for line in lines) == runs
    assert sum("InputError: it broke" in line for line in lines) == 2 and "from a library" in "\n".join(lines)
    assert all(LINE.match(line) or line.startswith("  ") for line in lines)
    assert "\x1b" not in "\n".join(lines) and not any(line.startswith("2020") for line in lines)
    assert "ingest: started" not in done.stderr


def test_without_a_file_the_log_is_on_standard_error(folder, monkeypatch):
    """At the level that was asked for, also by a variable; standard output stays the command's own."""
    done = trueup("run", "--log-level", "debug", "--json", cwd=folder)
    assert "INFO    trueup: ingest: started" in done.stderr and "Traceback" in done.stderr
    assert done.stdout.startswith("{")
    monkeypatch.setenv("TRUEUP_LOG_LEVEL", "error")
    done = trueup("run", cwd=folder)
    assert "ERROR   trueup: InputError" in done.stderr and "INFO" not in done.stderr


def test_nothing_is_left_behind_in_the_process(folder):
    """No handler, and the level that was there."""
    root = logging.getLogger()
    before = (list(root.handlers), root.level)
    trueup("run", "--log-level", "info", cwd=folder)
    assert (list(root.handlers), root.level) == before


def test_a_level_that_is_none_is_refused(folder):
    assert trueup("run", "--log-level", "loud", cwd=folder).returncode == 2
