"""The others, each as its own documentation runs it: lm-evaluation-harness, Inspect, and one call after the other."""

import asyncio
from typing import Any

import torch
from transformers import AutoModelForCausalLM

from benchmarks.evaluation.workloads import Workload, rendered, tokenizer


def lm_eval(model: str, work: Workload, dtype: str, width: int) -> list[str]:
    """HFLM of lm-evaluation-harness, batches of `width`."""
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    peer = HFLM(pretrained=model, device="cpu", dtype=dtype, batch_size=width)
    if work.chats:
        options = {"until": [], "max_gen_toks": work.max_new, "do_sample": False}
        asked = [Instance("generate_until", {}, (text, dict(options)), 0) for text in rendered(model, work.chats)]
        return peer.generate_until(asked, disable_tqdm=True)
    pairs = [(context, option) for context, options in work.questions for option in options]
    sums = iter(peer.loglikelihood([Instance("loglikelihood", {}, pair, 0) for pair in pairs], disable_tqdm=True))
    return [_best({option: next(sums)[0] for option in options}) for _, options in work.questions]


def inspect_ai(model: str, work: Workload, dtype: str, width: int) -> list[str]:
    """Inspect's hf provider, `width` connections, which is its batch size."""
    from inspect_ai.model import ChatMessageAssistant, ChatMessageSystem, ChatMessageUser, GenerateConfig, get_model

    peer = get_model(
        "hf/local", model_path=model, device="cpu", dtype=getattr(torch, dtype), batch_size=width, do_sample=False
    )
    config = GenerateConfig(max_tokens=work.max_new, max_connections=width)
    kinds = {"system": ChatMessageSystem, "user": ChatMessageUser}

    async def play(chat: tuple[dict[str, str], ...], turns: tuple[str, ...]) -> str:
        said: list[Any] = [kinds[message["role"]](content=message["content"]) for message in chat]
        answer = await peer.generate(said, config=config)
        for line in turns:
            said += [ChatMessageAssistant(content=answer.completion), ChatMessageUser(content=line)]
            answer = await peer.generate(said, config=config)
        return str(answer.completion)

    async def ask() -> list[str]:
        turns = work.turns or ((),) * len(work.chats)
        return await asyncio.gather(*(play(chat, rest) for chat, rest in zip(work.chats, turns, strict=True)))

    return asyncio.run(ask())


def one_at_a_time(model: str, work: Workload, dtype: str, width: int) -> list[str]:
    """What a plain test function (DeepEval's too) does with a local model: `generate` for one prompt, then the next."""
    network = AutoModelForCausalLM.from_pretrained(model, dtype=getattr(torch, dtype)).eval()
    words, answers = tokenizer(model), []

    def answer(chat: tuple[dict[str, str], ...]) -> str:
        ids = words(rendered(model, [chat])[0], return_tensors="pt", add_special_tokens=False)
        with torch.inference_mode():
            out = network.generate(**ids, max_new_tokens=work.max_new, do_sample=False, pad_token_id=0)
        return str(words.decode(out[0, ids["input_ids"].shape[1] :], skip_special_tokens=True))

    for chat, turns in zip(work.chats, work.turns or ((),) * len(work.chats), strict=True):
        said = answer(chat)
        for line in turns:
            chat = (*chat, {"role": "assistant", "content": said}, {"role": "user", "content": line})
            said = answer(chat)
        answers.append(said)
    return answers


def _best(sums: dict[str, float]) -> str:
    return max(sums, key=lambda option: sums[option])
