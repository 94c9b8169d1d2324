"""What a model or a dataset that cannot be used gets: a message, where, and what to do next."""

import json
import shutil

import pytest
import torch
from msgspec.structs import replace

from harness.core.adapters import verify
from harness.core.codec import write_lines
from harness.errors import InputError, InvalidError, StorageError, UsageError
from harness.types import Case, Recipe
from tests.tiny import tiny_model
from trainers import sft
from trainers.model import parameters
from trainers.publishing import adapter_folder, round_trip
from trainers.training import descent


def nothing(point, steps):
    pass


@pytest.fixture
def copied(base, tmp_path):
    return shutil.copytree(base, tmp_path / "model")


def test_an_unknown_model_type_is_named(copied, request_for):
    """A model that transformers does not know is bad input, with the folder and the type."""
    config = json.loads((copied / "config.json").read_text()) | {"model_type": "warp_drive", "architectures": None}
    (copied / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match="warp_drive") as caught:
        sft.train(request_for(base=str(copied)), nothing)
    assert caught.value.where == str(copied)


def test_missing_weights_are_named(copied, request_for):
    """A folder without weights says so before anything is loaded."""
    (copied / "model.safetensors").unlink()
    with pytest.raises(InputError, match="no weights"):
        sft.train(request_for(base=str(copied)), nothing)


def test_torn_weights_are_named(copied, request_for):
    """A weights file that was cut off is bad input, not a traceback."""
    data = (copied / "model.safetensors").read_bytes()
    (copied / "model.safetensors").write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match="damaged"):
        sft.train(request_for(base=str(copied)), nothing)


def test_an_adapter_of_another_base_is_refused(request_for, tmp_path, monkeypatch):
    """An adapter is not put on weights that it was not trained on."""
    monkeypatch.setattr(round_trip, "certify", lambda *given: {})
    request = request_for()
    sft.train(request, nothing)
    with pytest.raises(InvalidError, match="base weights differ"):
        verify(request.out, tiny_model(tmp_path / "other", seed=1))


def test_rows_without_an_answer_are_nothing_to_train_on(request_for, tmp_path):
    """A dataset whose rows have no answer is refused with the count."""
    write_lines(tmp_path / "data" / "train.jsonl", [Case(id="a"), Case(id="b")])
    with pytest.raises(InputError, match="2 no_target"):
        sft.train(request_for(), nothing)


def test_an_unknown_adapter_kind_names_the_known(request_for):
    """A misspelt kind is a usage error, before the base is loaded."""
    request = request_for()
    with pytest.raises(UsageError, match="no adapter named"):
        sft.train(replace(request, recipe=replace(request.recipe, adapter="loar")), nothing)


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        ("lora", {"supervse": "all"}, "supervse"),
        ("lora", {"supervise": "every"}, "supervise"),
        ("lora", {"virtual_tokens": 4}, "virtual_tokens"),
        ("prompt", {"virtual_tokens": "many"}, "not a number"),
    ],
)
def test_options_that_mean_nothing_are_refused(kind, options, words, request_for):
    """A misspelt option, an unknown value, or one of another kind of adapter is a usage error, not ignored."""
    request = request_for()
    recipe = replace(request.recipe, adapter=kind, options=options)
    with pytest.raises(UsageError, match=words):
        sft.train(replace(request, recipe=recipe), nothing)


def test_out_of_memory_says_what_to_change(request_for, tmp_path, monkeypatch):
    """A step that does not fit ends the run with the knobs to turn; nothing is written, nothing is changed silently."""

    def full(*given):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr(descent, "accumulate", full)
    with pytest.raises(InputError, match="does not fit into memory") as caught:
        sft.train(request_for(), nothing)
    assert "max_tokens" in caught.value.next and "qlora" in caught.value.next
    assert not (tmp_path / "adapter").exists()


def test_a_full_disk_leaves_no_checkpoint_folder(opened, base, tmp_path, monkeypatch):
    """A checkpoint that cannot be written whole is a storage error."""

    def full(*given, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(opened.model), "save_pretrained", full)
    with pytest.raises(StorageError, match="No space left"):
        adapter_folder.write(
            adapter_folder.fresh(tmp_path / "whole"), parameters.attach(opened.model, Recipe(adapter="full")), str(base)
        )
