"""Ask the model that writes prompts, within a budget of requests and money."""

from collections.abc import Callable, Sequence

from harness.types import Message, Reply, Request, TextPart

MAX_TOKENS = 2048

Ask = Callable[[Sequence[Request]], Sequence[Reply | Exception]]


class PromptWriter:
    """One model, and what it has taken so far."""

    def __init__(self, ask: Ask, most: int, money: float = 0.0) -> None:
        """`most` requests, and at most `money` in the currency of the arm's `prices`; 0: no limit."""
        self._ask, self._most, self._money = ask, most, money
        self.asked = 0
        self.cost: float | None = None
        """None: no price is known."""

    @property
    def spent(self) -> bool:
        """Whether nothing more may be asked. Money is counted after each reply, so the last one may go beyond."""
        return self.asked >= self._most or (self._money > 0 and (self.cost or 0.0) >= self._money)

    def __call__(self, text: str) -> str:
        """What the model answers to a message. Raises what the backend raised."""
        message = Message(role="user", parts=(TextPart(text=text),))
        (reply,) = self._ask([Request(messages=(message,), max_tokens=MAX_TOKENS)])
        self.asked += 1
        if isinstance(reply, Exception):
            raise reply
        if reply.cost is not None:
            self.cost = (self.cost or 0.0) + reply.cost
        return reply.text
