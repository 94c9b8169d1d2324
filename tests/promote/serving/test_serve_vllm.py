"""`trueup serve` with vLLM itself, in the environment of `tests/evaluate/backends/test_vllm_server.py`: SmolLM2 and an adapter."""

import time
from pathlib import Path

import pytest

from benchmarks.evaluation.adapter import make
from harness import config
from harness.core.adapters import read_manifest
from harness.project import Project
from harness.types import SERVED
from tests.evaluate.backends.test_vllm_server import MODEL, pytestmark, python  # noqa: F401
from tests.promote.serving.test_serve import Client, ingested
from tests.promote.serving.test_serve import serving as serving_of

FLAGS = ("--max-num-seqs", "16", "--max-model-len", "2048", "--enforce-eager")
VARIABLES = ("VLLM_CPU_KVCACHE_SPACE=2", "VLLM_CPU_OMP_THREADS_BIND=0-1", "OMP_WAIT_POLICY=PASSIVE")
ASKED = "What is the capital of France?"


@pytest.fixture
def work(python, tmp_path) -> Project:  # noqa: F811
    """A project whose models are asked through vLLM; nothing is tuned yet."""
    command = ["env", *VARIABLES, str(python), "-m", "vllm.entrypoints.openai.api_server", *FLAGS]
    options = f'options = {{ dtype = "bfloat16", timeout = 3000, command = {command!r} }}'
    arms = f"[arms.base]\n{options}\n[arms.tuned]\n{options}\n"
    (tmp_path / "trueup.toml").write_text(f'[model]\nbase = "{MODEL}"\nbackend = "vllm"\n{arms}')
    return Project.open(config.load(tmp_path))


def test_base_and_an_adapter_that_came_later_are_served_with_their_digests(work, monkeypatch):
    """The server is started for the base alone, and again once an adapter is asked for.

    Each start compares the models with hf and would end the request where they differ.
    """
    monkeypatch.setattr(Client, "TIMEOUT", 3000)
    with serving_of(work) as client:
        said = {"base": client.says("base", ASKED)}
        folder = make(Path(MODEL), work.store.artifacts.scratch("adapter"), size=0.01, rank=8, alpha=8)
        ident = read_manifest(folder).id
        work.store.artifacts.add_folder("adapter", ident, folder)
        said[ident] = client.says(ident[:12], ASKED)
        started = time.monotonic()
        assert client.says("base", ASKED) == said["base"] and client.says(ident[:12], ASKED) == said[ident]
        print(f"four-word answers, twice: {time.monotonic() - started:.1f} s")
    calls = ingested(work)
    assert sorted((call.metadata[SERVED], call.reply) for call in calls) == sorted([*said.items()] * 2)
