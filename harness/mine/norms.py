"""Learn what good answers of a route look like, from its corrections and, where those are few, its praised answers."""

from array import array
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from harness.core.replies import chat_message, grounded, json_object, padded
from harness.mine.window import ENOUGH, Norms
from harness.types import Call, Feedback, Message

NEARLY_ALL = 0.95
LEARNT = 5000
"""Corrections, and praised answers, of a route that are learnt from: the newest."""

Good = tuple[str, tuple[Message, ...]]
"""A good answer and the conversation that it answers."""


class _RouteCalls:
    """What has been seen of one route: numbers of every call, and the newest of its good answers."""

    def __init__(self) -> None:
        self.seconds, self.tokens = array("d"), array("d")
        self.corrected: deque[Good] = deque(maxlen=LEARNT)
        self.praised: deque[Good] = deque(maxlen=LEARNT)

    def norms(self) -> Norms:
        good = [*self.corrected] if len(self.corrected) >= ENOUGH else [*self.corrected, *self.praised]
        objects = [(json_object(answer), said) for answer, said in good]
        found = [(value, said) for value, said in objects if value is not None]
        keys = Counter(key for value, _ in found for key in value)
        return Norms(
            good=len(good),
            json_share=len(found) / len(good) if good else 0.0,
            keys=frozenset(key for key, count in keys.items() if count >= NEARLY_ALL * len(found)),
            copied=_copied(found),
            seconds=_far_out(self.seconds),
            output_tokens=_far_out(self.tokens),
        )


def learn(
    calls: Iterable[Call],
    feedback: Mapping[str, tuple[Feedback, ...]],
    conversation: Callable[[Call], tuple[Message, ...]],
) -> dict[str, Norms]:
    """Route to its norms. `calls` come in order of time and are read once; `conversation` takes a call's prompt off."""
    routes: dict[str, _RouteCalls] = defaultdict(_RouteCalls)
    for call in calls:
        seen = routes[call.route]
        if call.error is None and call.seconds:
            seen.seconds.append(call.seconds)
        if call.usage.output:
            seen.tokens.append(call.usage.output)
        said = feedback.get(call.id, ())
        correction = said[-1].correction if said else None
        if correction is not None and chat_message(correction) is None:
            seen.corrected.append((correction, conversation(call)))
        elif said and call.reply and all(item.positive for item in said):
            seen.praised.append((call.reply, conversation(call)))
    return {route: seen.norms() for route, seen in routes.items()}


def _copied(objects: Sequence[tuple[dict[str, object], Sequence[Message]]]) -> frozenset[str]:
    """Keys whose text values stand in the message in nearly all good answers."""
    seen: Counter[str] = Counter()
    copied: Counter[str] = Counter()
    for value, conversation in objects:
        said = padded(" ".join(message.text for message in conversation))
        for key, item in value.items():
            if isinstance(item, str):
                seen[key] += 1
                copied[key] += grounded(item, said)
    return frozenset(key for key, count in seen.items() if count >= ENOUGH and copied[key] >= NEARLY_ALL * count)


def _far_out(values: Sequence[float]) -> float | None:
    """Tukey's outer fence on a log scale, but at least three times the median; None below 100 values.

    J. W. Tukey, "Exploratory Data Analysis" (1977): the third quartile plus three interquartile ranges. Latencies and
    lengths are skewed, so their logarithms are taken.
    """
    if len(values) < 100:
        return None
    low, middle, high = np.quantile(np.log(values), [0.25, 0.5, 0.75])
    return float(max(np.exp(high + 3 * (high - low)), 3 * np.exp(middle)))
