"""Let a model make the result of a tool call that a recording does not hold.

    shop = tools.simulated(by="simulator")
    ... tools=tools.recorded(case, unseen=shop)

It is shown recorded results of the same tool, and answers with one JSON value. An answer that is none is an error of the
case: it says nothing of the model under test.
"""

from pathlib import Path
from typing import Any

import msgspec

from harness.core.codec import canonical
from harness.core.codec import digest as content_id
from harness.errors import TrueupError
from harness.evaluate.asker import ask_own_model
from harness.evaluate.sessions.recorded import ToolRecording
from harness.types import Json, Message, Request, TextPart

VERSION = "simulator-1"
EXAMPLES = 3
"""Recorded calls of the same tool that it is shown."""
RULES = """You take the place of the tool `{name}` of a program. Answer a call with what the tool would return, as one JSON value
and nothing else. Keep to the form of the recorded results, and do not contradict what they say."""


class SimulatedTool:
    """A model in place of a tool, for calls without a recording."""

    kind = "simulator"

    def __init__(self, by: str, name: str, max_tokens: int) -> None:
        self.by, self.name, self.max_tokens = by, name, max_tokens
        self.folder = Path()

    def digest(self, model: str) -> str:
        """Content id of all that its answers depend on; `model` is the digest of the model that it asks."""
        return content_id([VERSION, RULES, EXAMPLES, self.max_tokens, model])

    def __call__(self, recording: ToolRecording, name: str, arguments: dict[str, Any]) -> Json:
        """A result for one call. Raises TrueupError when the model gives no JSON value."""
        known = recording.of(name)[:EXAMPLES] or recording.calls[:EXAMPLES]
        shown = [f"{call.name}({canonical(call.arguments)})\n{call.result}" for call in known]
        asked = "\n\n".join([*shown, f"{name}({canonical(arguments)})"])
        turns = (_message("system", RULES.format(name=name)), _message("user", asked))
        reply = ask_own_model(self, Request(messages=turns, max_tokens=self.max_tokens))
        try:
            result = msgspec.json.decode(reply.text.strip())
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
            raise TrueupError(
                f"the simulator {self.name!r} gave no JSON for {name} ({error}): {reply.text[:200]!r}",
                next='use a stronger model for it, or unseen="nearest"',
            ) from error
        recording.tally["calls answered by a simulator"] += 1
        return result


def simulated(*, by: str, name: str = "simulator", max_tokens: int = 512) -> SimulatedTool:
    """A model that answers unseen calls; make it at the top of the eval file. `by` names a [judges.NAME] of trueup.toml."""
    return SimulatedTool(by, name, max_tokens)


def _message(role: str, text: str) -> Message:
    return Message(role=role, parts=(TextPart(text=text),))
