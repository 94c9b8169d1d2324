"""Row formats that no real export was at hand for, by rows built to their owners' schemas."""

import json

import pytest

from harness.errors import UsageError
from harness.stages.ingest import ingest, link

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
    with pytest.raises(UsageError, match="no such column"):
        list(ingest([str(path)], format="table", options={"columns": {"inptu": "question"}}))
