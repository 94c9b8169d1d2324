"""Define an agent's run: the trajectory of its calls, with what the tools said and how it ended."""

from typing import Literal

from harness.types.base import Json, Noun
from harness.types.messages import Message


class ToolUse(Noun, frozen=True):
    """A tool call of the agent, with what came of it."""

    id: str = ""
    name: str = ""
    arguments: str = ""
    """As the model wrote them; they may be invalid JSON."""
    result: str | None = None
    """What the tool said. None: the trace does not tell."""
    refused: bool = False
    """Whether the tool said that the call failed."""
    told_by: Literal["", "message", "span"] = ""
    """Where the result stands: in the input of a later call, or in the tool's own span only."""
    span_id: str = ""
    """Span of the tool, where other calls were made inside it or it alone tells the result."""


class Step(Noun, frozen=True):
    """One answer of the agent."""

    call_id: str
    at: int
    """Place of the answer in the trajectory's messages; those before it are what it answers. -1: it has no answer."""
    turn: int = 0
    """User messages before it."""
    tools: tuple[ToolUse, ...] = ()
    error: str = ""
    """Why the call failed; empty when it did not."""

    @property
    def refused(self) -> bool:
        """Whether a tool turned one of its calls down."""
        return any(use.refused for use in self.tools)


class Trajectory(Noun, frozen=True):
    """One run of an agent: its calls in order, each message of their history once."""

    id: str
    """Id of its first call."""
    steps: tuple[Step, ...]
    messages: tuple[Message, ...] = ()
    """All that was said, each message once: prompt, users, answers, results of tools."""
    tools: tuple[Json, ...] = ()
    """Every tool that was offered in it, each once."""
    trace_ids: tuple[str, ...] = ()
    session_id: str = ""
    user_id: str = ""
    route: str = ""
    state: dict[str, Json] = {}
    """What the application recorded beside the calls (their metadata), the last value of each key."""
    outcome: float | None = None
    """How the run ended by its feedback: 0 the worst, 1 the best. None: nobody said."""
    outcome_by: str = ""
    """Name of the feedback that says so."""
    parent: str = ""
    """Id of the call whose tool started this run, where another agent did."""
    aside: tuple[str, ...] = ()
    """Calls of the same traces that belong to no agent's run: titles, guards, routers."""
    flags: tuple[str, ...] = ()
    """Sorted: history_changed (a call was not given all that was said before), results_missing (a tool's result is nowhere),
    spans_missing (a result answers a call that is not there), calls_failed."""

    @property
    def call_ids(self) -> tuple[str, ...]:
        return tuple(step.call_id for step in self.steps)

    @property
    def succeeded(self) -> bool:
        return self.outcome is not None and self.outcome > 0.5

    @property
    def failed(self) -> bool:
        return self.outcome is not None and self.outcome < 0.5

    def before(self, step: Step) -> tuple[Message, ...]:
        """What a step answers."""
        return self.messages[: max(step.at, 0)]
