"""Learn what good answers of a route look like, from its corrections and, where those are few, its praised answers."""

from array import array
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from harness.core.feedback_override import best_correction
from harness.core.feedback_scale import praised
from harness.core.replies import corrected, grounded, json_object, padded
from harness.mine.forms import ENOUGH, RARE, learn_forms
from harness.mine.window import Norms
from harness.types import Call, Feedback, Message

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
        """Forms are those of all good answers; what is copied, of the corrected ones where there are enough."""
        good = [*self.corrected, *self.praised]
        sure = len(self.corrected) >= ENOUGH
        surest = [*self.corrected] if sure else good
        objects = [(json_object(answer), said) for answer, said in surest]
        return Norms(
            good=len(good),
            forms=learn_forms(answer for answer, _ in good),
            copied=_copied([(value, said) for value, said in objects if value is not None]),
            copied_by="corrections" if sure else "praise",
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
        best = best_correction(said)
        right = corrected(best.correction or "", call) if best else None
        if right is not None and not right.tool_calls:
            seen.corrected.append((right.text, conversation(call)))
        elif praised(said) and call.reply:
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
    return frozenset(key for key, count in seen.items() if count >= ENOUGH and copied[key] >= (1 - RARE) * count)


def _far_out(values: Sequence[float]) -> float | None:
    """Tukey's outer fence on a log scale, but at least three times the median; None below 100 values.

    J. W. Tukey, "Exploratory Data Analysis" (1977): the third quartile plus three interquartile ranges. Latencies and
    lengths are skewed, so their logarithms are taken.
    """
    if len(values) < 100:
        return None
    low, middle, high = np.quantile(np.log(values), [0.25, 0.5, 0.75])
    return float(max(np.exp(high + 3 * (high - low)), 3 * np.exp(middle)))
