"""Distillation from a teacher's accepted answers: the wiring, with a tiny random model and a scripted teacher."""

import pytest
from msgspec.structs import replace

pytest.importorskip("trl")

from harness.core.adapters import verify
from harness.core.codec import read_lines, write_lines
from harness.errors import InputError, InvalidError, UsageError
from harness.types import Arm, Case, Recipe
from tests.trainers.conftest import SYSTEM
from trainers import distill
from trainers.publishing import round_trip
from trainers.rows import teacher_answers

SUITE = """
from harness import cases, score

@cases.held_out("mined")
def eval_exact(case, model):
    return score.text(model.chat(case.messages, max_tokens=12), case.expected)
"""


@pytest.fixture(autouse=True)
def unchecked(monkeypatch):
    """Leaves out the round trip in a fresh process, which costs seconds and has tests of its own."""
    monkeypatch.setattr(round_trip, "certify", lambda *given: {})


@pytest.fixture
def taught_for(request_for, cases, tmp_path):
    """Makes a request whose teacher answers 15 of 20 cases right."""
    (tmp_path / "evals").mkdir()
    (tmp_path / "evals" / "eval_it.py").write_text(SUITE, encoding="utf-8")
    write_lines(tmp_path / "data" / "train.jsonl", [replace(case, expected=f"{n + 1}") for n, case in enumerate(cases)])
    answers = {case.text: f"{n + 1}" if n < 15 else "no" for n, case in enumerate(cases)}
    teacher = Arm(name="wise", backend="scripted", options={"replies": answers})

    def make(**options):
        recipe = Recipe(
            method="distill", learning_rate=1e-3, batch_size=5, max_steps=2, rank=4,
            options={"suite": "eval_exact", "teacher": "wise", **options},
        )  # fmt: skip
        return request_for(recipe=recipe, evals=(str(tmp_path / "evals"),), teacher=teacher)

    return make


def nothing(point, steps):
    pass


def test_only_accepted_answers_are_learnt(taught_for, base, tmp_path):
    """The teacher's right answers become the targets; wrong ones are counted and left out; the manifest is bound to the
    dataset that was asked for and says who taught."""
    request = taught_for()
    adapter = distill.train(request, nothing)
    assert adapter.method == "distill" and adapter.rows == {"trained": 15, "not_accepted": 5}
    facts = adapter.checks["distillation"]
    assert (facts["teacher"], facts["asked"], facts["accepted"]) == ("wise", 20, 15)
    assert verify(request.out, base) == adapter and adapter.dataset != adapter.checks["stage"]
    learnt = list(read_lines(tmp_path / "adapter.checkpoints" / "data" / "train.jsonl", Case))
    assert [case.target.text for case in learnt] == [f"{n + 1}" for n in range(15)]
    assert {case.target_source for case in learnt} == {"teacher"}
    assert distill.train(request, lambda point, steps: pytest.fail("trained twice")) == adapter


def test_no_answer_is_asked_for_twice(taught_for, monkeypatch):
    """After a kill in the training, the teacher's answers are read back; one that a kill cut short is asked for again."""

    def kill(point, steps):
        raise KeyboardInterrupt

    request = taught_for()
    with pytest.raises(KeyboardInterrupt):
        distill.train(request, kill)
    kept = distill.Path(f"{request.out}.checkpoints") / "teacher.jsonl"
    kept.write_bytes(kept.read_bytes()[:-9])
    asked = []
    real = teacher_answers._ask
    monkeypatch.setattr(
        teacher_answers, "_ask", lambda arm, requests, places: asked.append(len(places)) or real(arm, requests, places)
    )
    distill.train(request, nothing)
    assert asked == [1]


def test_a_preview_and_an_estimate_ask_the_teacher_nothing(taught_for, tmp_path, monkeypatch):
    """Prompts are shown as the student reads them, beside the length of the teacher's; the questions to come are
    counted; the teacher is not asked."""
    monkeypatch.setattr(teacher_answers, "_ask", lambda *given: pytest.fail("asked"))
    request = taught_for(samples=3)
    shown = distill.preview(request, 2)
    assert shown.fates == {"asked": 20} and {kind for _, kind in shown.rows[0].tokens} == {"context", "special"}
    student, teacher = (int(word) for word in shown.rows[0].counts.split() if word.isdigit())
    assert student > teacher  # the student has a system text, this teacher has none
    cost = distill.estimate(request)
    assert cost.steps == 2 and "60 answers of at most 12 tokens" in cost.details["teacher"]
    assert not (tmp_path / "adapter.checkpoints").exists()


def test_a_teacher_that_is_mostly_wrong_is_refused(taught_for, tmp_path):
    """With too few accepted answers nothing is trained, and the numbers are said."""
    request = taught_for()
    silent = replace(request.teacher, options={"replies": {"What comes after 0?": "1"}})
    with pytest.raises(InputError, match="accepts 1 of"):
        distill.train(replace(request, teacher=silent), nothing)
    assert not (tmp_path / "adapter").exists()


def test_a_held_out_case_stops_it_before_the_teacher_is_asked(taught_for, monkeypatch):
    """A held-out id among the training rows ends the run: the teacher never sees it."""
    monkeypatch.setattr(teacher_answers, "lessons", lambda *given: pytest.fail("asked"))
    with pytest.raises(InvalidError, match="held-out"):
        distill.train(replace(taught_for(), held_out_ids=("call-3",)), nothing)


@pytest.mark.parametrize(
    ("options", "teacher", "words"),
    [({}, None, "no teacher"), ({"on_policy": 2}, "scripted", "local model"), ({"sample": 2}, None, "sample")],
)
def test_what_cannot_teach_is_refused(taught_for, options, teacher, words):
    """No teacher, one without probabilities for on-policy steps, and misspelt options are refused at once."""
    request = taught_for(**options)
    with pytest.raises(UsageError, match=words):
        distill.train(request if teacher else replace(request, teacher=None), nothing)


@pytest.mark.slow
def test_on_policy_draws_the_student_to_a_local_teacher(taught_for, base, cases, monkeypatch):
    """After the accepted answers, some steps on the student's own answers follow, from that adapter on."""
    taught = teacher_answers.Lessons(list(cases), {}, 20, 20)
    monkeypatch.setattr(teacher_answers, "lessons", lambda *given: taught)  # a random model never ends an answer
    local = Arm(name="large", backend="hf", model=str(base), prompt=SYSTEM)
    adapter = distill.train(request := replace(taught_for(on_policy=2), teacher=local), nothing)
    assert adapter.steps == 2 and len(adapter.curve) == 4 and adapter.checks["start"]
    assert verify(request.out, base) == adapter
