"""Learn what the successful runs of an agent look like: their steps, their tools, and what they did after each history.

A run succeeded where its feedback says so; see `harness.core.trajectories.outcome_of`. Runs of one route whose system texts
begin alike are of one agent.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from msgspec import Struct

from harness.core.codec import digest
from harness.core.feedback_subject import OPENING
from harness.core.near_duplicates import normalise
from harness.core.tool_uses import arguments_text
from harness.core.trajectories import trajectories, uses_tools
from harness.mine.traffic import Traffic
from harness.types import Feedback, Message, Step, TextPart, ToolCallPart, ToolResultPart, Trajectory

LEARNT = 5000
"""Successful runs that are learnt from, those that began first."""
ENOUGH = 20
"""Successful runs of an agent from which it has norms."""
RARE = 0.02
"""Share of successful runs that a norm may be wrong about."""
ALIKE = 3
"""Successful runs on one request from which that request has norms."""

Action = tuple[tuple[str, str], ...]
"""The tool calls of a step: names and canonical arguments, sorted; empty for an answer in words."""


class RunNorms(Struct, frozen=True):
    """What successful runs of one agent have in common."""

    good: int = 0
    """Runs that were learnt from; norms of fewer than `ENOUGH` say nothing."""
    steps: float | None = None
    """Steps beyond which a run is far out."""
    needed: frozenset[str] = frozenset()
    """Tools that nearly every one of them called."""
    repeats: Mapping[str, int] = {}
    """Tool to how often nearly all of them make one call of it at most."""
    called: frozenset[str] = frozenset()
    """Tools that any of them called."""


class Successes(Struct, frozen=True):
    """What is known of successful runs."""

    norms: Mapping[str, RunNorms] = {}
    """Agent to its norms."""
    actions: Mapping[str, Mapping[Action, int]] = {}
    """History to what the runs that had it did next, and how many of them."""
    answers: Mapping[str, Message] = {}
    """History to the answer of the first of these runs."""
    tools: Mapping[str, tuple[frozenset[str], ...]] = {}
    """Request to the tools that each successful run on it called."""

    def usual(self, run: Trajectory) -> RunNorms:
        return self.norms.get(agent_of(run), RunNorms())

    def needed(self, run: Trajectory) -> frozenset[str]:
        """Tools that every successful run on the same request called."""
        known = self.tools.get(request_of(run), ())
        return frozenset.intersection(*known) if len(known) >= ALIKE else frozenset()


NOTHING = Successes()


def learn(traffic: Traffic, feedback: Mapping[str, tuple[Feedback, ...]]) -> Successes:
    """What the successful runs of all traffic show. The calls are read once more, where any of them uses tools."""
    if not traffic.agents:
        return NOTHING
    return learn_from(run for run in _runs(traffic, feedback) if run.succeeded)


def learn_from(good: Iterable[Trajectory]) -> Successes:
    """What these successful runs have in common."""
    by_agent: dict[str, list[Trajectory]] = defaultdict(list)
    actions: dict[str, Counter[Action]] = defaultdict(Counter)
    answers: dict[str, Message] = {}
    tools: dict[str, list[frozenset[str]]] = defaultdict(list)
    for _, run in zip(range(LEARNT), good, strict=False):
        by_agent[agent_of(run)].append(run)
        tools[request_of(run)].append(frozenset(names(run)))
        for step, before in zip(run.steps, histories(run), strict=True):
            if step.at >= 0:
                answers.setdefault(before, run.messages[step.at])
                actions[before][action(run.messages[step.at])] += 1
    return Successes(
        norms={agent: _norms(runs) for agent, runs in by_agent.items()},
        actions=actions,
        answers=answers,
        tools={request: tuple(called) for request, called in tools.items()},
    )


def agent_of(run: Trajectory) -> str:
    """What tells one agent from another: its route and the start of its system text."""
    system = next((message.text for message in run.messages if message.role in ("system", "developer")), "")
    return f"{run.route}\n{system[:OPENING]}"


def request_of(run: Trajectory) -> str:
    """The agent and what it was asked first."""
    asked = next((message.text for message in run.messages if message.role == "user" and message.text), "")
    return digest([agent_of(run), normalise(asked)])


def names(run: Trajectory) -> Iterator[str]:
    """Names of the tools that a run called, in order."""
    return (use.name for step in run.steps for use in step.tools)


def action(answer: Message) -> Action:
    return tuple(sorted((part.name, arguments_text(part)) for part in answer.tool_calls))


def histories(run: Trajectory) -> list[str]:
    """For each step a name of all that was feedback before it, without the system text and the ids of tool calls."""
    digests: list[str] = []
    known, read = "", 0
    for step in run.steps:
        for message in run.messages[read : max(step.at, read)]:
            known = digest([known, _said(message)]) if message.role not in ("system", "developer") else known
        read = max(step.at, read)
        digests.append(known)
    return digests


def repeated(run: Trajectory) -> Iterator[tuple[Step, int, str]]:
    """Steps whose tool call was made before with the same arguments and the same result: the step, how often it was made
    until then, and the tool."""
    seen: Counter[tuple[str, str, str]] = Counter()
    for step in run.steps:
        for use in step.tools:
            if use.result is not None:
                key = use.name, arguments_text(use), use.result
                seen[key] += 1
                if seen[key] > 1:
                    yield step, seen[key], use.name


def _said(message: Message) -> list[object]:
    """What a message says, in a form in which the ids of two recordings do not matter."""
    parts: list[object] = []
    for part in message.parts:
        if isinstance(part, TextPart):
            parts.append(part.text.strip())
        elif isinstance(part, ToolCallPart):
            parts.append([part.name, arguments_text(part)])
        elif isinstance(part, ToolResultPart):
            parts.append({"result": part.content})
    return parts


def _runs(traffic: Traffic, feedback: Mapping[str, tuple[Feedback, ...]]) -> Iterator[Trajectory]:
    for session in traffic.sessions():
        if any(call.id in feedback for call in session) and any(map(uses_tools, session)):
            yield from trajectories(session, feedback)


def _norms(runs: Sequence[Trajectory]) -> RunNorms:
    calling = Counter(name for run in runs for name in set(names(run)))
    return RunNorms(
        good=len(runs),
        steps=_far_out([len(run.steps) for run in runs]),
        needed=frozenset(name for name, count in calling.items() if (len(runs) - count + 1) / (len(runs) + 1) <= RARE),
        repeats={name: _repeats(runs, name) for name in calling},
        called=frozenset(calling),
    )


def _repeats(runs: Sequence[Trajectory], name: str) -> int:
    most = sorted(max((count for _, count, tool in repeated(run) if tool == name), default=1) for run in runs)
    return most[math.ceil((1 - RARE) * len(most)) - 1]


def _far_out(steps: Sequence[int]) -> float | None:
    """Tukey's inner fence on a log scale, but at least twice the median; None below `ENOUGH` runs."""
    if len(steps) < ENOUGH:
        return None
    low, middle, high = np.quantile(np.log(steps), [0.25, 0.5, 0.75])
    return float(max(np.exp(high + 1.5 * (high - low)), 2 * np.exp(middle)))
