"""Price the tokens of a request: what a reply cost, and the most that it may cost."""

from collections.abc import Mapping

import msgspec

from harness.types import Json, Request, Usage
from harness.types.messages import MediaPart, Part

MARKS = 8
"""Tokens that a template puts around a message."""
MEDIA = 4096
"""Tokens that an image or a file of a request may take."""


class Prices(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of a million tokens; `cached` is for input that the endpoint had kept."""

    input: float = 0.0
    output: float = 0.0
    cached: float | None = None

    def of(self, usage: Usage) -> float | None:
        """None when the endpoint did not say how many tokens there were."""
        if usage.input is None or usage.output is None:
            return None
        kept = min(usage.cache_read or 0, usage.input)
        cached = self.input if self.cached is None else self.cached
        return ((usage.input - kept) * self.input + kept * cached + usage.output * self.output) / 1e6

    def at_most(self, request: Request) -> float:
        """An upper bound: a token is at least one byte of the request, and the output is as long as `max_tokens` allows.

        Where the eval function sets none, the endpoint's own bound may be higher.
        """
        parts = [part for message in request.messages for part in message.parts]
        given = len(request.messages) * MARKS + sum(map(_tokens, parts)) + len(request.text.encode())
        given += sum(len(msgspec.json.encode(extra)) for extra in (request.tools, request.schema) if extra)
        return self.at_most_of(given, request.max_tokens)

    def at_most_of(self, given: int, written: int) -> float:
        """An upper bound for so many tokens."""
        return (given * max(self.input, self.cached or 0.0) + written * self.output) / 1e6


def prices_of(options: Mapping[str, Json]) -> Prices | None:
    """The option `prices` of an arm; None where it names none. Raises msgspec.ValidationError on wrong ones."""
    return msgspec.convert(options["prices"], Prices) if options.get("prices") else None


def _tokens(part: Part) -> int:
    """At most."""
    if isinstance(part, MediaPart):
        return MEDIA
    text = getattr(part, "text", None)
    return len(text.encode() if isinstance(text, str) else msgspec.json.encode(part))
