"""`trueup ingest --dry-run` in any folder: what was recognised, the feedback table and the balance, and nothing stored."""

import json

import pytest
from click.testing import CliRunner

from harness.cli.main import cli
from harness.errors import UsageError

ROWS = [
    {
        "id": f"r{at}",
        "trace_id": f"t{at}",
        "run_type": "llm",
        "name": "ChatOpenAI",
        "start_time": "2026-10-01T08:00:00Z",
        "end_time": "2026-10-01T08:00:01Z",
        "inputs": {"messages": [{"role": "user", "content": f"question {at}, mail ann@example.com"}]},
        "outputs": {"choices": [{"message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}]},
    }
    for at in range(3)
]
STARS = [{"trace_id": f"t{at}", "span_id": f"r{at}", "rating": 1 + 2 * at} for at in range(3)]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = [json.dumps(row) for row in [*ROWS, ROWS[0], *STARS, {"what": "is this"}]]
    (tmp_path / "export.jsonl").write_text("\n".join(lines))
    return tmp_path


def ran(*arguments):
    return CliRunner().invoke(cli, ["ingest", "export.jsonl", "--dry-run", *arguments], catch_exceptions=False)


def test_a_dry_run_needs_no_project_and_leaves_nothing(folder):
    """Calls by format, the fates add up, the scale of each feedback name, what would be redacted."""
    found = json.loads(ran("--json").stdout)
    assert (found["calls"], found["usable"], found["repeated"], found["formats"]) == (3, 3, 1, {"langsmith": 3})
    assert (found["feedback"], found["linked"], found["quarantined"]) == (3, 3, 1)
    fates = ("calls", "repeated", "conflicts", "feedback", "quarantined")
    assert found["records"] == sum(found[name] for name in fates) + sum(found["others"].values())
    (rating,) = found["feedback_read"]["names"]
    assert (rating["name"], rating["praise"], rating["blame"], rating["neutral"]) == ("rating", 1, 1, 1)
    assert (found["calls_redacted"], found["redacted:email"]) == (3, 3)
    assert [path.name for path in folder.iterdir()] == ["export.jsonl"]


def test_it_says_all_that_in_words(folder):
    said = ran().output
    assert "langsmith" in said and "rating" in said and "nothing was stored" in said
    assert "no format claims this record" in said and "3 feedback records" in said


def test_a_dry_run_in_a_project_leaves_its_store_as_it_was(folder):
    """Scales that trueup.toml states count; a real ingest after it finds everything new."""
    (folder / "trueup.toml").write_text('[feedback.rating]\nscale = [1, 5]\nbetter = "low"\n')
    (rating,) = json.loads(ran("--json").stdout)["feedback_read"]["names"]
    assert (rating["praise"], rating["blame"], rating["sure"]) == (1, 1, "stated in trueup.toml")
    stored = json.loads(CliRunner().invoke(cli, ["ingest", "export.jsonl", "--json"]).stdout)
    assert (stored["calls"], stored["repeated"]) == (3, 1)


def test_without_the_flag_a_project_is_needed(folder):
    with pytest.raises(UsageError, match=r"trueup\.toml"):
        CliRunner().invoke(cli, ["ingest", "export.jsonl"], catch_exceptions=False)
