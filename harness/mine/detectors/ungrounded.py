"""Detect values in a JSON answer that are nowhere in the message: made up, or taken from the worked examples.

Only for routes that copy: where a value of a correction is not in its message either, the route transforms values, and
the field is left alone. That a field is copied is a norm; one that rests on
corrections outweighs praise, which is often for a plausible answer. Numbers and booleans are derived more often than copied, so only strings are looked at.
"""

from collections.abc import Iterator

from harness.core.replies import grounded, json_object, padded
from harness.mine.window import Window
from harness.types import Failure

ANSWER_ALONE = True
"""It needs nothing but the answer and its message, so it can judge a teacher's too."""


def detect(window: Window) -> Iterator[Failure]:
    for call in window.calls:
        value = json_object(call.reply) if call.output else None
        if value is None or call.error is not None:
            continue
        copied = window.usual(call).copied
        said = padded(" ".join(message.text for message in window.conversation(call)))
        invented = [(key, item) for key, item in value.items() if key in copied and not grounded(item, said)]
        if invented:
            key, item = invented[0]
            reason = f'{", ".join(name for name, _ in invented)}: "{str(item)[:60]}" is not in the message'
            yield Failure(call_id=call.id, detector="ungrounded", reason=reason, norm=window.usual(call).copied_by)
