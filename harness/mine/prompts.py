"""Find the prompt that the application puts in front of every conversation.

A prompt is a system text and worked examples as earlier turns. It shows as the messages that nearly all calls of one
route and system text share from the start. The last user message is never part of it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from harness.core.codec import digest
from harness.types import Call, Message, Prompt

NEARLY_ALL = 0.9
ENOUGH = 5
"""Distinct inputs that have to share a start before worked examples are believed to be a prompt."""
LONGEST = 64
SAMPLE = 1000
"""Distinct inputs looked at for each route and system text."""
MOST = 2000
"""Pairs of route and system text that are looked at, in order of time: a system text that holds the hour is another each
time, and is taken off without being a prompt worth keeping."""
LISTED = 50
"""Prompts that are named."""

Key = tuple[str, str]


class Prompts:
    """The shared prefix of each route and system text."""

    def __init__(self, calls: Iterable[Call]) -> None:
        seen: dict[Key, set[tuple[Message, ...]]] = defaultdict(set)
        self._uses: Counter[Key] = Counter()
        for call in calls:
            key = _key(call)
            if key in seen or len(seen) < MOST:
                self._uses[key] += 1
                if len(seen[key]) < SAMPLE:
                    seen[key].add(call.input)
        self._prefix = {key: _shared(inputs) for key, inputs in seen.items()}

    def strip(self, call: Call) -> tuple[Message, ...]:
        """The conversation proper: the input without the prompt, or without its system text where the rest differs."""
        prefix = self._prefix.get(_key(call))
        if prefix is None or call.input[: len(prefix)] != prefix:
            prefix = _system(call.input)
        return call.input[len(prefix) :]

    def found(self) -> tuple[Prompt, ...]:
        """The distinct prompts that are not empty, commonest first, named by rank; at most `LISTED`."""
        uses: Counter[tuple[Message, ...]] = Counter()
        for key, prefix in self._prefix.items():
            if prefix:
                uses[prefix] += self._uses[key]
        ranked = sorted(uses, key=lambda prefix: (-uses[prefix], digest(prefix)))[:LISTED]
        return tuple(Prompt(name=_name(rank), messages=prefix) for rank, prefix in enumerate(ranked))


def _name(rank: int) -> str:
    return f"production-{rank + 1}" if rank else "production"


def _key(call: Call) -> Key:
    return call.route, "\n".join(message.text for message in _system(call.input))


def _system(messages: Sequence[Message]) -> tuple[Message, ...]:
    count = 0
    while count < len(messages) and messages[count].role in ("system", "developer"):
        count += 1
    return tuple(messages[:count])


def _shared(inputs: set[tuple[Message, ...]]) -> tuple[Message, ...]:
    """Walk from the start while nearly all inputs go the same way; stop before any input's last user message."""
    rest = [messages[: min(_last_user(messages), LONGEST)] for messages in inputs]
    prefix = _system(next(iter(inputs)))
    if len(inputs) < ENOUGH:
        return prefix
    while True:
        depth = len(prefix)
        steps = Counter(messages[depth] for messages in rest if len(messages) > depth and messages[:depth] == prefix)
        step, count = steps.most_common(1)[0] if steps else (None, 0)
        if step is None or count < NEARLY_ALL * len(inputs):
            return prefix
        prefix = (*prefix, step)


def _last_user(messages: Sequence[Message]) -> int:
    return max((index for index, message in enumerate(messages) if message.role == "user"), default=len(messages))
