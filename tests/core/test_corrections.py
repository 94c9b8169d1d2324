"""A correction that is a whole message keeps its reasoning and its tool calls, whatever else an endpoint put into it."""

import json

import pytest

from harness.core.codec import from_chat
from harness.core.replies import corrected

CALL = {"id": "c", "type": "function", "function": {"name": "book", "arguments": {"people": 4}}}


@pytest.mark.parametrize(
    "more",
    [
        {"reasoning_content": "Four."},
        {"thinking": "Four."},
        {"reasoning": "Four."},
        {"reasoning": "Four.", "reasoning_details": [{"text": "Four."}], "annotations": [], "audio": None},
    ],
)
def test_a_message_with_reasoning_and_calls(more):
    """It is no JSON object to be learnt as text."""
    message = corrected(json.dumps({"role": "assistant", "content": "", "tool_calls": [CALL], **more}))
    assert [call.name for call in message.tool_calls] == ["book"] and message.text == ""
    assert message.reasoning == "Four."
    bare = corrected(json.dumps({"content": "Yes.", "reasoning_content": "Four."}))
    assert (bare.text, bare.reasoning) == ("Yes.", "Four.")


def test_an_application_s_own_object_stays_the_answer():
    """Without a role, keys that no message has make it an answer in JSON."""
    assert corrected('{"content": "Yes.", "category": "late"}').text == '{"content": "Yes.", "category": "late"}'


@pytest.mark.parametrize(
    "part",
    [
        {"type": "thinking", "thinking": "Four."},
        {"type": "reasoning", "text": "Four."},
        {"type": "thinking", "thinking": [{"type": "text", "text": "Four."}]},
    ],
)
def test_a_part_of_reasoning_is_not_the_answer(part):
    """Content as a list of parts: as Anthropic, the Responses API and Mistral write it."""
    message = from_chat({"role": "assistant", "content": [part, {"type": "text", "text": "Yes."}]})
    assert (message.text, message.reasoning) == ("Yes.", "Four.")
