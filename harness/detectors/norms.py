"""Learning what good answers of a route look like, from its corrections and, where those are few, its praised answers."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from harness.answers import chat_message, grounded, json_object, padded
from harness.detectors.window import ENOUGH, Norms
from harness.types import Call, Feedback, Message

NEARLY_ALL = 0.95


def learn(
    calls: Sequence[Call],
    feedback: Mapping[str, tuple[Feedback, ...]],
    conversations: Mapping[str, tuple[Message, ...]],
) -> dict[str, Norms]:
    """Route to its norms."""
    by_route: dict[str, list[Call]] = defaultdict(list)
    for call in calls:
        by_route[call.route].append(call)
    return {route: _norms(members, feedback, conversations) for route, members in by_route.items()}


def _norms(
    calls: Sequence[Call],
    feedback: Mapping[str, tuple[Feedback, ...]],
    conversations: Mapping[str, tuple[Message, ...]],
) -> Norms:
    good = _good(calls, feedback)
    objects = [(json_object(answer), conversations[call.id]) for call, answer in good]
    found = [(value, said) for value, said in objects if value is not None]
    keys = Counter(key for value, _ in found for key in value)
    return Norms(
        good=len(good),
        json_share=len(found) / len(good) if good else 0.0,
        keys=frozenset(key for key, count in keys.items() if count >= NEARLY_ALL * len(found)),
        copied=_copied(found),
        seconds=_far_out([call.seconds for call in calls if call.error is None]),
        output_tokens=_far_out([call.usage.output for call in calls]),
    )


def _good(calls: Sequence[Call], feedback: Mapping[str, tuple[Feedback, ...]]) -> list[tuple[Call, str]]:
    said = [(call, feedback.get(call.id, ())) for call in calls]
    last = [(call, items[-1].correction) for call, items in said if items]
    corrected = [(call, text) for call, text in last if text is not None and chat_message(text) is None]
    if len(corrected) >= ENOUGH:
        return corrected
    praised = [call for call, items in said if items and call.reply and all(item.positive for item in items)]
    return corrected + [(call, call.reply) for call in praised]


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


def _far_out(values: Sequence[float | None]) -> float | None:
    """Tukey's outer fence on a log scale, but at least three times the median; None below 100 values.

    J. W. Tukey, "Exploratory Data Analysis" (1977): the third quartile plus three interquartile ranges. Latencies and
    lengths are skewed, so their logarithms are taken.
    """
    known = [value for value in values if value]
    if len(known) < 100:
        return None
    low, middle, high = np.quantile(np.log(known), [0.25, 0.5, 0.75])
    return float(max(np.exp(high + 3 * (high - low)), 3 * np.exp(middle)))
