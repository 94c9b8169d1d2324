"""Turn requests into token rows, and generated tokens into replies."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from transformers import PreTrainedTokenizerBase

from harness.core.answer_tokens import decode_text
from harness.core.reading import reply_from
from harness.core.rendering import lead_ids, prompt_ids
from harness.errors import InputError, UsageError
from harness.evaluate.inference.attention import KeyValue, Prefix
from harness.evaluate.inference.generate import DecodingRow, TokenMatcher, Written
from harness.evaluate.inference.kept import KeptRows
from harness.evaluate.inference.loglikelihood import Likelihoods, Tree, encode_pair
from harness.evaluate.inference.sampling import Sampling
from harness.types import Json, Prompt, Reply, Request, Usage

NO_PROMPT = Prompt(name="none")
"""A request's messages begin with the arm's prompt already."""


class ReadsTokens(Protocol):
    """What rendering needs of a model."""

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase: ...
    @property
    def start(self) -> int:
        """The token that a text without any context begins with."""

    @property
    def limit(self) -> int:
        """Most tokens of prompt and reply."""

    def encode(self, text: str) -> list[int]:
        """Tokens of raw text, without special ones."""


class Constrains(Protocol):
    """A model that holds its own replies to a schema."""

    def matcher(self, schema: Json) -> TokenMatcher: ...


@dataclass(frozen=True)
class Writing:
    """A prompt as tokens, and how to go on from it."""

    tokens: tuple[int, ...]
    request: Request
    max_new: int
    tokenizer: PreTrainedTokenizerBase
    matcher: Callable[[], TokenMatcher | None] = DecodingRow.matcher

    @property
    def continues(self) -> bool:
        """Whether another turn is likely: it offers tools, or answers behind an earlier reply."""
        return bool(self.request.tools) or any(message.role == "assistant" for message in self.request.messages)

    def row(self, prefix: Prefix, kept: KeptRows | None = None) -> DecodingRow:
        """What is to be written behind `prefix`. With `kept`, earlier turns are not read again, and this one is kept."""
        request = self.request
        sampling = Sampling(request.temperature, request.top_p, (request.seed, request.repeat))
        stopped = self._stopped if request.stop else DecodingRow.stopped
        row = DecodingRow(self.tokens[prefix.tokens :], self.max_new, sampling, stopped, self.matcher)
        if kept is None or not self.continues:
            return row

        def keep(written: list[int], own: list[KeyValue]) -> None:
            kept.keep((*self.tokens, *written[:-1]), prefix, own, len(self.tokens))

        return replace(row, known=kept.known(self.tokens, prefix), keep=keep)

    def reply(self, written: Written, ends: frozenset[int]) -> Reply | Exception:
        """The text up to the end token or stop string; usage counts every token once, without padding.

        A UsageError in its place when the schema turned out to be too much for the parser.
        """
        if written.problem:
            return UsageError(f"the reply could not be held to its schema: {written.problem}", next="simplify it")
        usage = Usage(input=len(self.tokens), output=len(written.tokens))
        return reply_from(
            self.tokenizer,
            self.request,
            self.tokens,
            [token for token in written.tokens if token not in ends],
            Reply(text="", finish_reason=written.finish, usage=usage, seconds=written.seconds),
        )

    def _text(self, tokens: list[int]) -> str:
        return decode_text(self.tokenizer, tokens, skip_special=True)

    def _stopped(self, tokens: list[int]) -> bool:
        """A stop string that the last token completes lies within its last few tokens, a token being a byte or more."""
        longest = max(len(stop.encode()) for stop in self.request.stop)
        text = self._text(tokens[-longest - 4 :])
        return any(stop in text for stop in self.request.stop)


def prompt_of(
    model: ReadsTokens, request: Request, matcher: Callable[[], TokenMatcher | None] = DecodingRow.matcher
) -> Writing:
    """The request rendered; the arm's prompt stands in it already. `matcher` holds the reply to its schema.

    Raises InputError when the model cannot read it.
    """
    if request.kind == "chat":
        tokens = prompt_ids(model.tokenizer, NO_PROMPT, request.messages, request.tools, request.template_options)
    else:
        tokens = model.encode(request.text) or [model.start]
    _check_length(model, len(tokens) + 1)
    most = max(1, min(request.max_tokens, model.limit - len(tokens)))
    return Writing(tuple(tokens), request, most, model.tokenizer, matcher)


def matcher_of(model: Constrains, request: Request) -> Callable[[], TokenMatcher | None]:
    """Makes a matcher for each try at the row. Raises UsageError on a schema that cannot be compiled."""
    if request.schema is None:
        return DecodingRow.matcher
    model.matcher(request.schema)
    return partial(model.matcher, request.schema)


def tree_of(model: ReadsTokens, request: Request) -> Tree:
    """Context and options as tokens; behind messages an option is an answer without reasoning. Raises InputError for an option without text, or more than the model reads."""
    if request.messages:
        asked = (request.messages, request.tools, request.template_options)
        context = prompt_ids(model.tokenizer, NO_PROMPT, *asked) + lead_ids(model.tokenizer, *asked)
        options = [model.encode(option) for option in request.options]
    else:
        pairs = [encode_pair(model.encode, request.text, option) for option in request.options]
        context = pairs[0][0] if pairs else []
        options = [option for _, option in pairs]
    if not options or not all(options):
        raise InputError("a log-likelihood request needs options, each with text", next="leave empty options out")
    context = context or [model.start]
    _check_length(model, len(context) + max(len(option) for option in options))
    return Tree(tuple(context), tuple(tuple(option) for option in options))


def _check_length(model: ReadsTokens, tokens: int) -> None:
    if tokens > model.limit:
        raise InputError(
            f"the prompt has {tokens} tokens and the model reads {model.limit}",
            next="shorten the case or the arm's prompt",
        )


def scored(request: Request, tree: Tree, known: Likelihoods, seconds: float) -> Reply:
    logprobs, greedy = zip(*known, strict=True)
    best = request.options[logprobs.index(max(logprobs))]
    usage = Usage(input=len(tree.context), output=sum(len(option) for option in tree.options))
    return Reply(text=best, logprobs=logprobs, greedy=greedy, usage=usage, seconds=seconds)
