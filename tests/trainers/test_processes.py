import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import safetensors.torch
import torch
from msgspec.structs import replace

from harness.core.codec import decode, encode
from harness.core.worker import environment
from harness.errors import TrueupError, UsageError
from harness.tune import stage
from harness.types import Adapter, EngineSettings
from trainers import sft
from trainers.publishing import adapter_folder, round_trip
from trainers.training import launch, processes


def test_one_process_does_all_the_work():
    """Without a launcher there is one process: all rows are its own, and nothing is added up."""
    weight = torch.nn.Parameter(torch.ones(3))
    assert processes.share([1, 2, 3]) == [1, 2, 3] and processes.first()
    assert processes.add([weight], 0.5) == 0.5 and weight.grad is None


def test_a_recipe_that_does_not_share_is_refused(monkeypatch):
    """Two processes that would each publish the whole adapter are stopped; supervised training may have them."""
    pytest.importorskip("openai")
    monkeypatch.setattr(processes, "count", lambda: 2)
    assert launch._trainer("sft") is sft
    with pytest.raises(UsageError, match="'hosted' trains in one process"):
        launch._trainer("hosted")


@pytest.fixture
def one_thread():
    """As the launched processes have: the order of a sum depends on how many threads make it."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_processes_train_the_adapter_of_one(request_for, tmp_path, monkeypatch, one_thread):
    """`accelerate launch` with two gloo processes gives, up to the order of sums, the weights that one process gives."""
    monkeypatch.setattr(round_trip, "certify", lambda *given: {})
    request = request_for()
    request = replace(request, recipe=replace(request.recipe, dtype="float32", max_steps=4))
    two = launched(replace(request, out=str(tmp_path / "pair")), tmp_path / "request.json")
    whole = alone(request)
    assert whole.keys() == two.keys()
    assert all(torch.allclose(whole[name], two[name], rtol=1e-3, atol=1e-5) for name in two)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_of_two_processes_that_the_engine_started_one_may_be_killed(request_for, tmp_path):
    """`[engine] processes = 2`: when one of them is killed the training ends without an adapter, and the same request goes on
    from its checkpoint to the bytes of an undisturbed one."""
    request = request_for()
    request = replace(request, recipe=replace(request.recipe, dtype="float32", max_steps=4, checkpoint_every=1))
    two, again = EngineSettings(processes=2), []

    def kill_the_second(point, steps):
        if point.step == 2:
            second = [each for each in psutil.Process().children(recursive=True) if is_second(each)]
            second[0].kill()

    with pytest.raises(TrueupError):
        stage.tune(request, on_point=kill_the_second, engine=two)
    assert not Path(request.out).exists()
    killed = stage.tune(request, on_point=lambda point, steps: again.append(point.step), engine=two)
    assert again and again[0] > 1 and again[-1] == 4
    whole = stage.tune(replace(request, out=str(tmp_path / "whole")), engine=two)
    assert killed.files == whole.files and killed.id == whole.id


def is_second(process):
    """Whether it is the second of the processes that train."""
    try:
        return process.environ().get("RANK") == "1"
    except psutil.Error:
        return False


def alone(request):
    """The weights that this process trains."""
    sft.train(request, lambda *given: None)
    return safetensors.torch.load_file(f"{request.out}/{adapter_folder.WEIGHTS}")


def launched(request, file):
    """The weights that two processes train."""
    file.write_bytes(encode(request))
    command = [sys.executable, "-m", "accelerate.commands.launch", "--num_processes", "2", "--cpu"]
    done = subprocess.run(
        [*command, "-m", "trainers.training.launch", str(file)],
        capture_output=True,
        env=environment() | {"OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    assert decode(done.stdout.splitlines()[-1], Adapter).rows == {"trained": 20}
    return safetensors.torch.load_file(f"{request.out}/{adapter_folder.WEIGHTS}")
