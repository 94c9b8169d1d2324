import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.types import Recipe
from trainers.training.choices import fill


@given(st.integers(1, 100_000), st.floats(1e6, 1e11))
def test_nothing_is_left_open_and_every_choice_has_a_reason(rows, weights):
    """A filled recipe holds no None, and each knob that was open is in the reasons."""
    filled = fill(Recipe(), int(weights), rows, 2048)
    knobs = {name: getattr(filled.recipe, name) for name in filled.recipe.__struct_fields__}
    assert None not in knobs.values()
    assert set(filled.reasons) == {name for name in knobs if getattr(Recipe(), name) is None}
    assert 1 <= filled.recipe.batch_size <= 16 and filled.steps >= 1


def test_what_was_given_is_kept():
    """A value in the recipe is never replaced, and needs no reason."""
    filled = fill(Recipe(learning_rate=3e-5, epochs=1, batch_size=2), 10**9, 100, 512)
    assert (filled.recipe.learning_rate, filled.recipe.epochs, filled.steps) == (3e-5, 1, 50)
    assert not {"learning_rate", "epochs", "batch_size"} & set(filled.reasons)


@pytest.mark.parametrize(("weights", "rate"), [(135e6, 1e-3), (1e9, 2e-4), (7e9, 2e-4)])
def test_small_models_learn_faster(weights, rate):
    """The learning rate is 1e-3 up to 200M weights and 2e-4 from 1B on."""
    assert fill(Recipe(), int(weights), 400, 512).recipe.learning_rate == rate


@pytest.mark.parametrize(("rows", "batch"), [(5000, 16), (436, 8), (150, 4), (20, 4)])
def test_the_batch_leaves_a_hundred_steps(rows, batch):
    """The batch is the largest that leaves 100 steps, so a schedule has something to work on."""
    assert fill(Recipe(), 10**8, rows, 512).recipe.batch_size == batch
