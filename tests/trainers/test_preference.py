"""Preference learning on pairs: the wiring, with a tiny random model."""

import math

import pytest
import torch
from msgspec.structs import replace
from safetensors.torch import load_file

pytest.importorskip("trl")

from harness.core.adapters import verify
from harness.core.codec import write_lines
from harness.errors import InputError, InvalidError, UsageError
from harness.types import Recipe
from trainers import preference
from trainers.model import parameters
from trainers.publishing import round_trip
from trainers.publishing.adapter_folder import WEIGHTS
from trainers.rows import pairs
from trainers.training import trl_loop


@pytest.fixture
def unchecked(monkeypatch):
    """Leaves out the round trip in a fresh process, which costs seconds and has tests of its own."""
    monkeypatch.setattr(round_trip, "certify", lambda *given: {})


@pytest.fixture
def pairs_for(request_for, cases, tmp_path):
    """Makes a request on pairs: the right number against a wrong one."""
    write_lines(
        tmp_path / "data" / "train.jsonl", [replace(case, rejected=f"It is {n}.") for n, case in enumerate(cases)]
    )

    def make(steps=4, **options):
        recipe = Recipe(
            method="preference", learning_rate=1e-3, batch_size=4, max_steps=steps, checkpoint_every=2, rank=4,
            options=options,
        )  # fmt: skip
        return request_for(recipe=recipe)

    return make


def nothing(point, steps):
    pass


@pytest.mark.parametrize("loss", ["dpo", "orpo", pytest.param("kto", marks=pytest.mark.slow)])
def test_each_loss_moves_chosen_and_rejected_apart(loss, pairs_for, base, unchecked):
    """After training, the margin between chosen and rejected answers is larger than it was, and the manifest is whole."""
    request = pairs_for(steps=6, loss=loss, start="base")
    before = margin(request, parameters.open_base(request.base, torch.float32))
    points = []
    adapter = preference.train(request, lambda point, steps: points.append((point.step, steps)))
    assert points == [(step, 6) for step in range(1, 7)] and adapter.steps == 6
    assert adapter.rows == {"trained": 20} and adapter.checks["preference"]["pairs"] == 20
    assert verify(request.out, base) == adapter
    opened = parameters.open_base(request.base, torch.float32)
    start = preference.Start(adapter.recipe, adapter, preference.Path(request.out))
    after = margin(request, opened._replace(model=preference.beginning.attach(opened.model, start)))
    assert after > before + 0.5, (before, after)


@pytest.fixture
def many(pairs_for, tmp_path, cases):
    """As `pairs_for`, on 120 pairs: enough for some to be set aside."""
    found = [replace(cases[n % 20], id=f"case-{n}", group=f"g-{n}", rejected=f"It is {n % 20}.") for n in range(120)]
    write_lines(tmp_path / "data" / "train.jsonl", found)
    return pairs_for


@pytest.mark.slow
def test_the_checkpoint_that_answers_best_is_kept(many, unchecked, monkeypatch, tmp_path):
    """Pairs are set aside and answered before and in the training; what answered best ships, not what came last."""
    scores = iter([0.2, 0.9, 0.5, 0.4])
    monkeypatch.setattr(preference.Exam, "_score", lambda exam, model: next(scores))
    adapter = preference.train(many(steps=3, start="base"), nothing)
    assert adapter.rows == {"trained": 108, "validation": 12}
    assert [point.score for point in adapter.curve] == [0.2, 0.9, 0.5, 0.4]
    assert adapter.steps == adapter.checks["chosen_step"] == 1 and "step 1" in adapter.choices["checkpoint"]
    best, published = (
        load_file(path)
        for path in (tmp_path / "adapter.checkpoints" / "best-00000001.safetensors", tmp_path / "adapter" / WEIGHTS)
    )
    assert all(torch.equal(best[name], published[name]) for name in published)


def test_what_is_set_aside_is_previewed_and_counted_as_such(many, tmp_path):
    """No pair of a row that a supervised stage sets aside is trained on."""
    request = many(start="base")
    base = parameters.open_for(request)
    parts, found = preference._parted(request, base, preference.options_of(request))
    assert len(parts.validation) == 12 and not {row.id for row in parts.validation} & {row.id for row in found.rows}
    assert preference.preview(request, 1).fates == {"trained": 108, "validation": 12}


@pytest.mark.slow
def test_the_anchor_keeps_the_preferred_answers_likely(pairs_for, tmp_path, unchecked):
    """The same DPO training leaves the chosen answers likelier with the anchor than without."""

    def after(anchor):
        request = replace(pairs_for(steps=12, start="base", anchor=anchor), out=str(tmp_path / str(anchor)))
        adapter = preference.train(request, nothing)
        start = preference.Start(adapter.recipe, adapter, preference.Path(request.out))
        opened = parameters.open_base(request.base, torch.float32)
        return chosen(request, opened._replace(model=preference.beginning.attach(opened.model, start)))

    assert after(1.0) > after(0.0) + 1.0


def chosen(request, base):
    """Mean log-likelihood of the preferred answers, in nats."""
    found = pairs.build(request, base, pairs.ACCEPT).rows
    base.model.eval()
    with torch.no_grad():
        return sum(log_likelihood(base.model, pair.chosen) for pair in found) / len(found)


def test_a_step_in_pieces_is_the_step(pairs_for, tmp_path, unchecked, monkeypatch):
    """DPO's steps of four pairs, computed a pair at a time to save memory, take the same course (float32)."""

    def course(name):
        losses = []
        request = pairs_for(steps=5, start="base", anchor=0.0)  # the anchor is a mean over a piece's tokens
        request = replace(request, recipe=replace(request.recipe, dtype="float32"), out=str(tmp_path / name))
        preference.train(request, lambda point, steps: losses.append(point.loss))
        return losses

    whole = course("whole")
    monkeypatch.setattr(trl_loop, "PIECE", 1)
    assert course("pieces") == pytest.approx(whole, rel=1e-3)
    assert whole[0] == pytest.approx(math.log(2), rel=1e-3) and whole[-1] != pytest.approx(whole[0], rel=0.02)


def margin(request, base):
    """Mean difference of log-likelihood, chosen minus rejected, in nats."""
    found = pairs.build(request, base, pairs.ACCEPT)
    base.model.eval()
    with torch.no_grad():
        sums = [
            log_likelihood(base.model, pair.chosen) - log_likelihood(base.model, pair.rejected) for pair in found.rows
        ]
    return sum(sums) / len(sums)


def log_likelihood(model, row):
    logs = model(torch.tensor([row.ids])).logits[0].log_softmax(-1)
    return sum(logs[place - 1, row.ids[place]].item() for place in range(row.first, len(row.ids)))


def test_a_supervised_stage_comes_first_and_is_kept(pairs_for, unchecked, monkeypatch):
    """DPO starts from an adapter that a supervised stage made; started again, that stage is found and not repeated."""
    request = pairs_for(steps=2, sft={"max_steps": 3, "learning_rate": 1e-3})
    adapter = preference.train(request, nothing)
    calls = []
    monkeypatch.setattr(preference.trl_loop, "run", lambda *given: calls.append(given))
    again = preference.beginning.begin(request, "sft", request.recipe.options["sft"], nothing)
    assert again.id == adapter.checks["start"] and again.adapter.steps == 3 and not calls


def test_a_preview_shows_both_answers_and_an_estimate_counts_both_stages(pairs_for, tmp_path):
    """A pair is shown as its prompt, the answer to prefer and the answer to avoid; the steps are those of the supervised
    stage and of the preference's own, tried here; nothing is written."""
    request = pairs_for(steps=2, sft={"max_steps": 3, "batch_size": 4})
    shown = preference.preview(request, 2)
    texts = {
        kind: "".join(text for text, one in shown.rows[0].tokens if one == kind) for kind in ("supervised", "rejected")
    }
    assert texts == {"supervised": "It is 1.", "rejected": "It is 0.<|im_end|>"}
    assert "preferred" in shown.rows[0].counts and any("supervised stage" in note for note in shown.notes)
    before = sorted(tmp_path.rglob("*"))
    cost = preference.estimate(request)
    assert cost.steps == 5 and "3 steps of supervised training, then 2 of dpo" in cost.details["stages"]
    assert cost.seconds > 0 and 0 < cost.trained_weights < cost.weights
    assert sorted(tmp_path.rglob("*")) == before


def test_the_form_that_is_asked_for_is_the_form_that_ships(pairs_for, base, unchecked):
    """A preference training with `form = "merged"` publishes a whole checkpoint, not an adapter under that name."""
    request = pairs_for(steps=1, start="base")
    request = replace(request, recipe=replace(request.recipe, form="merged"))
    adapter = preference.train(request, nothing)
    assert adapter.form == "merged" and "model.safetensors" in adapter.files
    assert adapter.checks["form"]["greedy"] > 0.9 and "the last" in adapter.choices["checkpoint"]
    with pytest.raises(UsageError, match="a model that is merged"):
        preference.beginning.begin(request, request.out, {}, nothing)


@pytest.mark.slow
def test_a_killed_training_goes_on_and_ends_the_same(pairs_for, tmp_path, unchecked):
    """Stopped after its third step and started again, DPO ends with the bytes of an undisturbed training."""
    whole = preference.train(replace(pairs_for(steps=5, start="base"), out=str(tmp_path / "whole")), nothing)

    def kill(point, steps):
        if point.step == 3:
            raise KeyboardInterrupt

    request = pairs_for(steps=5, start="base")
    with pytest.raises(KeyboardInterrupt):
        preference.train(request, kill)
    steps = []
    resumed = preference.train(request, lambda point, total: steps.append(point.step))
    assert steps == [3, 4, 5] and [point.step for point in resumed.curve] == [1, 2, 3, 4, 5]
    assert resumed.files == whole.files


@pytest.mark.slow
def test_a_checkpoint_cut_short_is_not_resumed(pairs_for, tmp_path, unchecked):
    """A checkpoint without its seal, or with other bytes, is passed over for the one before it."""

    def kill(point, steps):
        if point.step == 5:
            raise KeyboardInterrupt

    request = pairs_for(steps=6, start="base")
    with pytest.raises(KeyboardInterrupt):
        preference.train(request, kill)
    newest = tmp_path / "adapter.checkpoints" / "checkpoint-4"
    with (newest / "adapter_model.safetensors").open("ab") as file:
        file.write(b"x")
    steps = []
    preference.train(request, lambda point, total: steps.append(point.step))
    assert steps[0] == 3


def test_what_is_not_a_number_stops_it_before_the_step(pairs_for, tmp_path, unchecked):
    """A learning rate that explodes ends the training with a message, and no adapter is there."""
    request = pairs_for(steps=40, start="base")
    request = replace(request, recipe=replace(request.recipe, learning_rate=1e30, max_grad_norm=1e30, warmup=0.0))
    with pytest.raises(InvalidError, match="not a number"):
        preference.train(request, nothing)
    assert not (tmp_path / "adapter").exists()


def test_pairs_that_differ_in_length_are_refused(request_for, cases, tmp_path):
    """When the chosen answers are much longer, training is refused, unless that is accepted."""
    write_lines(
        tmp_path / "data" / "train.jsonl",
        [replace(case, rejected=f"{n}" * (1 + n % 2)) for n, case in enumerate(cases)],
    )
    request = request_for(recipe=Recipe(method="preference", options={"start": "base"}, max_steps=1))
    opened = parameters.open_base(request.base, torch.float32)
    with pytest.raises(InputError, match="much longer"):
        pairs.build(request, opened, pairs.REFUSE)
    assert len(pairs.build(request, opened, pairs.ACCEPT).rows) == 20


def test_pairs_that_say_the_same_are_refused(request_for, cases, tmp_path):
    """Recorded answers that equal their corrections are no failures: most of the pairs are useless, and it says so."""
    write_lines(tmp_path / "data" / "train.jsonl", [replace(case, rejected=case.target.text) for case in cases])
    request = request_for(recipe=Recipe(method="preference"))
    with pytest.raises(InputError, match="say the same twice"):
        pairs.build(request, parameters.open_base(request.base, torch.float32), pairs.REFUSE)


@pytest.mark.parametrize(("options", "words"), [({"loss": "ppo"}, "no preference loss"), ({"bta": 1}, "bta")])
def test_unknown_options_are_refused(pairs_for, options, words):
    """A misspelt knob or a loss that is not there stops it before anything is loaded."""
    with pytest.raises(UsageError, match=words):
        preference.train(pairs_for(**options), nothing)
