"""The local engine: real jobs in a child, by name. How a child is run is tests/core/test_worker.py."""

import pytest

from harness.core.codec import encode
from harness.errors import UsageError
from harness.tune.engines import local
from harness.types import Prompt, Recipe, TuneRequest


def ask(method: str) -> bytes:
    return encode(TuneRequest(base="", dataset="", prompt=Prompt(name=""), recipe=Recipe(method=method), out=""))


def test_an_unknown_trainer_is_a_usage_error():
    """A method that no trainer has is refused by the child, with the nearest known name."""
    with pytest.raises(UsageError, match="no trainer named 'sfft'") as caught:
        local.run("tune", ask("sfft"), lambda data: None)
    assert "did you mean 'sft'" in caught.value.next


def test_an_unknown_job_is_a_usage_error():
    """A job that there is not is refused by the child, with those that there are."""
    with pytest.raises(UsageError, match="no job named 'tuna'") as caught:
        local.run("tuna", ask("sft"), lambda data: None)
    assert "tune" in caught.value.next
