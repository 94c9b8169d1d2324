"""A model that gives set replies in turn, and the replies that call tools."""

import json

import pytest

from harness.evaluate.runner.model import Model
from harness.types import Arm, Reply, ToolCallPart, Usage


@pytest.fixture
def playing():
    """Builds a model that gives these replies in turn, the last one again and again; `asked` on it holds the requests."""

    def build(*replies):
        queue, asked = list(replies), []

        def ask(request):
            asked.append(request)
            return queue.pop(0) if len(queue) > 1 else queue[0]

        made = Model(Arm(name="fake"), ask, "suite case")
        made.asked = asked
        return made

    return build


@pytest.fixture
def calling():
    """Builds a reply that calls tools, each given as a name and its arguments (an object, or raw text)."""

    def build(*calls, **reply):
        parts = [
            ToolCallPart(id=f"c{place}", name=name, arguments=given if isinstance(given, str) else json.dumps(given))
            for place, (name, given) in enumerate(calls)
        ]
        return Reply(text="", tool_calls=tuple(parts), usage=Usage(input=10, output=5), **reply)

    return build


@pytest.fixture
def words():
    """Builds a reply in words."""
    return lambda text, **reply: Reply(text=text, usage=Usage(input=10, output=5), **reply)
