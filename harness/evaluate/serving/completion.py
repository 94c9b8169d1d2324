"""Turn requests into calls of vLLM's `/v1/completions` with token ids, and its answers into replies.

Prompts are rendered here and go in as token ids, so that a model sees the tokens that it was trained on; token ids come
back (`return_token_ids`) and are read as those of `hf` are. All sampling parameters are sent, since a server takes its
defaults from the model's generation_config.json.

A continuation is scored token by token: the context and the continuation so far are a prompt of one new token, and the
server says how likely the wanted one is (`logprob_token_ids`). Continuations that begin alike share these prompts, and
the server's prefix cache has their context. vLLM's `prompt_logprobs` would take fewer prompts, but they end the server
when it has LoRA on (vllm#29955) and leave out what an adapter does to `lm_head` (vllm#51594).
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from transformers import PreTrainedTokenizerBase

from harness.core.reading import reply_from
from harness.core.rendering import stop_ids
from harness.errors import InputError, UsageError
from harness.evaluate.inference.acceptance import accept
from harness.evaluate.inference.check import positions
from harness.evaluate.inference.loglikelihood import Likelihoods, Tree
from harness.evaluate.inference.opening import open_tokenizer
from harness.evaluate.inference.requests import Writing, prompt_of, scored, tree_of
from harness.evaluate.serving.calls import Answered, EndpointCall, EndpointError
from harness.types import Json, Reply, Request, Usage

PLAIN: dict[str, Json] = {
    "top_k": 0,
    "min_p": 0.0,
    "repetition_penalty": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "return_token_ids": True,
}
"""What every call says, whatever the server's defaults are."""
MOST_WANTED = 128
"""Most tokens of one call whose log-probability vLLM gives."""
Rows = Sequence[Sequence[int]]


class RequestReader:
    """What rendering needs of a model: its tokenizer, what ends a reply, and how much it reads."""

    def __init__(self, folder: str) -> None:
        self.tokenizer: PreTrainedTokenizerBase = open_tokenizer(folder)
        self.ends = stop_ids(self.tokenizer, folder)
        self.limit = positions(accept(folder))
        starts = (self.tokenizer.bos_token_id, self.tokenizer.eos_token_id, 0)
        self.start: int = next(token for token in starts if token is not None)

    def encode(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])


class RenderedRequest(NamedTuple):
    """A request as token ids: a prompt to continue, or a context with its continuations."""

    request: Request
    writing: Writing | None = None
    tree: Tree | None = None

    @property
    def tokens(self) -> int:
        """Tokens that the server must be able to read, at least one new one included."""
        if self.tree:
            return len(self.tree.context) + max(map(len, self.tree.options))
        assert self.writing
        return len(self.writing.tokens) + 1


def rendered(reader: RequestReader, request: Request) -> RenderedRequest:
    """The request as token ids. Raises InputError when the model cannot read it."""
    if request.kind == "loglikelihood":
        return RenderedRequest(request, tree=tree_of(reader, request))
    return RenderedRequest(request, writing=prompt_of(reader, request))


def check_room(asked: Sequence[RenderedRequest], limit: int, where: str) -> None:
    """Raises UsageError when the server was started to read less than the longest prompt has."""
    longest = max((each.tokens for each in asked), default=0)
    if longest > limit:
        raise UsageError(
            f"the server reads {limit} tokens, and the longest prompt with its reply has at least {longest}",
            where=where,
            next=f"start the server with --max-model-len {longest} or more",
        )


def calls_of(model: str, asked: RenderedRequest, reader: RequestReader, limit: int) -> list[EndpointCall]:
    """The calls that answer a request: one for a text, one or a few for the continuations of a context."""
    request = asked.request
    if asked.tree:
        return scoring_calls(model, asked.tree)
    assert asked.writing
    most = min(asked.writing.max_new, limit - len(asked.writing.tokens))
    call = writing_call(model, [asked.writing.tokens], most, reader.ends)
    call.body.update({"temperature": request.temperature, "top_p": request.top_p})
    if request.temperature > 0:
        call.body["seed"] = (request.seed + request.repeat) % 2**31
    if request.stop:
        call.body["stop"] = list(request.stop)
    if request.schema is not None:
        call.body["structured_outputs"] = {"json": request.schema}
    return [call]


def writing_call(model: str, rows: Rows, most: int, ends: frozenset[int]) -> EndpointCall:
    """Asks for greedy continuations of token rows, at most `most` tokens each."""
    greedy = {"temperature": 0.0, "top_p": 1.0, "max_tokens": most, "stop_token_ids": sorted(ends)}
    return EndpointCall("/completions", {"model": model, "prompt": [list(row) for row in rows], **PLAIN, **greedy})


def scoring_calls(model: str, tree: Tree) -> list[EndpointCall]:
    """Ask for the log-probabilities of the tree's next tokens: one row a place that a continuation passes."""
    nothing_new = {"temperature": 0.0, "top_p": 1.0, "max_tokens": 1, "ignore_eos": True}
    asked = {"logprobs": 1, "return_tokens_as_token_ids": True}
    return [
        EndpointCall(
            "/completions",
            {
                "model": model,
                "prompt": [[*tree.context, *place] for place in places],
                "logprob_token_ids": wanted,
                **PLAIN,
                **nothing_new,
                **asked,
            },
        )
        for places, wanted in _parts(tree)
    ]


def reply_of(asked: RenderedRequest, answers: Sequence[Answered], reader: RequestReader) -> Reply:
    """Raises EndpointError when the answers are not what was asked for."""
    if asked.tree:
        seconds = sum(answer.seconds for answer in answers)
        return scored(asked.request, asked.tree, likelihoods(answers, asked.tree), seconds)
    assert asked.writing
    (answer,) = answers
    ((tokens, finish),) = continuations(answer.json, [asked.writing.tokens])
    usage = Usage(input=len(asked.writing.tokens), output=len(tokens), cache_read=_cached(answer.json))
    written = [token for token in tokens if token not in reader.ends]
    blank = Reply(text="", finish_reason=finish, usage=usage, seconds=answer.seconds)
    return reply_from(reader.tokenizer, asked.request, asked.writing.tokens, written, blank)


def continuations(answer: Json, rows: Rows) -> list[tuple[list[int], str]]:
    """New tokens of each row, and why they end. Raises EndpointError when the answer is no such completion."""
    try:
        return [
            ([int(token) for token in choice["token_ids"]], str(choice["finish_reason"]))
            for choice in _choices(answer, rows)
        ]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _nonsense(answer) from error


def likelihoods(answers: Sequence[Answered], tree: Tree) -> Likelihoods:
    """Of each continuation the sum over its tokens, in nats, and whether each was the likeliest.

    Raises EndpointError when the answers lack a log-probability that was asked for.
    """
    known: dict[tuple[int, ...], tuple[dict[int, float], int]] = {}
    for (places, _), answer in zip(_parts(tree), answers, strict=True):
        try:
            rows = [(*tree.context, *place) for place in places]
            choices = _choices(answer.json, rows)
            for place, choice in zip(places, choices, strict=True):
                chances, best = _next(choice)
                known.setdefault(place, ({}, best))[0].update(chances)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise _nonsense(answer.json) from error
    try:
        return tuple(_sum(option, known) for option in tree.options)
    except KeyError as error:
        raise EndpointError(
            f"the server gave no log-probability of token {error}",
            next="use a vLLM that knows logprob_token_ids (0.32 does)",
        ) from error


def _parts(tree: Tree) -> Iterator[tuple[list[tuple[int, ...]], list[int]]]:
    """Places of the tree, as what a continuation has written there, with the tokens wanted next: so many as one call takes."""
    wanted: dict[tuple[int, ...], set[int]] = {}
    for option in tree.options:
        for length, token in enumerate(option):
            wanted.setdefault(option[:length], set()).add(token)
    places: list[tuple[int, ...]] = []
    tokens: set[int] = set()
    for place, following in wanted.items():
        for some in _chunks(sorted(following)):
            if len(tokens | set(some)) > MOST_WANTED:
                yield places, sorted(tokens)
                places, tokens = [], set()
            places.append(place)
            tokens |= set(some)
    yield places, sorted(tokens)


def _chunks(tokens: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(tokens), MOST_WANTED):
        yield tokens[start : start + MOST_WANTED]


def _next(choice: dict[str, Json]) -> tuple[dict[int, float], int]:
    """Log-probabilities of next tokens, and the likeliest one."""
    given = choice["logprobs"]["top_logprobs"][0]
    return {int(name.removeprefix("token_id:")): float(value) for name, value in given.items()}, choice["token_ids"][0]


def _sum(option: Sequence[int], known: Mapping[tuple[int, ...], tuple[dict[int, float], int]]) -> tuple[float, bool]:
    steps = [(token, *known[tuple(option[:place])]) for place, token in enumerate(option)]
    total = math.fsum(chances[token] for token, chances, _ in steps)
    return total, all(token == best for token, _, best in steps)


def _cached(answer: Json) -> int | None:
    """Tokens of the prompt that the server had kept; None where it does not say."""
    details = (answer.get("usage") or {}).get("prompt_tokens_details") or {}
    cached = details.get("cached_tokens")
    return cached if isinstance(cached, int) else None


def _choices(answer: Json, rows: Rows) -> list[dict[str, Json]]:
    """The choices in the order of the rows. Raises InputError where the server read other tokens than were sent."""
    choices = sorted(answer["choices"], key=lambda choice: int(choice["index"]))
    if len(choices) != len(rows):
        raise ValueError(f"{len(choices)} choices for {len(rows)} prompts")
    for choice, row in zip(choices, rows, strict=True):
        if list(choice["prompt_token_ids"]) != list(row):
            raise InputError(
                "the server read other tokens than were sent",
                next="update vLLM to 0.11 or later, or take out what changes prompts on the way",
            )
    return choices


def _nonsense(answer: Json) -> EndpointError:
    return EndpointError(
        f"the server's answer is not a completion with token ids: {str(answer)[:200]}",
        next="use vLLM 0.11 or later",
    )
