"""Answer with local models through vLLM (extra `vllm`), for GPUs: its own batching, prefix cache and LoRA batches.

Prompts are rendered by us and go in as token ids, so that an adapter sees the tokens it was trained on. Options of the
arm: `engine`, further arguments of `vllm.LLM`, such as `{"tensor_parallel_size": 2}`.
"""

from collections.abc import Sequence
from typing import Any

import vllm
from msgspec.structs import replace
from transformers import AutoTokenizer
from vllm.lora.request import LoRARequest
from vllm.sampling_params import StructuredOutputsParams

from harness.core import codec
from harness.core.adapters import verify
from harness.core.digests import model_digests
from harness.core.rendering import stop_ids
from harness.errors import TrueupError
from harness.evaluate.inference.requests import prompt_of, scored, tree_of
from harness.types import Arm, Json, Noun, Reply, Request, Usage

ENGINE = "vllm-1"
PREFERRED_BATCH = 1024
MOST_RANK = 128
"""Largest LoRA rank that vLLM sets memory aside for."""


class Options(Noun, frozen=True):
    """Its keys under an arm's options."""

    engine: dict[str, Json] = {}
    """Further arguments of `vllm.LLM`, which checks them itself."""


def digest(arm: Arm) -> str:
    """Content id of weights, adapter, tokenizer, template and engine options. Loads no weights."""
    adapter = verify(arm.adapter, arm.model).id if arm.adapter else ""
    return codec.digest([ENGINE, model_digests(arm.model), adapter, _engine(arm)])


def open(arms: Sequence[Arm], *, batch_size: int = 0) -> "Vllm":
    """A backend for these arms. Weights are loaded with the first answer; adapters are verified now."""
    for arm in arms:
        digest(arm)
    return Vllm(arms, batch_size)


class Served:
    """One base in vLLM. Offers what `_requests` wants of a model: tokenizer, `encode`, `limit`, `start`."""

    def __init__(self, arm: Arm, adapters: Sequence[str], batch_size: int) -> None:
        lora: dict[str, Any] = {"enable_lora": True, "max_lora_rank": MOST_RANK} if adapters else {}
        width: dict[str, Any] = {"max_num_seqs": batch_size} if batch_size else {}
        self.engine = vllm.LLM(model=arm.model, enable_prefix_caching=True, seed=0, **lora, **width, **_engine(arm))
        self.tokenizer = AutoTokenizer.from_pretrained(arm.model, local_files_only=True)
        self.ends = stop_ids(self.tokenizer, arm.model)
        self.limit = int(self.engine.llm_engine.model_config.max_model_len)
        self.start = next(
            one for one in (self.tokenizer.bos_token_id, self.tokenizer.eos_token_id, 0) if one is not None
        )
        self._numbers = {adapter: number for number, adapter in enumerate(adapters, start=1)}

    def encode(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def generate(self, adapter: str, rows: Sequence[Sequence[int]], params: Sequence[Any]) -> list[Any]:
        lora = LoRARequest(codec.digest(adapter)[:12], self._numbers[adapter], adapter) if adapter else None
        prompts = [{"prompt_token_ids": list(row)} for row in rows]
        return list(self.engine.generate(prompts, list(params), lora_request=lora, use_tqdm=False))


class Vllm:
    """Arms of one process; each base with its options is in memory once."""

    preferred_batch = PREFERRED_BATCH

    def __init__(self, arms: Sequence[Arm], batch_size: int = 0) -> None:
        self._arms, self._batch_size = arms, batch_size
        self._served: dict[str, Served] = {}

    def digest(self, arm: Arm) -> str:
        return digest(arm)

    def answer(self, arm: Arm, requests: Sequence[Request]) -> list[Reply | Exception]:
        """A reply for each request, in order; an exception in place of one that cannot be given."""
        model = self._of(arm)
        answers: dict[int, Reply | Exception] = {}
        rows: list[tuple[int, Sequence[int], Any]] = []
        for place, request in enumerate(requests):
            try:
                rows += [(place, *row) for row in rows_of(model, request)]
            except TrueupError as error:
                answers[place] = error
        outputs: dict[int, list[Any]] = {}
        for (place, _, _), output in zip(rows, model.generate(arm.adapter, *_columns(rows)), strict=True):
            outputs.setdefault(place, []).append(output)
        answers |= {place: reply_of(model, requests[place], found) for place, found in outputs.items()}
        return [answers[place] for place in range(len(requests))]

    def close(self) -> None:
        """Let go of the engines; their memory is free when they are collected."""
        self._served.clear()

    def _of(self, arm: Arm) -> Served:
        key = codec.canonical([arm.model, _engine(arm)])
        if key not in self._served:
            adapters = sorted({other.adapter for other in self._arms if other.adapter and other.model == arm.model})
            self._served[key] = Served(arm, adapters, self._batch_size)
        return self._served[key]


def rows_of(model: Any, request: Request) -> list[tuple[Sequence[int], Any]]:
    """Token rows of a request with their sampling parameters: one, or for log-likelihoods one an option."""
    if request.kind == "loglikelihood":
        tree = tree_of(model, request)
        params = vllm.SamplingParams(max_tokens=1, temperature=0.0, prompt_logprobs=1)
        return [((*tree.context, *option), params) for option in tree.options]
    prompt = prompt_of(model, replace(request, schema=None))
    shape = StructuredOutputsParams(json=request.schema) if request.schema is not None else None
    params = vllm.SamplingParams(
        max_tokens=prompt.max_new,
        temperature=request.temperature,
        top_p=request.top_p,
        seed=(request.seed + request.repeat) % 2**31 if request.temperature > 0 else None,
        stop=list(request.stop),
        stop_token_ids=sorted(model.ends),
        structured_outputs=shape,
    )
    return [(prompt.tokens, params)]


def reply_of(model: Any, request: Request, outputs: Sequence[Any]) -> Reply:
    """What vLLM gave for the rows of one request."""
    if request.kind == "loglikelihood":
        tree = tree_of(model, request)
        known = tuple(_likelihood(output, len(tree.context)) for output in outputs)
        return scored(request, tree, known, 0.0)
    (written,) = outputs[0].outputs
    usage = Usage(input=len(outputs[0].prompt_token_ids), output=len(written.token_ids))
    return Reply(text=written.text, finish_reason=written.finish_reason or "stop", usage=usage)


def _likelihood(output: Any, start: int) -> tuple[float, bool]:
    """Sum over the option's tokens, and whether each had rank 1."""
    steps = zip(output.prompt_token_ids[start:], output.prompt_logprobs[start:], strict=True)
    chosen = [step[token] for token, step in steps]
    return sum(one.logprob for one in chosen), all(one.rank == 1 for one in chosen)


def _columns(rows: Sequence[tuple[int, Sequence[int], Any]]) -> tuple[list[Sequence[int]], list[Any]]:
    return [tokens for _, tokens, _ in rows], [params for _, _, params in rows]


def _engine(arm: Arm) -> dict[str, Json]:
    return dict(arm.options.get("engine") or {})
