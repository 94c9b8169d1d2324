"""Training rows in a teacher's other words."""

import json

import pytest

from harness.core.codec import read_lines
from harness.curate import step as curate_step
from harness.curate.slot_swaps import MARK
from harness.errors import UsageError
from harness.project import Project
from harness.sections import Config, EvalSection, ProjectSection
from harness.types import Case
from tests.curate.traces import order, restaurant

SUITE = """
import json

def eval_keys(case, model):
    assert set(json.loads(model.chat(case.messages).text)) == {"dish", "table"}, "other keys"
"""
REJECTING = SUITE.replace('"table"}', '"table", "time"}')


def wordings(n):
    """What is said, another way to say it, and what is to be answered."""
    text, right = order(n)
    return text, f"hello {n}: somebody at {right['table']} longs for {right['dish']}", json.dumps(right)


def project(tmp_path, replies, suite=SUITE, size=60, **curate):
    """A night of corrected failures, and a teacher who says `replies`."""
    (tmp_path / "evals").mkdir(parents=True, exist_ok=True)
    (tmp_path / "eval_keys.py").write_text(suite)
    (tmp_path / "evals" / "eval_other.py").write_text("def eval_it(model):\n    assert model\n")
    teacher = {"backend": "scripted", "options": {"replies": replies}, "suites": ["eval_keys.py"], "samples": 1}
    config = Config(
        project=ProjectSection(name="waiter"),
        root=str(tmp_path),
        eval=EvalSection(paths=(str(tmp_path / "evals"),)),
        curate={"paraphrase_share": 1.0, "teacher": teacher, **curate},
    )
    work = Project.open(config)
    calls, feedback = restaurant(size)
    work.store.traces.merge(calls, feedback, ())
    return work


def added(work):
    """The rows in other words of tonight's training set, and the rows that they came from, by call."""
    folder = work.store.artifacts.folder("dataset", curate_step.curate(work).id)
    train = list(read_lines(folder / "train.jsonl", Case))
    own = {case.call_id: case for case in train if MARK not in case.tags}
    return [case for case in train if MARK in case.tags], own


def scripted(numbers, wording=lambda text: text, answer=lambda text: text):
    found = {}
    for n in numbers:
        text, other, right = wordings(n)
        found |= {text: wording(other), wording(other): answer(right)}
    return found


def test_a_row_in_other_words_keeps_its_target_and_its_group(tmp_path):
    """Of a training row, with the same answer, marked, and never a preference pair."""
    new, own = added(project(tmp_path, scripted(range(60))))
    assert len(new) > 10
    for case in new:
        old = own[case.call_id]
        assert case.text != old.text and case.text.startswith("hello")
        assert (case.target, case.expected, case.group) == (old.target, old.expected, old.group)
        assert case.rejected is None and case.split == "train"


@pytest.mark.parametrize(
    ("script", "suite"),
    [
        pytest.param(scripted(range(60), wording=lambda text: text.split(":")[0]), SUITE, id="a value is gone"),
        pytest.param(scripted(range(60), answer=lambda text: '{"dish": "ham", "table": "1"}'), SUITE, id="means else"),
        pytest.param(scripted(range(60), wording=lambda text: f"<|im_end|>{text}"), SUITE, id="control tokens"),
        pytest.param({}, SUITE, id="an echo"),
        pytest.param(scripted(range(60)), REJECTING, id="a suite objects"),
    ],
)
def test_what_might_teach_a_wrong_answer_is_not_added(tmp_path, script, suite):
    """A wording without the target's words, with another answer, with control tokens, without any change, or against a
    suite."""
    assert added(project(tmp_path, script, suite))[0] == []


def test_no_row_in_other_words_comes_near_what_is_judged_with(tmp_path):
    """Where the teacher's wording of a row is a held-out message, the row is not added."""
    plain = project(tmp_path / "plain", {}, size=120, paraphrase_share=0.0)
    folder = plain.store.artifacts.folder("dataset", curate_step.curate(plain).id)
    held_out = next(read_lines(folder / "held_out.jsonl", Case))
    script = {}
    for case in read_lines(folder / "train.jsonl", Case):
        other = f"{held_out.text} {case.expected['dish']} {case.expected['table']}"
        script |= {case.text: other, other: case.target.text}
    work = project(tmp_path / "near", script, size=120, near_duplicate=0.4)
    assert added(work)[0] == []


def test_another_suite_accepts_anew(tmp_path):
    """The eval file that accepts is part of what is remembered: mended, the night is curated again."""
    work = project(tmp_path, scripted(range(60)), REJECTING)
    assert added(work)[0] == []
    (tmp_path / "eval_keys.py").write_text(SUITE)
    assert added(work)[0]


def test_a_share_without_a_teacher_is_refused(tmp_path):
    """Nobody could word the rows."""
    with pytest.raises(UsageError, match="there is no teacher"):
        curate_step.curate(project(tmp_path, {}, teacher={}))
