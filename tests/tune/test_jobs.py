"""Jobs of recipes in a task, by name. How a task is run is tests/core/engines/test_engines.py."""

import pytest

from harness.errors import UsageError
from harness.tune import stage
from harness.types import Prompt, Recipe, TuneRequest


def test_an_unknown_trainer_is_a_usage_error():
    """A method that no trainer has is refused by the task, with the nearest known name."""
    request = TuneRequest(base="", dataset="", prompt=Prompt(name=""), recipe=Recipe(method="sfft"), out="")
    with pytest.raises(UsageError, match="no trainer named 'sfft'") as caught:
        stage.tune(request)
    assert "did you mean 'sft'" in caught.value.next
