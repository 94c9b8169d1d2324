"""Answer everything with one fixed reply: the floor under every target suite.

`arm.options["reply"]` is the answer. Log-likelihoods are equal for all options. It loads nothing and costs nothing.
"""

from collections.abc import Sequence

from harness.core.codec import digest as content_id
from harness.core.reading import read_text
from harness.types import Arm, Noun, Reply, Request


class Options(Noun, frozen=True):
    """Its keys under an arm's options."""

    reply: str = ""
    """The answer to everything; a message in chat form where it calls tools."""


class Constant:
    preferred_batch = 256

    def digest(self, arm: Arm) -> str:
        return digest(arm)

    def answer(self, arm: Arm, requests: Sequence[Request]) -> list[Reply | Exception]:
        """The fixed reply to each chat and completion; zeros for each option of a log-likelihood request."""
        fixed = read_text(str(arm.options.get("reply", "")))
        return [
            Reply(text=request.options[0], logprobs=(0.0,) * len(request.options)) if request.options else fixed
            for request in requests
        ]

    def close(self) -> None:
        """Nothing is held open."""


def open(arms: Sequence[Arm], *, batch_size: int = 0) -> Constant:
    return Constant()


def digest(arm: Arm) -> str:
    """Content id of the answer."""
    return content_id(["constant", arm.options.get("reply", "")])
