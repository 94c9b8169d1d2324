"""The benchmark of tasks runs from end to end on a tiny model, and skips what it cannot read."""

import pytest

from benchmarks import tasks
from tests.tiny import tiny_model

ROWS = [(f"a table for {number}", {"people": str(number % 9)}) for number in range(24)]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_arm_is_measured_on_the_task_and_both_guards(tmp_path):
    """Base, few_shot, constant, plain PEFT and the default recipe, with a verdict on the last."""
    task = tasks.Task("Reply with one JSON object with the key people.", ROWS, ROWS[:8])
    base = tiny_model(tmp_path / "base")
    found = tasks.measure("tiny", task, base, 1, tmp_path / "out", rows=24, cases=8, part="1/150")
    assert [row.arm for row in found] == ["base", "few_shot", "constant", "plain", "tuned"]
    assert all(0.0 <= value <= 1.0 for row in found for value in (row.score, row.choices, row.instructions))
    assert {row.arm for row in found if row.minutes > 0} == {"plain", "tuned"}
    # a part of each suite is no evidence
    assert [(row.arm, row.verdict) for row in found if row.verdict] == [("tuned", "invalid")]


def test_a_task_without_its_data_is_skipped(monkeypatch, capsys, tmp_path):
    """A closed network ends no run; the line says which task is missing."""

    def closed():
        raise OSError("no network")

    monkeypatch.setitem(tasks.TASKS, "nlu_slots", closed)
    monkeypatch.setattr("sys.argv", ["tasks", "--task", "nlu_slots", "--out", str(tmp_path)])
    assert tasks.main() == 0
    assert "nlu_slots: skipped" in capsys.readouterr().out
