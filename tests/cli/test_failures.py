"""What a failed command says: to people on standard error, to programs as JSON, with the exit code of its kind."""

import errno
import json
from unittest import mock

import click
import pytest

from harness import errors, loop
from harness.cli.failures import failure
from harness.cli.main import all_commands
from harness.errors import Exit
from harness.report import SHORT
from tests.cli.inside import trueup

CONFIG = '[project]\nname = "tiny"\n[arms.base]\nbackend = "scripted"\n'
EVAL = """
from trueup import cases, score

@cases([{"id": "c", "text": "hello", "expected": "yes"}])
def eval_tiny(case, model):
    return score.text(model.chat(case.messages), case.expected)
"""
JSON_COMMANDS = sorted(
    name
    for name, command in all_commands().items()
    if any("--json" in each.opts for each in command.params) and not any(each.required for each in command.params)
)
ENDLESS = {"collect", "review", "serve"}
"""They serve until Ctrl-C."""
KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.TrueupError)]


@pytest.fixture
def folder(tmp_path):
    """A project in which nothing was done yet."""
    (tmp_path / "trueup.toml").write_text(CONFIG)
    (tmp_path / "evals").mkdir()
    (tmp_path / "evals" / "eval_tiny.py").write_text(EVAL)
    return tmp_path


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_error_is_json_on_standard_output(folder, monkeypatch, kind):
    """Its exit code, message, place and next step; the same words are on standard error."""
    raised = kind("it broke", where="that file", next="trueup doctor")
    monkeypatch.setattr(loop, "run", mock.Mock(side_effect=raised))
    done = trueup("run", "--json", cwd=folder)
    told = json.loads(done.stdout)
    assert told["exit_code"] == done.returncode == int(kind.exit)
    assert (told["message"], told["where"], told["next"]) == ("it broke", "that file", "trueup doctor")
    assert "it broke" in done.stderr and "trueup doctor" in done.stderr or kind.exit is Exit.INTERNAL


@pytest.mark.parametrize(
    "words,code",
    [
        (("run", "--json", "--iterations", "many"), Exit.USAGE),
        (("repotr", "--json"), Exit.USAGE),
        (("report", "--json", "-c", "nowhere/trueup.toml"), Exit.USAGE),
        (("compare", "--json"), Exit.USAGE),
        (("report", "--json", "--format", "nothing_of_this_name"), Exit.INPUT),
    ],
)
def test_wrong_words_are_json_too(folder, words, code):
    """What click itself refuses, a command that is not there and a missing config have the same form."""
    done = trueup(*words, cwd=folder)
    told = json.loads(done.stdout)
    assert told["exit_code"] == done.returncode == int(code)
    assert told["message"] and told["next"]


def test_the_system_s_errors_and_our_own_are_json(folder, monkeypatch):
    """A full disk is exit code 6, what nobody foresaw 7, Ctrl-C 130."""
    for raised, code in (
        (OSError(errno.ENOSPC, "full", "disk"), 6),
        (RuntimeError("boom"), 7),
        (KeyboardInterrupt(), 130),
    ):
        monkeypatch.setattr(loop, "run", mock.Mock(side_effect=raised))
        done = trueup("run", "--json", cwd=folder)
        told = json.loads(done.stdout)
        assert told["exit_code"] == done.returncode == code and told["next"]


def test_without_json_standard_output_is_empty(folder):
    """The message is on standard error only."""
    done = trueup("report", cwd=folder)
    assert done.stdout == "" and "there is no verdict yet" in done.stderr


@pytest.mark.parametrize("name", [name for name in JSON_COMMANDS if name not in ENDLESS])
def test_nothing_yet_is_never_an_invalid_judgement(folder, name):
    """On a project in which nothing was done each command prints one JSON object, and 4 is not its exit code.

    `trueup doctor` has 4 for what it finds, and `trueup eval` for a case that no model answered.
    """
    done = trueup(name, "--json", cwd=folder)
    told = json.loads(done.stdout)
    assert isinstance(told, dict)
    if name not in ("doctor", "eval"):
        assert done.returncode != int(Exit.INVALID), told
    if done.returncode in (int(Exit.USAGE), int(Exit.INPUT), int(Exit.UNDECIDED)):
        assert told["exit_code"] == done.returncode and told["next"], told


def test_a_click_error_names_the_help_of_its_command():
    """`next` is what shows the flags there are."""
    context = click.Context(click.Command("gate"), info_name="trueup gate")
    assert failure(click.UsageError("no such option", context)).next == "trueup gate --help"


def test_short_names_of_reports_are_those_of_plug_ins(folder):
    """`md` and `markdown` are the same report in [report] formats, which the doctor understands."""
    assert SHORT == {"md": "markdown"}
    (folder / "trueup.toml").write_text(CONFIG + '[report]\nformats = ["md"]\n')
    checks = json.loads(trueup("doctor", "--json", cwd=folder).stdout)
    assert checks["names"]["ok"], checks["names"]
