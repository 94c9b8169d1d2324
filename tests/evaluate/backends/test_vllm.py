"""What the vllm backend asks of vLLM, and what it makes of the answers; vLLM itself is a stand-in here."""

import importlib
import sys
from types import ModuleType, SimpleNamespace

import pytest

from harness.core.plugins import load
from harness.errors import UsageError
from harness.types import Reply, Request


class Params:
    """Keeps the keywords it was made with."""

    def __init__(self, **given):
        self.__dict__.update(given)


class Engine:
    """Writes the number of the prompt's tokens; finds every prompt token half as likely as the one before."""

    def __init__(self, **options):
        self.options, self.asked = options, []
        self.llm_engine = SimpleNamespace(model_config=SimpleNamespace(max_model_len=64))

    def generate(self, prompts, params, lora_request=None, use_tqdm=True):
        self.asked.append((prompts, params, lora_request))
        return [self._output(prompt["prompt_token_ids"]) for prompt in prompts]

    @staticmethod
    def _output(ids):
        steps = [
            None,
            *(
                {one: SimpleNamespace(logprob=-float(place), rank=1 + (place > 5))}
                for place, one in enumerate(ids[1:], 1)
            ),
        ]
        written = SimpleNamespace(text=str(len(ids)), token_ids=[1, 2], finish_reason="length")
        return SimpleNamespace(prompt_token_ids=ids, prompt_logprobs=steps, outputs=[written])


@pytest.fixture
def backend(monkeypatch):
    """The backend's module, over the stand-in."""
    for name, held in {
        "vllm": {"LLM": Engine, "SamplingParams": Params},
        "vllm.lora": {},
        "vllm.lora.request": {"LoRARequest": lambda *given: given},
        "vllm.sampling_params": {"StructuredOutputsParams": Params},
    }.items():
        module = ModuleType(name)
        module.__dict__.update(held)
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.delitem(sys.modules, "harness.evaluate.backends.vllm", raising=False)
    yield importlib.import_module("harness.evaluate.backends.vllm")
    sys.modules.pop("harness.evaluate.backends.vllm", None)


def test_prompts_go_in_as_the_tokens_that_we_render(backend, arm, user):
    """Chat, stop strings, limits, sampling and schema of each request; replies in order, beside what cannot be asked."""
    asked = [
        Request(messages=user("a table"), max_tokens=5, stop=("x",), schema={"type": "object"}),
        Request(messages=user("a " * 100)),
        Request(kind="complete", text="four people", temperature=0.5, top_p=0.9, seed=7, repeat=2),
    ]
    engine = backend.open([arm], batch_size=4)
    first, refused, last = engine.answer(arm, asked)
    (prompts, params, lora) = engine._of(arm).engine.asked[0]
    assert lora is None and len(prompts) == 2 and engine._of(arm).engine.options["max_num_seqs"] == 4
    assert first == Reply(text=first.text, finish_reason="length", usage=first.usage) and last.usage.output == 2
    assert first.usage.input == len(prompts[0]["prompt_token_ids"]) and "reads 64" in str(refused)
    assert (params[0].max_tokens, params[0].stop, params[0].structured_outputs.json) == (5, ["x"], {"type": "object"})
    assert params[0].seed is None and params[0].stop_token_ids
    assert (params[1].temperature, params[1].top_p, params[1].seed) == (0.5, 0.9, 9)


def test_likelihoods_are_summed_over_the_option_only(backend, arm):
    """One row an option, cut where the context ends; ranks say what greedy decoding would write."""
    engine = backend.open([arm])
    (reply,) = engine.answer(arm, [Request(kind="loglikelihood", text="a b", options=(" c", " c d e"))])
    prompts, _, _ = engine._of(arm).engine.asked[0]
    start = len(engine._of(arm).encode("a b"))
    sums = [-sum(range(start, len(prompt["prompt_token_ids"]))) for prompt in prompts]
    assert reply.logprobs == tuple(map(float, sums)) and reply.text == " c"
    assert reply.greedy == tuple(len(prompt["prompt_token_ids"]) <= 6 for prompt in prompts)


def test_without_the_package_the_message_says_what_to_install():
    """An arm that names vllm on a machine without it ends with the command to type."""
    if importlib.util.find_spec("vllm"):
        pytest.skip("vllm is installed")
    load.cache_clear()
    with pytest.raises(UsageError, match="pip install vllm"):
        load("backends", "vllm")
