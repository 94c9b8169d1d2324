"""A Ray cluster that loses nodes, has other code, or is not there. See tests/core/engines/test_engines.py for what works."""

import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from harness.core import crew
from harness.core.codec import decode, encode, write_lines
from harness.core.crew import EngineTask
from harness.errors import Exit, InputError, InvalidError, UsageError
from harness.ingest import stage as ingest_stage
from harness.project import Project
from harness.tune import stage as tune_stage
from harness.types import EngineSettings, Prompt, Recipe, TuneRequest
from tests import walk
from tests.cli.inside import trueup
from tests.core.engines.conftest import STORE

pytest.importorskip("ray", reason="Ray is not installed: pip install ray")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
ROOT = Path(__file__).parents[3]
JOBS = "tests.core.engines.jobs"


class Spare:
    """A cluster whose work is on one node, which can be replaced by another."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        self.cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": STORE})
        self.settings = EngineSettings(kind="ray", address=self.cluster.address)
        self.node: Any = None

    def add(self, **more: Any) -> None:
        self.node = self.cluster.add_node(num_cpus=1, object_store_memory=STORE, **more)
        self.cluster.wait_for_nodes()

    def replace(self) -> None:
        """Another node comes, and the first is killed."""
        lost = self.node
        self.add()
        self.cluster.remove_node(lost, allow_graceful=False)


@pytest.fixture
def spare() -> Iterator[Spare]:
    made = Spare()
    yield made
    made.cluster.shutdown()


@pytest.mark.parametrize("is_live", [False, True])
def test_a_task_whose_node_is_killed_is_done_on_another(spare, tmp_path, is_live):
    """Its result comes once. Events of a task that is not live come once, too."""
    spare.add()
    task = EngineTask(f"{JOBS}:begun", encode(str(tmp_path)), live=is_live)
    with crew.opened(spare.settings) as workers, ThreadPoolExecutor(1) as pool:
        listening = pool.submit(lambda: list(workers.run([task])))
        while not (tmp_path / "0").exists():
            time.sleep(0.05)
        spare.replace()
        told = listening.result()
    events = [decode(message.data, int) for message in told if not message.is_result]
    assert events == ([0, 1] if is_live else [1])
    assert [decode(message.data, int) for message in told if message.is_result] == [1]


def test_files_of_a_node_that_was_lost_are_made_again(spare):
    """What a task left for others is gone with its node; the next task finds it all the same."""
    spare.add()
    words = ["word"] * 100_000
    with crew.opened(spare.settings) as workers:
        list(workers.run([EngineTask(f"{JOBS}:shout", encode(("a.txt", words)), leaves=("a.txt",))]))
        spare.replace()
        (told,) = workers.run([EngineTask(f"{JOBS}:gather", encode(["a.txt"]), reads=("a.txt",))])
    assert decode(told.data, list) == [" ".join(words).upper()]


@pytest.mark.parametrize("has", ["other code", "none"])
def test_a_node_with_another_trueup_is_refused(spare, tmp_path, monkeypatch, has):
    """By the content of its code, whatever its version; before any task is sent."""
    monkeypatch.chdir(tmp_path)  # Ray adds the folder of the caller to the path of its workers
    for name in crew.PACKAGES:
        shutil.copytree(ROOT / name, tmp_path / "copy" / name, ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "copy" / "harness" / "errors.py").open("a") as file:
        file.write("# edited\n" if has == "other code" else "raise ImportError\n")
    spare.add(env_vars={"PYTHONPATH": str(tmp_path / "copy")})
    with pytest.raises(InvalidError, match="another trueup") as caught, crew.opened(spare.settings):
        pass
    assert ("none that can be imported" in caught.value.what) == (has == "none")
    assert caught.value.where.startswith("node ") and "same trueup on all nodes" in caught.value.next


def test_a_place_that_a_node_does_not_see_is_refused(cluster, tmp_path):
    """Such as the folder of a model, which is not sent."""
    with crew.opened(EngineSettings(kind="ray", address=cluster.address)) as workers:
        workers.require([str(tmp_path), ""])
        with pytest.raises(InputError, match="does not see") as caught:
            workers.require([str(tmp_path), str(tmp_path / "models" / "base")])
    assert "models/base" in caught.value.what and "mount at the same path" in caught.value.next


def test_a_cluster_without_room_for_a_task_is_refused(cluster):
    """A task that asks for a GPU would wait for ever where there is none."""
    settings = EngineSettings(kind="ray", address=cluster.address, gpus_per_worker=1)
    with pytest.raises(UsageError, match="no node of the Ray cluster has 1 CPU and 1 GPU"), crew.opened(settings):
        pass


def test_a_model_that_a_node_does_not_see_begins_no_training(cluster, tmp_path):
    """Exit code 5, and what to do; nothing is left where the adapter would be."""
    write_lines(tmp_path / "data" / "train.jsonl", [])
    request = TuneRequest(
        base=str(tmp_path / "model"),
        dataset=str(tmp_path / "data"),
        prompt=Prompt(name=""),
        recipe=Recipe(),
        out=str(tmp_path / "out" / "adapter"),
    )
    with pytest.raises(InputError, match="does not see .*/model") as caught:
        tune_stage.tune(request, engine=EngineSettings(kind="ray", address=cluster.address))
    assert caught.value.exit == Exit.INPUT and "mount at the same path" in caught.value.next
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_command_whose_cluster_does_not_answer_stores_nothing(tmp_path, monkeypatch):
    """Exit code 5, with the address and what to type; with the right engine the same command works."""
    monkeypatch.setattr(ingest_stage, "WORTH_A_CREW", 0)
    folder = walk.make(tmp_path / "walk", tmp_path, '[engine]\nkind = "ray"\naddress = "127.0.0.1:1"\n')
    refused = trueup("ingest", cwd=folder)
    assert refused.returncode == Exit.INPUT and "no Ray cluster answers" in refused.stderr
    assert "127.0.0.1:1" in refused.stderr and "ray start --head" in refused.stderr
    assert Project.open(folder).store.traces.counts()["read"] == 0
    (folder / "trueup.toml").write_text(walk.CONFIG)
    told = trueup("ingest", cwd=folder)
    assert told.returncode == 0, told.stderr


@pytest.mark.parametrize(
    "address,error,words",
    [
        ("127.0.0.1:1", InputError, "no Ray cluster answers"),
        ("no-such-host.invalid:6379", InputError, "no Ray cluster answers"),
        ("ray://127.0.0.1:10001", UsageError, "no Ray Client"),
        ("127.0.0.1", UsageError, "not the address of a Ray cluster"),
        ("127.0.0.1:x", UsageError, "not the address of a Ray cluster"),
    ],
)
def test_an_address_where_no_cluster_is(address, error, words):
    """Told within seconds, with what to type."""
    started = time.monotonic()
    with pytest.raises(error, match=words) as caught, crew.opened(EngineSettings(kind="ray", address=address)):
        pass
    assert caught.value.next and time.monotonic() - started < 20
