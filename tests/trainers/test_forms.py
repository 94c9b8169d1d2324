import pytest
import torch
from msgspec.structs import replace

from harness.core.adapters import verify
from harness.errors import UsageError
from harness.evaluate.backends import hf
from harness.types import Arm, Recipe, Request
from trainers import sft
from trainers.model import parameters
from trainers.publishing import forms


def test_equal_logits_are_no_distance():
    """The same model in the same form: no divergence, every likeliest token the same; a shuffled one differs."""
    logits = torch.randn(7, 50)
    same = forms.distance(logits, logits)
    assert same["kl"] == pytest.approx(0, abs=1e-6) and same["greedy"] == 1.0 and same["tokens"] == 7
    other = forms.distance(logits, logits.flip(1))
    assert other["kl"] > 0.1 and other["greedy"] < 0.5


@pytest.mark.parametrize(("form", "bound"), [("merged", 1e-6), ("quantized", 3.0)])
def test_the_form_that_ships_is_certified_and_served(form, bound, request_for, base, cases, here):
    """A merged or quantized checkpoint is bound to the base, says how far it is from what was trained, and answers."""
    pytest.importorskip("bitsandbytes")
    request = request_for()
    recipe = replace(request.recipe, form=form, dtype="float32")
    adapter = sft.train(replace(request, recipe=recipe), lambda *given: None)
    assert verify(request.out, base).form == form and not adapter.quantization
    assert -1e-6 <= adapter.checks["form"]["kl"] < bound  # a random model is far from robust against rounding
    arm = Arm(name="tuned", model=str(base), adapter=request.out, options={"dtype": "float32"})
    reply = hf.open([arm]).answer(arm, [Request(messages=cases[0].messages, max_tokens=4)])[0]
    assert reply.usage.output > 0


def test_merging_a_quantized_training_uses_the_unquantized_base(request_for, base, here):
    """Adapters that were trained over 4 bits are merged into the full base, and the distance is said, not hidden."""
    pytest.importorskip("bitsandbytes")
    request = request_for()
    recipe = replace(request.recipe, form="merged", adapter="qlora", dtype="float32")
    adapter = sft.train(replace(request, recipe=recipe), lambda *given: None)
    assert adapter.checks["form"]["kl"] > 1e-4
    merged = parameters.open_base(request.out, torch.float32).model
    assert not any("absmax" in name for name in merged.state_dict())


@pytest.mark.parametrize(("kind", "form"), [("prefix", "merged"), ("full", "merged"), ("prompt", "quantized")])
def test_a_form_that_cannot_be_is_refused_before_training(kind, form, opened):
    """Virtual tokens cannot be merged, and a full fine-tune has nothing to merge: a usage error that says so."""
    recipe = Recipe(adapter=kind, form=form)
    with pytest.raises(UsageError, match="does not go with"):
        forms.refuse(recipe, parameters.attach(opened.model, recipe))
