"""What a newcomer's first mistakes are answered with; no process is started for it."""

import pytest

from harness import config
from harness.cli import checks
from harness.cli.main import all_commands
from harness.core.digests import model_digests
from harness.errors import InputError, UsageError
from harness.evaluate import arms
from tests.cli.inside import trueup

ARMS = """
[model]
base = "m"
[prompts.long]
traces = true
[arms.base]
[arms.prompted]
prompt = "long"
[arms.tuned]
"""


def written(folder, text):
    (folder / config.FILE).write_text(text)
    return config.load(folder)


@pytest.mark.parametrize(
    ("name", "said", "next"),
    [
        ("tuned", "no adapter yet", "trueup tune"),
        ("champion", "promoted", "trueup promote"),
        ("prompted", "read off the traces", "trueup ingest"),
        ("bsae", "no arm named", "did you mean 'base'"),
    ],
)
def test_an_arm_that_cannot_be_asked_says_what_it_waits_for(tmp_path, name, said, next):
    """An arm that the file names is never called unknown: the message is the command that makes it."""
    error = arms.absent(written(tmp_path, ARMS), name, ["base"])
    assert said in str(error)
    assert next in error.next


def test_a_project_is_not_begun_on_a_model_folder_that_is_not_there(tmp_path):
    """A misspelt path is refused and nothing is written; a name that an endpoint knows stays."""
    (tmp_path / "models").mkdir()
    for wrong in ("models/smol", "./smol", str(tmp_path / "smol")):
        refused = trueup("init", "mine", "--model", wrong, cwd=tmp_path)
        assert refused.returncode == 5 and "does not exist" in refused.stderr and not (tmp_path / "mine").exists()
    assert trueup("init", "mine", "--model", "organisation/name", cwd=tmp_path).returncode == 0


def test_a_project_without_a_model_is_answered_by_the_key_to_set():
    """Not by what is missing in the folder where the command was typed."""
    with pytest.raises(InputError, match="no model is named") as caught:
        model_digests("")
    assert "[model] base" in caught.value.next


def test_a_baseline_that_is_no_arm_is_refused_before_the_night(tmp_path):
    """A misspelt baseline would else be a missing run, hours later."""
    with pytest.raises(UsageError, match="bsae") as caught:
        written(tmp_path, ARMS + '[gate]\nbaselines = ["bsae"]\n')
    assert "'base'" in caught.value.next
    assert written(tmp_path, ARMS + '[gate]\nbaselines = ["champion", "prompted"]\n')


@pytest.mark.parametrize(
    "line",
    [
        "[tune]\nmethod = 'stf'",
        "[report]\nformats = ['pdf']",
        "[mine]\ndetectors = ['lop']",
        "[arms.x]\nbackend = 'hv'",
    ],
)
def test_the_doctor_names_a_plug_in_that_is_not_there(tmp_path, line):
    """The check `names` fails on a misspelt method, format, detector or backend."""
    written(tmp_path, f"{ARMS}{line}\n")
    assert {name: well for name, well, _ in checks.examine(tmp_path)}["names"] is False


@pytest.mark.parametrize("name", sorted(all_commands()))
def test_the_list_of_commands_says_each_in_a_whole_sentence(name):
    """`trueup --help` cuts what is longer than the line."""
    said = all_commands()[name].get_short_help_str(62)
    assert said.endswith(".")
    assert not said.endswith("...")
