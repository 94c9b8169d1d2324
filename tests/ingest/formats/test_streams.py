"""Answers that a trace holds as the chunks of their stream are put together whole."""

from harness.ingest.formats._bodies import response
from harness.ingest.formats._streams import put_together
from tests.ingest.formats.test_call_cases import said


def test_anthropic_events_keep_thinking_tools_and_tokens():
    """Blocks by their index; the input of a tool comes in pieces of JSON."""
    events = [
        {
            "type": "message_start",
            "message": {"id": "m", "type": "message", "role": "assistant", "usage": {"input_tokens": 3}},
        },
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "Hm."}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "s"}},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "Hel"}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "lo"}},
        {
            "type": "content_block_start",
            "index": 2,
            "content_block": {"type": "tool_use", "id": "t", "name": "f", "input": {}},
        },
        {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": '{"a"'}},
        {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": ": 1}"}},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 5}},
    ]
    told = response(put_together(events))
    assert said(told["output"]) == [("assistant", ("thought", "Hm."), "Hello", ("t", "f", {"a": 1}))]
    assert told["output"][0].finish_reason == "tool_calls"
    assert told["usage"] == {"input": 3, "output": 5}


def test_openai_chunks_keep_choices_and_tool_calls():
    """Each choice by its index, with the pieces of its arguments joined."""
    call = {"index": 0, "id": "t", "function": {"name": "f", "arguments": "{"}}
    chunks = [
        {
            "id": "c",
            "model": "m",
            "choices": [{"index": 0, "delta": {"content": "Hel"}}, {"index": 1, "delta": {"tool_calls": [call]}}],
        },
        {"choices": [{"index": 1, "delta": {"tool_calls": [{"index": 0, "function": {"arguments": "}"}}]}}]},
        {"choices": [{"index": 0, "delta": {"content": "lo"}, "finish_reason": "stop"}]},
        {"choices": [{"index": 1, "delta": {}, "finish_reason": "tool_calls"}], "usage": {"prompt_tokens": 1}},
    ]
    told = response(put_together(chunks))
    assert said(told["output"]) == [("assistant", "Hello"), ("assistant", ("t", "f", {}))]
    assert [choice.finish_reason for choice in told["output"]] == ["stop", "tool_calls"]
    assert (told["response_id"], told["usage"]) == ("c", {"input": 1})


def test_a_stream_without_an_answer_is_none():
    assert put_together([{"choices": []}]) == put_together([]) == {}
