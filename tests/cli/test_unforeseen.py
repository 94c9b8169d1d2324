"""What nobody foresaw, in any step or command: exit code 7, a traceback, and nothing is promoted."""

import errno
from unittest import mock

import pytest

from harness import loop, report
from harness.cli.main import all_commands
from harness.project import Project
from harness.types import Verdict
from tests.cli.inside import trueup

CONFIG = (
    '[model]\nbackend = "scripted"\n[project]\nname = "tiny"\n[ingest]\npaths = ["traces"]\n[promote]\nauto = true\n'
)
STEPS = ("check", "ingest", "curate", "tune", "evaluate", "gate", "report", "promote")
ERRORS = (RuntimeError("boom"), KeyError("boom"), MemoryError(), RecursionError(), OSError(errno.EIO, "boom"))
WITHOUT_ARGUMENTS = sorted(
    name for name, command in all_commands().items() if not any(each.required for each in command.params)
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A project whose steps all do nothing, and whose verdict is promote."""
    (tmp_path / "trueup.toml").write_text(CONFIG)
    for step in STEPS:
        monkeypatch.setattr(loop, step, mock.Mock(return_value=Verdict(outcome="promote", sentence="fine")))
    monkeypatch.setattr(report, "first_screen", lambda _: "")
    return tmp_path


def test_without_an_error_the_loop_ends_well(folder):
    """So that the other tests can fail."""
    assert trueup("run", cwd=folder).returncode == 0
    assert loop.promote.called


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("step", STEPS)
def test_an_unforeseen_error_is_never_a_success(folder, step, error):
    """Whatever step of the loop it is raised in; after it no other step runs."""
    getattr(loop, step).side_effect = error
    done = trueup("run", cwd=folder)
    assert done.returncode == 7 and "Traceback" in done.stderr
    assert not any(getattr(loop, later).called for later in STEPS[STEPS.index(step) + 1 :])


@pytest.mark.parametrize("name", WITHOUT_ARGUMENTS)
def test_no_command_takes_a_fault_for_success(tmp_path, monkeypatch, name):
    """Each command ends with another code than 0 when what it works with raises."""
    command = all_commands()[name]
    monkeypatch.setattr(Project, "open", mock.Mock(side_effect=RuntimeError("boom")))
    monkeypatch.setattr(command, "callback", mock.Mock(side_effect=RuntimeError("boom")))
    (tmp_path / "trueup.toml").write_text(CONFIG)
    assert trueup(name, cwd=tmp_path).returncode == 7
