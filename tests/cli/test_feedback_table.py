"""What the commands tell of feedback: how each name was read, and what links to nothing."""

import json
from pathlib import Path

import pytest

from harness import config
from harness.errors import UsageError
from tests.cli.inside import trueup

CASES = Path(__file__).parents[1] / "fixtures" / "cases"


def typed(folder, *words, code=0):
    done = trueup(*words, cwd=folder)
    assert done.returncode == code, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Stars that are understood, a name that is not, and corrections that link to nothing."""
    made = tmp_path_factory.mktemp("feedback")
    (made / "trueup.toml").write_text("")
    (made / "odd.jsonl").write_text(
        json.dumps({"trace_id": "0" * 31 + "1", "name": "verbosity, in words", "value": 7}) + "\n"
    )
    paths = [str(CASES / "plain-stars"), str(CASES / "wrong-ids"), str(made / "odd.jsonl")]
    told = json.loads(typed(made, "ingest", "--json", *paths).splitlines()[-1])
    assert (told["feedback"], told["linked"], told["waiting"]) == (9, 6, 3)
    return made


@pytest.mark.parametrize("command", ["status", "inspect"])
def test_the_table_shows_names_values_and_how_sure_the_reading_is(folder, command):
    """In words and as JSON, the same facts; with the section to add where a name is not understood."""
    read = json.loads(typed(folder, command, "--json").splitlines()[-1])["feedback_read"]
    rows = {row["name"]: row for row in read["names"]}
    assert (rows["rating"]["read_as"], rows["rating"]["sure"]) == ("1 to 5, better high", "inferred from 5 values")
    assert (rows["rating"]["praise"], rows["rating"]["blame"], rows["rating"]["neutral"]) == (2, 2, 1)
    assert (read["unlinked"], read["waiting"][0]["corrections"], read["linked"]) == (3, 3, {"only": 6})
    shown = typed(folder, command)
    assert (
        "inferred from 5" in shown
        and '[feedback."verbosity, in words"]' in shown
        and "3 feedback records link to no call" in shown
    )


def test_the_section_that_is_printed_is_taken(folder):
    """Pasted into trueup.toml it makes the name known, and the readings change without another ingest."""
    (row,) = (row for row in json.loads(typed(folder, "status", "--json"))["feedback_read"]["names"] if row["next"])
    (folder / "trueup.toml").write_text(row["next"].replace('"high"', '"low"').replace("[1, 10]", "[0, 10]") + "\n")
    rows = {row["name"]: row for row in json.loads(typed(folder, "status", "--json"))["feedback_read"]["names"]}
    (folder / "trueup.toml").write_text("")
    stated = rows["verbosity, in words"]
    assert (stated["sure"], stated["unknown"], stated["next"], stated["blame"]) == ("stated in trueup.toml", 0, "", 1)


def test_doctor_counts_feedback_that_links_to_nothing(folder, tmp_path):
    """Some: it is said. All of it: the check fails, since nothing can be learnt from any."""
    told = json.loads(typed(folder, "doctor", "--json", code=4))["feedback"]  # there is no model here
    assert told["ok"] and "3 link to no call (trace_id req-1" in told["detail"]
    (tmp_path / "trueup.toml").write_text("")
    typed(tmp_path, "ingest", str(CASES / "wrong-ids"))
    told = json.loads(typed(tmp_path, "doctor", "--json", code=4))["feedback"]
    assert not told["ok"] and "none of 3 feedback records links to a call" in told["detail"]


@pytest.mark.parametrize(
    "line", ["scale = [5, 1]", "scale = [1]", 'better = "up"', "sacle = [1, 5]", "neutral = [4, 3]"]
)
def test_a_wrong_section_is_refused(tmp_path, line):
    """Ends in the wrong order, a word that is no end, a misspelt key."""
    (tmp_path / "trueup.toml").write_text(f"[feedback.rating]\n{line}\n")
    with pytest.raises(UsageError):
        config.load(tmp_path)
