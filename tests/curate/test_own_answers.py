"""Replay rows that the base model answers itself."""

from pathlib import Path

import pytest

from harness import config
from harness.curate import own_answers
from harness.curate.options import CurateOptions
from harness.curate.stage import curate
from harness.mine.stage import mine
from harness.project import Project
from harness.types import Reply
from tests.curate.traces import restaurant


@pytest.fixture
def project(tmp_path):
    model = tmp_path / "base"
    model.mkdir()
    (model / "config.json").write_text("{}")
    (tmp_path / "trueup.toml").write_text('[project]\nname = "desk"\n[model]\nbase = "base"\n')
    return Project.open(config.load(tmp_path))


def answering(monkeypatch, reply):
    asked = []

    def answers(project, arm, requests):
        asked.extend(requests)
        return [reply(number) for number in range(len(requests))]

    monkeypatch.setattr(own_answers, "_answers", answers)
    return asked


def test_only_answers_that_ended_by_themselves_become_rows(project, monkeypatch):
    """Cut, empty and failed ones teach a wrong end; no more rows than are wanted."""
    replies = [
        Reply(text=" Paris. "),
        Reply(text="and so on", finish_reason="length"),
        Reply(text=" "),
        ValueError("broken"),
    ]
    answering(monkeypatch, lambda number: replies[number % 4])
    rows = own_answers.rows(project, 8, seed=1)
    assert len(rows) == 5 and {row.target.text for row in rows} == {"Paris."}
    assert {(row.split, row.target_source) for row in rows} == {("replay", "own")}
    assert len(own_answers.rows(project, 2, seed=1)) == 2


def test_an_answer_keeps_its_reasoning(project, monkeypatch):
    """A base that reasons stays one only where its reasoning can be learnt too."""
    answering(monkeypatch, lambda number: Reply(text="Paris.", reasoning="France, so"))
    (row,) = own_answers.rows(project, 1, seed=1)
    assert (row.target.reasoning, row.target.text, row.expected) == ("France, so", "Paris.", "Paris.")


def test_no_more_is_asked_than_is_needed_and_the_same_each_time(project, monkeypatch):
    """Answers cost time: a share of the requests is drawn, by the seed."""
    asked = answering(monkeypatch, lambda number: Reply(text="yes"))
    first = own_answers.rows(project, 10, seed=1)
    assert len(asked) == 25 and first == own_answers.rows(project, 10, seed=1)
    assert first != own_answers.rows(project, 10, seed=2)


def test_without_a_base_on_this_machine_there_are_none(tmp_path):
    """A model behind an endpoint, or none at all, is not asked."""
    for text in ("", '[model]\nbase = "gpt"\nbackend = "openai_compatible"\n', '[model]\nbase = "gone"\n'):
        (tmp_path / "trueup.toml").write_text(text)
        project = Project.open(config.load(tmp_path))
        assert own_answers.base(project) is None and own_answers.rows(project, 5, seed=1) == []
        assert own_answers.content(project) == ""


def test_curation_asks_for_what_the_files_lack(tmp_path):
    """A tenth of the mix: from the files first, then from the base; nothing without training rows to mix with."""
    calls, feedback = restaurant()
    wanted = []

    def curated(**options):
        return curate(
            calls, feedback, mine(calls, feedback), sticky={}, options=CurateOptions(name="dinner", **options), own=own
        )

    def own(count):
        wanted.append(count)
        return [own_answers._row((), f"answer {number}") for number in range(count)]

    rows = curated(replay="own")
    trained = len(rows.splits["train"])
    assert wanted == [round(trained / 9)] and len(rows.splits["replay"]) == wanted[0]
    file = tmp_path / "general.jsonl"
    file.write_text('{"prompt": "Name a lake.", "answer": "Lake Constance."}\n')
    assert len(curated(replay="own", replay_files=(str(file),)).splits["replay"]) == wanted[0]
    assert wanted[1] == wanted[0] - 1
    assert not curated().splits["replay"] and len(wanted) == 2


def test_the_requests_are_distinct_and_no_case_of_a_guard_that_comes_with_init():
    """They train, so none may be what a guard asks."""
    lines = own_answers.REQUESTS.read_text(encoding="utf-8").splitlines()
    assert len(lines) == len(set(lines)) > 200
    general = Path(own_answers.__file__).parents[1] / "cli" / "starter" / "general"
    asked = "\n".join(file.read_text(encoding="utf-8") for file in general.glob("*/*.jsonl"))
    assert not [line for line in lines if f'"{line}"' in asked]
