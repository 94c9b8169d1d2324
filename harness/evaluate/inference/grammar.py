"""Constrain replies to a JSON Schema by masking the tokens that it does not allow next.

The grammar, its parser and the token masks are llguidance's (extra `schema`). A row carries its own matcher, so rows with
different schemas and rows with none stand side by side in one batch.
"""

from typing import Any

import llguidance
import msgspec
import numpy as np
import torch
from llguidance.hf import from_tokenizer
from transformers import PreTrainedTokenizerBase

from harness.errors import UsageError
from harness.types import Json

SPACE = r" ?|\n {0,32}"
"""Between JSON's signs: compact, spaced or indented as the model likes, but bounded: small models write space for ever."""


class Grammars:
    """The schemas of one model, each compiled once.

    `ends` are its end tokens, allowed when the JSON is whole; `vocabulary` is the number of its logits. Raises UsageError
    on a tokenizer that is not one of the `tokenizers` library.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, ends: frozenset[int], vocabulary: int) -> None:
        try:
            self._tokens = from_tokenizer(
                tokenizer,  # type: ignore[arg-type] # of any other kind it raises ValueError
                n_vocab=vocabulary,
                eos_token=sorted(ends),
            )
        except ValueError as error:
            raise UsageError(f"this model's replies cannot be held to a schema: {error}") from error
        self._vocabulary = vocabulary
        self._compiled: dict[bytes, Any] = {}

    def matcher(self, schema: Json) -> "Matcher":
        """A new matcher, before the first token. Raises UsageError on a schema that cannot be kept to."""
        key = msgspec.json.encode(schema)  # in its own order: properties are written in it
        if key not in self._compiled:
            self._compiled[key] = self._compile(schema)
        return Matcher(self._compiled[key].deep_copy(), self._vocabulary)

    def _compile(self, schema: Json) -> Any:
        try:
            grammar = llguidance.LLMatcher.grammar_from_json_schema(schema, overrides={"whitespace_pattern": SPACE})
            problem = llguidance.LLMatcher.validate_grammar(grammar, self._tokens)
        except (TypeError, ValueError) as error:
            raise _refusal(str(error)) from error
        if problem:
            raise _refusal(problem)
        return llguidance.LLMatcher(self._tokens, grammar, log_level=0)


def _refusal(problem: str) -> UsageError:
    return UsageError(
        f"replies cannot be held to this schema: {problem.strip()}",
        next="say it in other words of JSON Schema, or check the reply by score.json_schema",
    )


class Matcher:
    """Where one reply stands in its grammar."""

    def __init__(self, matcher: Any, vocabulary: int) -> None:
        self._matcher, self._vocabulary = matcher, vocabulary

    @property
    def problem(self) -> str:
        """Why it cannot go on, such as limits of the parser; empty when all is well."""
        return str(self._matcher.get_error()).partition("\n")[0]

    def allowed(self) -> torch.Tensor:
        """True for each token that may come next: (vocabulary,)."""
        bits = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
        return torch.from_numpy(np.unpackbits(bits, count=self._vocabulary, bitorder="little").view(np.bool_))

    def take(self, token: int) -> bool:
        """The reply goes on with this token; whether it is at its end."""
        self._matcher.consume_token(token)
        return bool(self._matcher.is_stopped())
