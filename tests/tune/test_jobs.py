"""Jobs of recipes in a task, by name. How a task is run is tests/core/engines/test_engines.py."""

import pytest
import torch

from harness.core import plugins
from harness.errors import Exit, TrueupError, UsageError
from harness.tune import jobs, stage
from harness.types import Prompt, Recipe, TuneRequest


def test_an_unknown_trainer_is_a_usage_error():
    """A method that no trainer has is refused by the task, with the nearest known name."""
    request = TuneRequest(base="", dataset="", prompt=Prompt(name=""), recipe=Recipe(method="sfft"), out="")
    with pytest.raises(UsageError, match="no trainer named 'sfft'") as caught:
        stage.tune(request)
    assert "did you mean 'sft'" in caught.value.next


FEW = ("sft", "reward")
"""One that several processes share and one that they do not; each recipe has to be loaded, which takes seconds."""


@pytest.mark.parametrize(
    "method",
    [pytest.param(name, marks=() if name in FEW else pytest.mark.slow) for name in plugins.names("trainers")],
)
def test_a_dry_run_refuses_processes_that_a_recipe_does_not_share(method):
    """Before any model is opened; supervised training shares its work, and only misses its base."""
    request = TuneRequest(base="no/base", dataset="", prompt=Prompt(name=""), recipe=Recipe(method=method), out="")
    with pytest.raises(TrueupError) as caught:
        stage.estimate(request, processes=2)
    refused = f"method {method!r} trains in one process" in caught.value.what
    assert refused == (method != "sft"), caught.value.what
    if refused:
        assert caught.value.exit == Exit.USAGE and "processes = 1" in caught.value.next


def test_more_processes_than_gpus_are_refused(monkeypatch):
    """Each wants one of its own; on a machine without any they share the processors."""
    request = TuneRequest(base="", dataset="", prompt=Prompt(name=""), recipe=Recipe(), out="")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(UsageError, match="2 processes need 2 GPUs, and there are 1") as caught:
        jobs.check_shared(request, 2)
    assert caught.value.next == "set processes = 1"
    jobs.check_shared(request, 1)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    jobs.check_shared(request, 2)
