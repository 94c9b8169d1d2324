"""The vllm target against a stand-in server: loaded at run time, switched by a pointer, the old adapter unloaded."""

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from benchmarks.evaluation.adapter import make
from harness.core.adapters import read_manifest
from harness.errors import DeployError, TrueupError, UsageError
from harness.evaluate.backends import vllm as backend
from harness.promote.targets import vllm
from harness.types import Arm, Release, Reply, Request
from tests.evaluate.model_server import ModelServer, serving
from tests.tiny import tiny_model, tiny_tokenizer


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def releases(folder, tmp_path_factory) -> tuple[Release, Release]:
    """Two adapters on the tiny model."""
    made = []
    for seed in (1, 2):
        adapter = make(folder, tmp_path_factory.mktemp(f"adapter{seed}"), seed=seed, rank=4, alpha=8)
        arm = Arm(name="tuned", backend="hf", model=str(folder), adapter=str(adapter))
        ident = read_manifest(adapter).id
        made.append(Release(name="", what=ident, verdict="", words="an adapter", arm=arm, places={}, digests={}))
    return tuple(made)


@pytest.fixture
def server(folder):
    with serving(ModelServer(str(folder))) as running:
        running.decode = tiny_tokenizer().decode
        yield running


@pytest.fixture
def target(server, tmp_path):
    return vllm.open(vllm.Options(url=server.url, pointer=str(tmp_path / "pointer.json")), "production")


def test_an_adapter_is_loaded_then_pointed_at_then_the_old_one_is_unloaded(target, server, releases, tmp_path):
    """Never under one name twice; going back to the base model points at the base."""
    first, second = releases
    names = [target.name_of(release) for release in releases]
    assert len(set(names)) == 2 and target.current() == "" and not target.has(names[0])
    target.put(first)
    assert target.current() == "" and "with the weights that were judged" in target.check(first)
    target.switch(names[0])
    assert json.loads((tmp_path / "pointer.json").read_text()) == {"model": names[0], "url": server.url}
    target.put(second)
    target.put(second)
    target.switch(names[1])
    target.discard(names[0])
    target.discard(names[0])
    assert set(server.adapters) == {names[1]} and target.current() == names[1]
    assert [body["lora_name"] for body in server.bodies("/v1/load_lora_adapter")] == names
    target.switch("")
    assert target.current() == "" and json.loads((tmp_path / "pointer.json").read_text())["model"] == server.name
    assert not vllm.KEEPS


def test_the_release_answers_through_the_server_and_stays_loaded(target, server, releases):
    """The arm of the probe is asked with the adapter that was put, and ending the probe does not unload it."""
    target.put(releases[0])
    arm = target.through(releases[0])
    asked = backend.open([arm])
    (reply,) = asked.answer(arm, [Request(kind="complete", text="four people", max_tokens=4)])
    asked.close()
    assert isinstance(reply, Reply) and reply.usage.output == 4
    assert server.bodies("/v1/completions")[-1]["model"] == target.name_of(releases[0])
    assert target.has(target.name_of(releases[0]))


def test_a_server_that_forgot_the_adapter_is_noticed(target, server, releases):
    """It was restarted: check says so, and put loads it again."""
    target.put(releases[0])
    server.adapters.clear()
    with pytest.raises(DeployError, match="has not loaded"):
        target.check(releases[0])
    target.put(releases[0])
    assert "is loaded" in target.check(releases[0])


def test_what_cannot_be_deployed_is_refused(target, server, releases, tmp_path, folder):
    """An arm without an adapter, a server of another base, one that cannot load, a pointer of somebody else's."""
    with pytest.raises(DeployError, match="given adapters"):
        target.name_of(replace(releases[0], arm=Arm(name="next", model=str(folder))))
    server.refusal = "LoRA is not enabled"
    with pytest.raises(UsageError, match="cannot load") as raised:
        target.put(releases[0])
    assert "--enable-lora" in str(raised.value)
    server.refusal = ""
    server.root = server.name = "another-model"
    with pytest.raises(UsageError, match="serves 'another-model'"):
        target.put(releases[0])
    (tmp_path / "pointer.json").write_text("[1]")
    with pytest.raises(DeployError, match="pointer cannot be read"):
        target.current()


def test_a_server_that_is_down_or_refuses_ends_it_before_anything_changes(target, server, releases):
    """Its words are in the message; exit code 4."""
    server.faults["/v1/models"] = 401
    with pytest.raises(TrueupError, match="401") as raised:
        target.current()
    assert raised.value.exit == 4
    server.faults.clear()
    target.put(releases[0])
    server.faults["/v1/unload_lora_adapter"] = 500
    with pytest.raises(DeployError, match="does not unload"):
        target.discard(target.name_of(releases[0]))


def test_nobody_listens(tmp_path):
    """A connection that is refused names the address."""
    down = vllm.open(vllm.Options(url="http://127.0.0.1:9/v1", pointer=str(tmp_path / "p")), "production")
    with pytest.raises(TrueupError, match="does not answer") as raised:
        down.current()
    assert raised.value.exit == 4
