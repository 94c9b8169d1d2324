"""Preference pairs of the OpenAI platform are calls with their corrections."""

import json

from harness.core.replies import corrected
from tests.ingest.formats.test_call_cases import read, said


def tool_call(city):
    function = {"name": "weather", "arguments": json.dumps({"city": city})}
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "c1", "type": "function", "function": function}],
    }


def test_tool_calls_of_both_answers_are_kept(tmp_path):
    """The answer that was not preferred is the call's; the preferred one is its correction, as a message."""
    asked = {"messages": [{"role": "user", "content": "How warm is it in Bonn?"}]}
    row = {"input": asked, "preferred_output": [tool_call("Bonn")], "non_preferred_output": [tool_call("Rome")]}
    path = tmp_path / "pairs.jsonl"
    path.write_text(json.dumps(row) + "\n")
    (call,), (feedback,) = read(path)
    assert said(call.output) == [("assistant", ("c1", "weather", {"city": "Rome"}))]
    (wanted,) = corrected(feedback.correction, call).tool_calls
    assert (wanted.name, json.loads(wanted.arguments)) == ("weather", {"city": "Bonn"})
