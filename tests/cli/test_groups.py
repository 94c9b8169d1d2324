"""The help text has five groups; commands and flags that were renamed keep working and say or hide their old name."""

import pytest

from harness.cli.groups import GROUPS, OLD, heading, renamed
from harness.cli.main import all_commands
from tests.cli.inside import trueup

COMMANDS = all_commands()


def test_the_help_has_five_groups_and_every_command_once(tmp_path):
    """In the order in which people meet them."""
    lines = trueup("--help", cwd=tmp_path).stdout.splitlines()
    assert [line.rstrip(":") for line in lines if line.rstrip(":") in GROUPS and not line[:1].isspace()] == list(GROUPS)
    names = {name.split()[0] for name in COMMANDS}
    shown = [line.split()[0] for line in lines if line.startswith("  ") and line.split() and line.split()[0] in names]
    assert sorted(shown) == sorted(names)
    assert list(COMMANDS) == sorted(COMMANDS, key=lambda name: list(GROUPS).index(heading(name.split()[0])))


def test_a_new_command_needs_no_edit_here():
    """One that no group names is in the last."""
    assert heading("something_new") == list(GROUPS)[-1]


@pytest.mark.parametrize("old", OLD)
def test_an_old_name_says_the_new_one_and_does_the_same(tmp_path, old):
    """It is in no help text; here both fail alike, without a project."""
    assert old not in COMMANDS
    words = ["a", "b"] if old == "merge" else []
    was, now = trueup(old, *words, cwd=tmp_path), trueup(*renamed([old, *words]), cwd=tmp_path)
    assert was.stderr.startswith(f"trueup {old} is now: trueup {' '.join(OLD[old])}\n")
    assert (was.returncode, was.stderr.split("\n", 1)[1]) == (now.returncode, now.stderr)


def test_the_words_of_an_old_command_fit_the_new_one():
    """Each is a command line that the parser takes."""
    assert renamed(["merge", "--json", "a", "b"]) == ["eval", "--json", "--merge", "a", "--merge", "b"]
    for old, *words in (
        ["merge", "a"],
        ["cancel"],
        ["rollback", "--by", "ann"],
        ["augment", "--seeds", "2"],
        ["sweep", "--rank", "8"],
    ):
        verb, *rest = renamed([old, *words])
        assert COMMANDS[verb].make_context(verb, rest)
    assert renamed(["gate", "--json"]) == ["gate", "--json"]


@pytest.mark.parametrize(
    "command,old,new", [("run", "--by", "--suite"), ("compare", "--html", "--page"), ("report", "--format", "--form")]
)
def test_an_old_flag_works_and_is_not_shown(tmp_path, command, old, new):
    """`--by` is a person, `--html` takes a file, `--format` is that of an input."""
    parameter = next(each for each in COMMANDS[command].params if new in each.opts)
    assert old in parameter.opts
    text = trueup(command, "--help", cwd=tmp_path).stdout
    assert new in text and f"{old} " not in text and f"{old}," not in text


def test_a_flag_has_one_meaning():
    """Flags of one name are of one kind in every command: a switch here is no file there."""
    kinds = {}
    for name, command in COMMANDS.items():
        for parameter in command.params:
            for flag in set(getattr(parameter, "opts", ())) - set(getattr(parameter, "old", ())):
                if flag.startswith("--"):
                    kinds.setdefault(flag, {}).setdefault((bool(getattr(parameter, "is_flag", False))), []).append(name)
    assert {flag: uses for flag, uses in kinds.items() if len(uses) > 1} == {}


def test_what_excludes_one_another_is_refused(tmp_path):
    """`trueup tune` does one thing, and a merge is of all that its shards ran."""
    (tmp_path / "trueup.toml").write_text('[project]\nname = "x"\n')
    for words in (
        ("tune", "--dry-run", "--cancel"),
        ("tune", "--try", "sweep", "--preview", "2"),
        ("eval", "--merge", "a", "x"),
    ):
        assert trueup(*words, cwd=tmp_path).returncode == 2
