"""Row formats that no real export was at hand for, by rows built to their owners' schemas."""

import json

import pytest

from harness.errors import UsageError
from harness.ingest.stage import ingest, link

MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
COMPLETION = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "model": "m-1",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 9, "completion_tokens": 2},
}

ROWS = {
    "langfuse_export": {
        "trace": {
            "id": "t",
            "name": "handle",
            "userId": "u",
            "sessionId": "s",
            "timestamp": "2026-10-01T00:00:00Z",
            "scores": json.dumps(
                [{"name": "thumb", "value": 0, "dataType": "BOOLEAN", "source": "API", "traceId": "t"}]
            ),
            "corrections": [{"name": "output", "longStringValue": "Good day", "traceId": "t", "observationId": "g"}],
        },
        "observations": [
            {
                "id": "g",
                "traceId": "t",
                "type": "GENERATION",
                "startTime": "2026-10-01T00:00:00Z",
                "endTime": "2026-10-01T00:00:01Z",
                "input": json.dumps(MESSAGES),
                "output": json.dumps({"role": "assistant", "content": "Hello"}),
                "model": "m-1",
                "usageDetails": {"input": 4, "input_cached_tokens": 5, "output": 2},
            }
        ],
    },
    "helicone": {
        "request_id": "r",
        "request_created_at": "2026-10-01T00:00:00Z",
        "response_created_at": "2026-10-01T00:00:01Z",
        "request_body": {"model": "m-1", "messages": MESSAGES},
        "response_body": COMPLETION,
        "response_status": 200,
        "request_user_id": "u",
        "request_properties": {"Helicone-Session-Id": "s"},
        "feedback_rating": False,
        "model": "m-1",
    },
    "weave": {
        "id": "w",
        "trace_id": "t",
        "op_name": "weave:///e/p/op/openai.chat.completions.create:abc",
        "started_at": "2026-10-01T00:00:00Z",
        "ended_at": "2026-10-01T00:00:01Z",
        "thread_id": "s",
        "wb_user_id": "u",
        "inputs": {"model": "m-1", "messages": MESSAGES},
        "output": COMPLETION,
        "summary": {"weave": {"feedback": [{"feedback_type": "wandb.reaction.1", "payload": {"emoji": "👎"}}]}},
    },
    "openai_files": {"request": {"messages": MESSAGES}, "response": COMPLETION, "session_id": "s", "user_id": "u"},
}


@pytest.mark.parametrize("name", ROWS)
def test_a_row_gives_a_whole_call_with_its_feedback(tmp_path, name):
    """Messages, model, tokens, session, user and time are read from a row, and a thumb is linked to the call."""
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(ROWS[name]) + "\n")
    (batch,) = ingest([str(path)])
    (call,) = batch.calls
    assert batch.counts[f"format:{name}"] == 1
    assert ([said.role for said in call.input], call.reply, call.usable) == (["system", "user"], "Hello", True)
    assert (call.session_id, call.user_id, call.model_served) == ("s", "u", "m-1")
    assert (call.usage.input, call.usage.output) == (9, 2)
    assert all(given.call_id == call.id for given in link(batch.calls, batch.feedback))
    if name != "openai_files":
        assert call.seconds == 1
        assert any(given.negative or given.value == 0 for given in batch.feedback)


def test_a_langfuse_correction_is_the_corrected_output(tmp_path):
    """A row of the type CORRECTION holds the text that should have been answered."""
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(ROWS["langfuse_export"], indent=1))
    (batch,) = ingest([str(path)])
    assert [given.correction for given in batch.feedback if given.correction] == ["Good day"]


def test_columns_of_a_csv_file_can_be_named(tmp_path):
    """The format `table` reads any CSV by the columns that the options name."""
    path = tmp_path / "log.csv"
    path.write_text('question,answer,fixed,chat,when\n"Hi, you",Hello,Good day,s,2026-10-01T00:00:00Z\n')
    columns = {"input": "question", "output": "answer", "correction": "fixed", "session_id": "chat", "time": "when"}
    (batch,) = ingest([str(path)], format="table", options={"columns": columns})
    (call,), (given,) = batch.calls, batch.feedback
    assert (call.input[0].text, call.reply, call.session_id, call.start_ns > 0) == ("Hi, you", "Hello", "s", True)
    assert (given.call_id, given.correction) == (call.id, "Good day")
    with pytest.raises(UsageError, match="'columns.inptu'"):
        list(ingest([str(path)], format="table", options={"columns": {"inptu": "question"}}))


GEMINI = {
    "request": {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {
                "role": "user",
                "parts": [{"text": "Weather?"}, {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}],
            },
            {"role": "model", "parts": [{"functionCall": {"id": "1", "name": "get", "args": {"city": "Leiden"}}}]},
            {"role": "user", "parts": [{"functionResponse": {"id": "1", "name": "get", "response": {"temp": 9}}}]},
        ],
    },
    "response": {
        "candidates": [{"content": {"role": "model", "parts": [{"text": "Cold."}]}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 2, "thoughtsTokenCount": 3},
        "modelVersion": "gemini-x",
        "responseId": "r",
    },
}
CONVERSE = {
    "request": {
        "modelId": "claude-x",
        "system": [{"text": "Be brief."}],
        "messages": [
            {
                "role": "user",
                "content": [{"text": "Weather?"}, {"image": {"format": "png", "source": {"bytes": "AAAA"}}}],
            },
            {
                "role": "assistant",
                "content": [{"toolUse": {"toolUseId": "1", "name": "get", "input": {"city": "Leiden"}}}],
            },
            {"role": "user", "content": [{"toolResult": {"toolUseId": "1", "content": [{"text": '{"temp":9}'}]}}]},
        ],
    },
    "response": {
        "output": {"message": {"role": "assistant", "content": [{"text": "Cold."}]}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 9, "outputTokens": 5},
    },
}


@pytest.mark.parametrize("pair", [GEMINI, CONVERSE], ids=["gemini", "converse"])
def test_bodies_of_gemini_and_bedrock_are_read(tmp_path, pair):
    """Parts that are named by their key: texts, images, tool calls and their results, with tokens and the reason."""
    path = tmp_path / "pairs.jsonl"
    path.write_text(json.dumps(pair) + "\n")
    (batch,) = ingest([str(path)])
    (call,) = batch.calls
    system, question, made, result = call.input
    assert (system.role, system.text, question.text) == ("system", "Be brief.", "Weather?")
    assert (question.parts[1].modality, question.parts[1].bytes, made.role) == ("image", 3, "assistant")
    assert (made.tool_calls[0].id, made.tool_calls[0].name) == ("1", "get")
    assert json.loads(made.tool_calls[0].arguments) == {"city": "Leiden"}
    assert (result.parts[0].id, result.parts[0].content) == ("1", '{"temp":9}')
    assert (call.reply, call.output[0].finish_reason) == ("Cold.", "stop")
    assert (call.usage.input, call.usage.output) == (9, 5)


def test_a_bedrock_invocation_log_is_a_call(tmp_path):
    """A logged Converse call has its messages, tools, tokens and session, and is one call however often it is logged."""
    row = {
        "schemaType": "ModelInvocationLog",
        "timestamp": "2026-10-01T00:00:00Z",
        "requestId": "q",
        "operation": "Converse",
        "modelId": "anthropic.claude-x",
        "requestMetadata": {"session_id": "s", "user_id": "u"},
        "input": {"inputBodyJson": CONVERSE["request"], "inputTokenCount": 9},
        "output": {"outputBodyJson": CONVERSE["response"], "outputTokenCount": 5},
    }
    events = [
        {"type": "message_start", "message": {"id": "msg_1", "type": "message", "role": "assistant", "content": []}},
        {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Co"}},
        {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "ld."}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
    ]
    streamed = {**row, "requestId": "p", "operation": "InvokeModelWithResponseStream"}
    streamed["output"] = {"outputBodyJson": events, "outputTokenCount": 5}
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in (row, row, streamed)))
    (batch,) = ingest([str(path)])
    assert len(batch.calls) == 2
    for call in batch.calls:
        assert (call.reply, call.output[0].finish_reason, call.usable) == ("Cold.", "stop", True)
        assert (call.session_id, call.user_id, call.usage.input, call.usage.output) == ("s", "u", 9, 5)
        assert (len(call.input), call.model_requested) == (4, "anthropic.claude-x")
