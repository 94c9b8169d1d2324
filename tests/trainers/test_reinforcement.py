"""Reinforcement from a suite's scores: the wiring, with a tiny random model, and the checks that stop it."""

import pytest
import safetensors.torch
import torch
from msgspec.structs import replace

pytest.importorskip("trl")

from harness.core.adapters import verify
from harness.errors import InputError, InvalidError, UsageError
from harness.types import Recipe
from trainers import reinforcement
from trainers.model import parameters
from trainers.publishing import round_trip
from trainers.rows import scored
from trainers.rows.scored import Together
from trainers.training import trl_loop

SUITE = """
from harness import cases, score, suite, target

@suite(role=target())
@cases.held_out("mined")
def eval_letters(case, model):
    text = model.chat(case.messages, max_tokens=6).text
    return text.count("e") / max(1, len(text))

@cases.held_out("mined")
def eval_flat(case, model):
    model.chat(case.messages, max_tokens=2)
    return 0.0
"""


@pytest.fixture
def unchecked(monkeypatch):
    """Leaves out the round trip in a fresh process, which costs seconds and has tests of its own."""
    monkeypatch.setattr(round_trip, "certify", lambda *given: {})


@pytest.fixture
def scored_for(request_for, tmp_path):
    """Makes a request that learns from a suite's scores."""
    (tmp_path / "evals").mkdir()
    (tmp_path / "evals" / "eval_it.py").write_text(SUITE, encoding="utf-8")

    def make(steps=2, **options):
        recipe = Recipe(
            method="reinforcement", learning_rate=1e-3, batch_size=8, max_steps=steps, rank=4,
            options={"suite": "eval_letters", "generations": 4, "start": "base", **options},
        )  # fmt: skip
        return request_for(recipe=recipe, evals=(str(tmp_path / "evals"),))

    return make


def nothing(point, steps):
    pass


@pytest.mark.parametrize("loss", ["grpo", pytest.param("rloo", marks=pytest.mark.slow)])
def test_the_reward_is_the_suites_own_score(loss, scored_for, base, unchecked):
    """Every answer is judged by the eval function; reward and validation stand in the curve and in the manifest, and
    validation cases are not trained on."""
    request = scored_for(loss=loss)
    adapter = reinforcement.train(request, nothing)
    found = adapter.checks["reinforcement"]
    assert found["suite"] == "eval_it::eval_letters" and found["broken"] == 0
    assert adapter.rows == {"trained": 17, "validation": 3}
    assert found["answers"] == 2 * 8 + 3 * 3  # two steps of eight answers, and validation before and after each
    assert [point.step for point in adapter.curve] == [0, 1, 2]
    assert all(point.score is not None and (point.reward is not None) == (point.step > 0) for point in adapter.curve)
    assert verify(request.out, base) == adapter


@pytest.mark.parametrize("loss", ["grpo", pytest.param("rloo", marks=pytest.mark.slow)])
def test_a_step_in_pieces_is_the_step(loss, scored_for, tmp_path, unchecked, monkeypatch):
    """Eight answers of a step, learnt from one at a time to save memory: the same gradients (float32)."""

    grads = []

    def noted(self, *given, **named):
        grads[-1] += [weight.grad.clone() for weight in parameters.trainable(self._trainer.model)]

    monkeypatch.setattr(trl_loop.Watching, "on_pre_optimizer_step", noted)
    for name, piece in (("whole", 10**6), ("pieces", 1)):
        grads.append([])
        monkeypatch.setattr(trl_loop, "PIECE", piece)
        request = scored_for(loss=loss)
        request = replace(request, recipe=replace(request.recipe, dtype="float32"), out=str(tmp_path / name))
        reinforcement.train(request, nothing)
    whole, pieces = (torch.cat([grad.flatten() for grad in found]) for found in grads)
    assert (whole - pieces).norm() < 1e-3 * whole.norm() and whole.norm() > 1e-3


@pytest.mark.slow
def test_the_checkpoint_that_scores_best_is_kept(scored_for, unchecked, tmp_path, monkeypatch):
    """Where validation was best at the first step, that step's weights are published, and not those of the last."""
    means = iter([0.2, 0.9, 0.5])  # before the training, after its first and after its second step
    monkeypatch.setattr(reinforcement.Rollouts, "_validate", lambda self: [next(means)] * 3)
    monkeypatch.setattr(Together, "check", lambda self, step, scores: scores[0])
    adapter = reinforcement.train(scored_for(), nothing)
    assert adapter.steps == adapter.checks["chosen_step"] == 1 and "step 1" in adapter.choices["checkpoint"]
    kept = [path.name for path in (tmp_path / "adapter.checkpoints").glob("best-*")]
    assert kept == ["best-00000001.safetensors"]
    best, published = (
        safetensors.torch.load_file(path)
        for path in (tmp_path / "adapter.checkpoints" / kept[0], tmp_path / "adapter" / "adapter_model.safetensors")
    )
    assert all(torch.equal(best[name], published[name]) for name in published)


def test_a_preview_shows_the_prompts_and_an_estimate_counts_the_answers(scored_for, tmp_path, monkeypatch):
    """Prompts are shown without an answer, since the model writes it; answers and their tokens are counted; nothing is
    written and the suite's own limit is the one that is said."""
    monkeypatch.setattr(reinforcement.trl_loop, "trial", lambda make, recipe: 2.0)
    request = scored_for(steps=3)
    shown = reinforcement.preview(request, 4)
    assert shown.fates == {"trained": 17, "validation": 3} and len(shown.rows) == 4
    assert {kind for row in shown.rows for _, kind in row.tokens} == {"context", "special"}
    assert "4 answers of at most 6 tokens" in shown.rows[0].counts
    cost = reinforcement.estimate(request)
    assert (cost.steps, cost.seconds) == (3, 6.0)
    assert "8 a step to 2 prompts, 24 in all" in cost.details["answers"] and "144 in all" in cost.details["generated"]
    assert not (tmp_path / "adapter").exists() and not (tmp_path / "adapter.checkpoints").exists()


def test_scores_that_never_differ_stop_it(scored_for, monkeypatch, tmp_path):
    """When all answers to a question score the same there is no gradient, and it says so."""
    monkeypatch.setattr(reinforcement, "SIGNAL_STEPS", 2)
    with pytest.raises(InvalidError, match="nothing to learn from"):
        reinforcement.train(scored_for(steps=4, suite="eval_flat"), nothing)
    assert not (tmp_path / "adapter").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"suite": ""}, "none is named"),
        ({"loss": "ppo"}, "no reinforcement loss"),
        ({"generations": 1}, "siblings"),
        ({"generations": 3}, "no multiple"),
    ],
)
def test_unknown_options_are_refused(scored_for, options, words):
    """A suite that is not named, a loss that is not there, and batches that do not fit are said before training."""
    with pytest.raises(UsageError, match=words):
        reinforcement.train(scored_for(**options), nothing)


def test_a_reward_that_rises_as_validation_falls_stops_it():
    """Paired scores that fell by more than chance while the reward rose: the run is stopped."""
    together = Together([1.0] * 10 + [0.0] * 10)
    for reward in (0.2, 0.3, 0.6, 0.8):
        together.add(reward)
    assert together.check(2, [1.0] * 11 + [0.0] * 9) == 0.55
    with pytest.raises(InvalidError, match="validation score"):
        together.check(4, [0.0] * 8 + [1.0] * 2 + [0.0] * 10)
    assert together.summary()["rose_together"] is False


def test_a_falling_validation_without_a_rising_reward_goes_on():
    """A dip of both is noise of learning, not a reward that is gamed."""
    together = Together([1.0] * 20)
    for reward in (0.8, 0.5):
        together.add(reward)
    assert together.check(2, [0.0] * 20) == 0.0


def test_no_group_stands_on_both_sides_of_validation(request_for, cases, tmp_path):
    """Near-duplicates and sessions stay together, so validation asks nothing that was trained on."""
    from harness.core.codec import write_lines

    grouped = [replace(case, group=f"group-{n // 2}") for n, case in enumerate(cases)]
    write_lines(tmp_path / "data" / "train.jsonl", grouped)
    parts = scored.split(request_for())
    assert len(parts.train) + len(parts.validation) == 20 and parts.validation
    assert not {case.group for case in parts.train} & {case.group for case in parts.validation}


def test_too_few_cases_are_refused(request_for, cases, tmp_path):
    """With nothing to validate on, learning from scores is refused."""
    from harness.core.codec import write_lines

    write_lines(tmp_path / "data" / "train.jsonl", cases[:5])
    with pytest.raises(InputError, match="too few"):
        scored.split(request_for())
