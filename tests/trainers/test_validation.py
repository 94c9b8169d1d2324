import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from harness.core.codec import write_lines
from harness.types import CurvePoint, Recipe
from trainers import sft
from trainers.model import parameters
from trainers.model.greedy import answers
from trainers.publishing import round_trip
from trainers.rows import dataset
from trainers.training.checkpoints import Shelf
from trainers.training.choices import fill
from trainers.training.descent import descend, thin
from trainers.training.validation import GUARD, Exam, choose, spent

FLOATS = st.floats(0, 1)


def point(step, score, loss=1.0, guard=None, answered=0):
    return CurvePoint(
        step=step, epoch=step / 5, loss=1.0, validation_loss=loss, score=score, guard_loss=guard, answered=answered
    )


@given(st.lists(st.tuples(FLOATS, FLOATS, FLOATS), min_size=1, max_size=8), FLOATS)
def test_the_best_of_those_that_forget_nothing_is_kept(measures, base):
    """No checkpoint within the guard scores higher than the one that is kept, if there is one within it."""
    curve = [point(0, 0.0, guard=base), *(point(step, *each) for step, each in enumerate(measures, start=1))]
    held = [each for each in curve[1:] if each.guard_loss <= base * (1 + GUARD)]
    kept = next(each for each in curve if each.step == choose(curve).step)
    assert kept.step and (kept in held or not held)
    assert all(each.score <= kept.score for each in held)


def test_a_higher_score_that_forgets_is_passed_over():
    """A checkpoint whose replay loss grew beyond the guard is not taken, and the reason says so."""
    curve = [point(0, 0.0, guard=2.0), point(5, 0.5, guard=2.05), point(10, 0.9, guard=2.2)]
    choice = choose(curve)
    assert choice.step == 5 and "forget too much" in choice.reason


@pytest.mark.parametrize(
    ("scores", "losses", "step"),
    [
        pytest.param([0.625, 0.5, 0.56], [0.08, 0.09, 0.06], 3, id="too near to tell: the lower loss"),
        pytest.param([0.625, 0.5, 0.25], [0.08, 0.09, 0.01], 1, id="clearly worse, whatever the loss"),
        pytest.param([0.25, 0.5, 0.9], [0.01, 0.09, 0.2], 3, id="clearly better, whatever the loss"),
    ],
)
def test_scores_within_one_standard_error_are_told_apart_by_loss(scores, losses, step):
    """Of 16 answers two more may be luck: the standard error there is 0.12."""
    curve = [point(at, *each, answered=16) for at, each in enumerate(zip(scores, losses, strict=True), start=1)]
    choice = choose(curve)
    assert choice.step == step and ("standard error" in choice.reason) == (scores[step - 1] < max(scores))


@given(st.lists(st.tuples(FLOATS, FLOATS, FLOATS), min_size=2, max_size=8), st.integers(0, 40))
def test_a_longer_curve_keeps_the_choice_or_takes_its_last(measures, answered):
    """So only one checkpoint beside the newest has to be on disk."""
    curve = [point(step, *each, answered=answered) for step, each in enumerate(measures, start=1)]
    assert choose(curve).step in (choose(curve[:-1]).step, curve[-1].step)


@pytest.mark.parametrize(("start", "said"), [(0.8, True), (0.6, False), (0.2, False)])
def test_a_training_that_made_it_worse_says_so(start, said):
    """Where the best checkpoint scores less than what was started from, the reason names both."""
    choice = choose([point(0, start), point(1, 0.5), point(2, 0.6)])
    assert choice.step == 2 and ("worse than what it started from, 0.800" in choice.reason) == said


def test_nothing_measured_is_nothing_chosen():
    """Without rows set aside there is no choice, and no stop before the end."""
    curve = [CurvePoint(step=step, epoch=1, loss=1.0) for step in range(1, 20)]
    assert choose(curve) is None and not spent(curve, 3)


@pytest.mark.parametrize(
    ("scores", "patience", "stop"),
    [([0.5, 0.5, 0.5, 0.5], 3, True), ([0.1, 0.2, 0.3, 0.4], 3, False), ([0.5, 0.4], 3, False), ([0.5] * 9, 0, False)],
)
def test_training_stops_when_it_brings_nothing_more(scores, patience, stop):
    """It stops after `patience` checkpoints that are no better than one before them; 0 never stops."""
    assert spent([point(step, score) for step, score in enumerate(scores, start=1)], patience) == stop


def test_a_long_curve_keeps_its_measured_points():
    """Thinning a curve leaves out no point that was measured."""
    curve = [CurvePoint(step=step, epoch=1, loss=1.0) for step in range(1, 1000)]
    curve[41] = point(42, 0.5)
    assert next(each.score for each in thin(curve) if each.step == 42) == 0.5 and len(thin(curve)) < 110


def test_groups_are_set_aside_whole(request_for, opened, cases, tmp_path, monkeypatch):
    """No near-duplicate group has rows on both sides, and every row has one fate."""
    monkeypatch.setattr(dataset, "LEAST_ROWS", 10)
    grouped = [replace(case, group=f"group-{number // 3}") for number, case in enumerate(cases)]
    write_lines(tmp_path / "data" / "train.jsonl", grouped)
    request = request_for()
    parts = dataset.parts(replace(request, recipe=replace(request.recipe, validation_share=0.3)), opened)
    group = {case.id: case.group for case in grouped}
    aside, train = ({group[row.id] for row in rows} for rows in (parts.validation, parts.train.rows))
    assert aside and not aside & train
    assert parts.train.fates == {"trained": len(parts.train.rows), "validation": len(parts.validation)}
    assert sum(parts.train.fates.values()) == len(cases)


def test_rows_that_are_named_are_set_aside_and_no_others(request_for, opened, cases):
    """However few rows there are: whoever asks for these has a reason."""
    named = tuple(case.id for case in cases[3:6])
    parts = dataset.parts(replace(request_for(), validation_ids=named), opened)
    assert {row.id for row in parts.validation} == set(named)
    assert len(parts.train.rows) == len(cases) - 3


def test_few_rows_all_train(request_for, opened, cases):
    """Twenty rows are too few to set any aside."""
    assert len(dataset.parts(request_for(), opened).train.rows) == len(cases)


@pytest.fixture
def learn(base, rows, opened, renderer, tmp_path):
    """Trains on 16 rows and measures on 4; returns the curve, the model's weights and the exam."""

    def run(folder, on_point=lambda point, steps: None, **knobs):
        knobs = {"learning_rate": 3e-3, "batch_size": 4, "max_steps": 6, "checkpoint_every": 2} | knobs
        recipe = fill(Recipe(rank=4, **knobs), 10**6, 16, 512).recipe
        model = parameters.attach(parameters.open_base(base, torch.float32).model, recipe)
        exam = Exam(rows[16:], rows[14:16], opened.tokenizer, renderer.stop, recipe)
        curve = descend(model, rows[:16], recipe, Shelf(tmp_path / folder, "this"), on_point, exam=exam)
        return curve, model, exam

    return run


def test_the_chosen_checkpoint_is_what_remains(learn):
    """The weights that are left are those that were measured at the chosen step, not those of the last."""
    curve, model, exam = learn("plain")
    chosen = next(each for each in curve if each.step == choose(curve).step)
    again = exam.measure(model, chosen)
    assert again.validation_loss == pytest.approx(chosen.validation_loss, rel=1e-6) and again.score == chosen.score
    assert curve[0].step == 0 and curve[0].validation_loss > chosen.validation_loss


def test_a_killed_and_measured_training_chooses_the_same(learn):
    """Measuring, stopping and choosing survive a kill: the same curve and the same bytes."""

    class Killed(Exception):
        pass

    def kill(point, steps):
        if point.step == 4:
            raise Killed

    curve, model, _ = learn("whole")
    with pytest.raises(Killed):
        learn("killed", on_point=kill)
    other_curve, other, _ = learn("killed")
    strip = [replace(each, seconds=0.0) for each in curve]
    assert [replace(each, seconds=0.0) for each in other_curve] == strip
    assert all(
        torch.equal(a, b)
        for a, b in zip(parameters.weights(model).values(), parameters.weights(other).values(), strict=True)
    )


@pytest.mark.parametrize("kind", ["lora", "prefix", "prompt"])
def test_answers_are_those_of_the_plainest_loop(kind, opened, rows, renderer):
    """Batched, padded and with a shared start, the model writes what it writes token by token alone."""
    model = parameters.attach(opened.model, Recipe(adapter=kind, rank=4)).eval()
    prompts = [row.ids[: row.first] for row in rows[:5]]
    together = answers(model, prompts, 6, renderer.stop)
    for prompt, written in zip(prompts, together, strict=True):
        ids = list(prompt)
        with torch.no_grad():
            for _ in range(len(written)):
                ids.append(int(model(input_ids=torch.tensor([ids])).logits[0, -1].argmax()))
        assert ids[len(prompt) :] == written


def test_the_choice_is_in_the_manifest(request_for, monkeypatch):
    """Trained from a request, the manifest says which step was kept and why, and the curve holds the scores."""
    monkeypatch.setattr(dataset, "LEAST_ROWS", 10)
    monkeypatch.setattr(round_trip, "certify", lambda *given: {})
    request = request_for()
    adapter = sft.train(replace(request, recipe=replace(request.recipe, validation_share=0.2)), lambda *given: None)
    assert adapter.checks["chosen_step"] == adapter.steps and "task score" in adapter.choices["checkpoint"]
    assert adapter.rows == {"trained": 16, "validation": 4}
    assert sum(each.score is not None for each in adapter.curve) == 7
    fit = adapter.checks["fit"]
    assert fit["gap"] == fit["loss_set_aside"] - fit["training_loss"] and fit["loss_set_aside"] > 0


@pytest.mark.parametrize(("share", "words"), [(0.0, "validation_share is 0"), (0.1, "fewer than 100")])
def test_without_rows_aside_the_manifest_says_why_it_is_the_last(share, words, request_for, monkeypatch):
    """Where nothing was set aside the last checkpoint is kept, and the reason says that and why."""
    monkeypatch.setattr(round_trip, "certify", lambda *given: {})
    request = request_for()
    recipe = replace(request.recipe, validation_share=share, max_steps=1)
    adapter = sft.train(replace(request, recipe=recipe), lambda *given: None)
    reason = adapter.choices["checkpoint"]
    assert reason.startswith("step 1, the last: no rows are set aside") and words in reason
    assert "chosen_step" not in adapter.checks
