"""Play a suite's sessions with the model in training, and keep the tokens: its own, and those of tools and users between.

The eval function runs as it does in an evaluation, with its tools and turns; each request that it makes is answered by the model
as it is now. The tokens of one session are one row: the first prompt, then what the model wrote (learnt) and what the
environment put between (read, never learnt).
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

import torch
from transformers import PreTrainedTokenizerBase

from harness.core.rendering import prompt_ids
from harness.evaluate.reward_client import JudgedAnswer, SuiteJudge
from harness.types import Prompt, Reply, Request
from trainers.model.language_model import LanguageModel
from trainers.rows.written import reply_of

NO_PROMPT = Prompt(name="none")
Writing = Callable[[list[int], int], list[int]]
"""Token ids that the model writes after a prompt, at most so many, with the token that ends its turn."""


class Session(NamedTuple):
    """One case, played once."""

    prompt: list[int]
    written: list[int]
    """All tokens after the prompt: the model's and the environment's."""
    own: list[bool]
    """For each token of `written` whether the model wrote it."""
    judged: JudgedAnswer
    rewritten: bool = False
    """The template writes an answer otherwise once it is history: what came after it is not in the row."""


def play(
    judge: SuiteJudge, case_id: str, tokenizer: PreTrainedTokenizerBase, stop: frozenset[int], write: Writing
) -> Session:
    """Play one case with `write` as the model. Raises InputError when a request cannot be rendered."""
    prompt: list[int] = []
    written: list[int] = []
    own: list[bool] = []
    rewritten = False

    def answer(request: Request) -> Reply:
        nonlocal prompt, rewritten
        ids = prompt_ids(tokenizer, NO_PROMPT, request.messages, request.tools, request.template_options)
        known = [*prompt, *written]
        rewritten = rewritten or ids[: len(known)] != known
        made = write(ids, request.max_tokens)
        if not prompt:
            prompt = ids
        elif not rewritten:
            written.extend(ids[len(known) :])
            own.extend([False] * (len(ids) - len(known)))
        if not rewritten:
            written.extend(made)
            own.extend([True] * len(made))
        return reply_of(tokenizer, ids, made, stop, request.tools)

    judged = judge.play(case_id, answer)
    return Session(prompt, written, own, judged, rewritten)


def sampled(
    model: LanguageModel, tokenizer: PreTrainedTokenizerBase, stop: frozenset[int], temperature: float
) -> Writing:
    """Draws from the model as it is now, from all of its vocabulary."""

    def write(ids: list[int], most: int) -> list[int]:
        training, generate = model.training, cast(Any, model).generate
        model.eval()
        asked = torch.tensor([ids], device=model.device)
        with torch.no_grad():
            made = generate(
                input_ids=asked,
                attention_mask=torch.ones_like(asked),
                max_new_tokens=most,
                do_sample=True,
                temperature=temperature,
                top_k=0,
                top_p=1.0,
                eos_token_id=sorted(stop),
                pad_token_id=tokenizer.pad_token_id,
                use_cache=True,
            )
        model.train(training)
        return [int(token) for token in made[0, len(ids) :]]

    return write


def as_rollouts(sessions: Sequence[Session]) -> dict[str, list[object]]:
    """What TRL's `rollout_func` gives: tokens, and the mask of those that are learnt. Each session's score goes along."""
    return {
        "prompt_ids": [list(each.prompt) for each in sessions],
        "completion_ids": [list(each.written) for each in sessions],
        "env_mask": [[int(mine) for mine in each.own] for each in sessions],
    }
