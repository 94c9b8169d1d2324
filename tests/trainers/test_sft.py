import json

import pytest
import safetensors.torch
import torch
from msgspec.structs import replace

from harness.core.adapters import verify
from harness.core.codec import write_lines
from harness.errors import InputError, InvalidError
from harness.tune.stage import read_manifest, tune
from harness.types import Recipe
from trainers import sft
from trainers.model import parameters
from trainers.publishing import adapter_folder, round_trip


@pytest.fixture
def unchecked(monkeypatch):
    """Leaves out the round trip in a fresh process, which costs seconds and has tests of its own."""
    monkeypatch.setattr(round_trip, "certify", lambda *given: {})


def nothing(point, steps):
    pass


def test_from_request_to_adapter(request_for, base):
    """The whole way, in child processes: the loss falls, the adapter is complete, certified, bound to its base, and a
    second time it is simply there."""
    points = []
    request = request_for()
    adapter = tune(request, on_point=lambda point, steps: points.append((point, steps)))
    assert [point.step for point, _ in points] == [1, 2, 3, 4, 5, 6] and {steps for _, steps in points} == {6}
    assert points[-1][0].loss < points[0][0].loss
    assert verify(request.out, base) == read_manifest(request.out) == adapter
    assert adapter.rows == {"trained": 20} and adapter.steps == 6 and adapter.peak_bytes > 0
    assert adapter.checks["parity"]["rows"] == 20
    assert adapter.checks["round_trip"]["difference"] <= 1e-5 < adapter.checks["round_trip"]["effect"]
    again = []
    assert sft.train(request, lambda point, steps: again.append(point)) == adapter and not again


def test_equal_requests_give_equal_adapters(request_for, tmp_path, unchecked):
    """Trained twice in two folders, the adapter has the same bytes and the same id; another seed gives another id."""
    first, second = (sft.train(request_for(out=str(tmp_path / name)), nothing) for name in ("one", "two"))
    assert first.files == second.files and first.id == second.id
    other = request_for(out=str(tmp_path / "three"))
    assert sft.train(replace(other, recipe=replace(other.recipe, seed=18)), nothing).id != first.id


def test_no_path_of_this_machine_is_in_the_adapter(request_for, tmp_path, unchecked):
    """The files that make up the adapter's id do not say where the base model stood."""
    request = request_for()
    sft.train(request, nothing)
    config = (tmp_path / "adapter" / adapter_folder.CONFIG).read_bytes()
    assert request.base.encode() not in config and json.loads(config)["target_modules"]


def test_another_adapter_in_the_way_is_not_overwritten(request_for, unchecked):
    """A folder that holds the adapter of another request is refused, and stays."""
    request = request_for()
    first = sft.train(request, nothing)
    with pytest.raises(InputError, match="another adapter"):
        sft.train(replace(request, recipe=replace(request.recipe, rank=2)), nothing)
    assert read_manifest(request.out) == first


def test_a_held_out_case_stops_the_training(request_for, tmp_path):
    """A held-out id among the training rows ends the run before anything is written."""
    with pytest.raises(InvalidError, match="held-out"):
        sft.train(request_for(held_out_ids=("call-3",)), nothing)
    assert not (tmp_path / "adapter").exists()


def test_a_failed_check_leaves_no_adapter(request_for, tmp_path, monkeypatch):
    """When the round trip fails there is no adapter folder: complete or absent."""

    def refuse(*given):
        raise InvalidError("the adapter changes nothing")

    monkeypatch.setattr(round_trip, "certify", refuse)
    with pytest.raises(InvalidError):
        sft.train(request_for(), nothing)
    assert not (tmp_path / "adapter").exists()


def test_a_dataset_without_rows_says_what_to_do(request_for, tmp_path):
    """A folder that is no dataset is named, with the command that makes one."""
    with pytest.raises(InputError, match=r"train\.jsonl") as caught:
        sft.train(request_for(dataset=str(tmp_path)), nothing)
    assert caught.value.next == "trueup curate"


def test_replay_is_a_share_of_the_whole(request_for, tmp_path, cases, unchecked):
    """Twenty training rows and a share of 20 % make twenty-five rows, five of them replay."""
    pool = [replace(case, id=f"replay-{case.id}", call_id="", split="replay") for case in cases]
    write_lines(tmp_path / "data" / "replay.jsonl", pool)
    request = request_for()
    request = replace(request, recipe=replace(request.recipe, replay_share=0.2, max_steps=1))
    assert sft.train(request, nothing).rows == {"trained": 25}


def finding(**fields):
    return round_trip.RoundTrip(**({"difference": 0.0, "equal": True, "effect": 1.0} | fields))


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (finding(effect=0.0), "changes nothing"),
        (finding(equal=False, difference=0.5), "off by 0.5"),
        (finding(missing=("layers.0.lora_A",)), "do not fit"),
        (finding(unexpected=("inner.lora_A",)), "do not fit"),
    ],
)
def test_what_the_fresh_process_finds_decides(found, words):
    """An adapter that does nothing, answers differently, or has weights too few or too many is refused."""
    with pytest.raises(InvalidError, match=words):
        round_trip._judge(found)


@pytest.mark.parametrize("damage", ["renamed", "changed"])
def test_the_fresh_process_notices_damage(damage, opened, base, rows, tmp_path, here):
    """Weights under another name, or other weights than were trained, do not pass the round trip."""
    model = parameters.attach(opened.model, Recipe(rank=4))
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.05)
    folder = adapter_folder.fresh(tmp_path / "adapter")
    adapter_folder.write(folder, model)
    tensors = safetensors.torch.load_file(folder / adapter_folder.WEIGHTS)
    name = next(name for name in tensors if "lora_B" in name)
    if damage == "renamed":
        tensors[name.replace("model.layers", "model.inner.layers")] = tensors.pop(name)
    else:
        tensors[name] += 0.1
    safetensors.torch.save_file(tensors, folder / adapter_folder.WEIGHTS)
    with pytest.raises(InvalidError, match="do not fit" if damage == "renamed" else "off by"):
        round_trip.certify(model, str(base), folder, rows)
