import subprocess
import sys

import pytest
import safetensors.torch
import torch
from msgspec.structs import replace

from harness.codec import decode, encode
from harness.engines.local import environment
from harness.types import Adapter
from trainers import processes, publish, roundtrip, sft


def test_one_process_does_all_the_work():
    """Without a launcher there is one process: all rows are its own, and nothing is added up."""
    weight = torch.nn.Parameter(torch.ones(3))
    assert processes.share([1, 2, 3]) == [1, 2, 3] and processes.first()
    assert processes.add([weight], 0.5) == 0.5 and weight.grad is None


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_processes_train_the_adapter_of_one(request_for, tmp_path, monkeypatch):
    """`accelerate launch` with two gloo processes gives, up to the order of sums, the weights that one process gives."""
    monkeypatch.setattr(roundtrip, "certify", lambda *given: {})
    request = request_for()
    request = replace(request, recipe=replace(request.recipe, dtype="float32", max_steps=4))
    sft.train(request, lambda *given: None)
    pair = replace(request, out=str(tmp_path / "pair"))
    (tmp_path / "request.json").write_bytes(encode(pair))
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--num_processes", "2", "--cpu"]
    done = subprocess.run(
        [*launch, "-m", "trainers.launch", str(tmp_path / "request.json")],
        capture_output=True,
        env=environment() | {"OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    assert decode(done.stdout.splitlines()[-1], Adapter).rows == {"trained": 20}
    one, two = (safetensors.torch.load_file(f"{r.out}/{publish.WEIGHTS}") for r in (request, pair))
    assert one.keys() == two.keys()
    assert all(torch.allclose(one[name], two[name], rtol=1e-3, atol=1e-5) for name in one)
