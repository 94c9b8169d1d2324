"""Hold what a detector sees: one session's calls in order of time, their feedback, and what is usual on each route."""

from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct

from harness.core.trajectories import trajectories, uses_tools
from harness.mine.first_wrong import WrongStep, wrong_steps
from harness.mine.forms import LIST, OBJECT, AnswerForm
from harness.mine.run_norms import NOTHING, Successes
from harness.types import Call, Feedback, Json, Message, Trajectory


class Norms(Struct, frozen=True):
    """What good answers of one route look like, learnt from its corrections and praised answers."""

    good: int = 0
    """How many answers were learnt from; norms of fewer than `ENOUGH` say nothing."""
    forms: Mapping[str, AnswerForm] = {}
    """Kind of answer to its form; see `harness.mine.forms`."""
    copied: frozenset[str] = frozenset()
    """Keys whose text values nearly always stand in the message word for word."""
    copied_by: Literal["praise", "corrections"] = "praise"
    """What that was learnt from."""
    seconds: float | None = None
    """Latency in seconds beyond which a call is far out."""
    output_tokens: float | None = None
    """Output tokens beyond which an answer is far out."""

    @property
    def json_share(self) -> float:
        """Share of the good answers that are JSON and nothing else, 0 to 1."""
        return sum(self.forms[kind].share for kind in (OBJECT, LIST) if kind in self.forms)


class Window(Struct, frozen=True):
    """One session. A call without a session id is a session of its own."""

    calls: tuple[Call, ...]
    feedback: Mapping[str, tuple[Feedback, ...]] = {}
    """Call id to what was said of it, oldest first."""
    conversations: Mapping[str, tuple[Message, ...]] = {}
    """Call id to its input without the prompt that the application put in front."""
    norms: Mapping[str, Norms] = {}
    """Route to its norms."""
    options: Mapping[str, Json] = {}
    newest_ns: int = 0
    """Start of the newest call of all sessions, Unix nanoseconds."""
    runs: tuple[Trajectory, ...] = ()
    """Its runs of agents; none where no call uses tools."""
    successes: Successes = NOTHING
    """What the successful runs of all sessions show."""

    def said(self, call: Call) -> tuple[Feedback, ...]:
        return self.feedback.get(call.id, ())

    def conversation(self, call: Call) -> tuple[Message, ...]:
        return self.conversations.get(call.id, call.input)

    def usual(self, call: Call) -> Norms:
        return self.norms.get(call.route, Norms())

    def wrong_steps(self, run: Trajectory) -> list[WrongStep]:
        """Steps of a run that something shows to be wrong, the first one first."""
        calls = {call.id: call for call in self.calls}
        return sorted(wrong_steps(run, calls, self.feedback, self.successes), key=lambda wrong: wrong.step)

    def asked(self, call: Call) -> str:
        """Text of the last user message; empty when there is none."""
        users = [message.text for message in self.conversation(call) if message.role == "user"]
        return users[-1] if users else ""


def runs_of(session: Sequence[Call], said: Mapping[str, tuple[Feedback, ...]]) -> tuple[Trajectory, ...]:
    """The runs of agents in a session; none where no call uses tools."""
    return trajectories(session, said) if any(map(uses_tools, session)) else ()
