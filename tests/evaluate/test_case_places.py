"""Where a case stands: the line of its row, in whatever file; nothing of the eval file is run."""

import pytest

from harness.evaluate.case_places import places
from harness.types import Suite

EVAL = """
from trueup import cases, score
raise SystemExit("nobody runs me")

@cases("rows/late.jsonl")
@cases("table.csv", id="number")
def eval_late(case, model):
    return score.text(model.chat(case.messages), case.expected)

@cases([{"id": "inline", "text": "x"}])
def eval_inline(case, model):
    ...
"""


@pytest.fixture
def evals(tmp_path):
    folder = tmp_path / "desk" / "evals" / "late"
    (folder / "rows").mkdir(parents=True)
    (folder / "eval_late.py").write_text(EVAL)
    (folder / "rows" / "late.jsonl").write_text('{"id": "a", "text": "1"}\n\n{"id": "b", "text": "2"}\n{"text": "3"}\n')
    (folder / "table.csv").write_text("number,text\n17,first\n18,second\n")
    return tmp_path


def placed(root, function="eval_late", file="evals/late/eval_late.py"):
    return places(Suite(name=f"late/eval_late::{function}", file=file), root / "desk", root)


def test_each_row_has_its_line(evals):
    """Empty lines count; paths are relative to the repository, above the project."""
    found = placed(evals)
    assert found["a"] == "desk/evals/late/rows/late.jsonl:1" and found["b"] == "desk/evals/late/rows/late.jsonl:3"
    assert found["17"] == "desk/evals/late/table.csv:2" and found["18"] == "desk/evals/late/table.csv:3"
    assert found[""] == "desk/evals/late/eval_late.py:7"


def test_a_row_without_an_id_is_found_by_its_content(evals):
    """Its id is the digest of the row, as in the run."""
    assert sorted(place.rpartition(":")[2] for place in placed(evals).values()) == ["1", "2", "3", "3", "4", "7"]


def test_cases_in_python_have_the_function_s_line(evals):
    """They have none of their own."""
    assert placed(evals, "eval_inline") == {"": "desk/evals/late/eval_late.py:11"}


@pytest.mark.parametrize("break_it", ["gone", "no rows", "bad row", "bad syntax", "no such function"])
def test_what_cannot_be_read_has_no_place(evals, break_it):
    """A file that was moved since the run breaks no report."""
    folder = evals / "desk" / "evals" / "late"
    if break_it == "gone":
        (folder / "eval_late.py").unlink()
    if break_it == "no rows":
        (folder / "rows" / "late.jsonl").unlink()
    if break_it == "bad row":
        (folder / "rows" / "late.jsonl").write_text("{")
    if break_it == "bad syntax":
        (folder / "eval_late.py").write_text("def (")
    found = placed(evals, "eval_other" if break_it == "no such function" else "eval_late")
    assert set(found) == ({"", "17", "18"} if "row" in break_it else set())
