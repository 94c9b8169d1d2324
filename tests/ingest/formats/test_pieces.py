"""Rows that come in pieces, over several files or in the wrong order, are one call with its feedback."""

import csv
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.ingest.stage import ingest, link

MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
CHOICES = [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}]
COMPLETION = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "model": "m-1",
    "choices": CHOICES,
    "usage": {"prompt_tokens": 9, "completion_tokens": 2},
}
START, END = "2026-10-01T00:00:00.000Z", "2026-10-01T00:00:01.000Z"


def table(*rows):
    """Rows as CSV; lists and maps as JSON text."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    for row in rows:
        writer.writerow({k: json.dumps(v) if isinstance(v, (dict, list)) else v for k, v in row.items()})
    return out.getvalue()


def parquet(row):
    out = io.BytesIO()
    flat = {k: json.dumps(v) if isinstance(v, (dict, list)) else v for k, v in row.items()}
    pq.write_table(pa.Table.from_pylist([flat]), out)
    return out.getvalue()


def lines(*rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def camel(row):
    return {k.split("_")[0] + "".join(part.title() for part in k.split("_")[1:]): v for k, v in row.items()}


def page(*rows):
    return json.dumps({"data": rows, "meta": {"page": 1}})


GENERATION = {
    "id": "g",
    "trace_id": "t",
    "type": "GENERATION",
    "start_time": START,
    "end_time": END,
    "input": json.dumps(MESSAGES),
    "output": json.dumps({"role": "assistant", "content": "Hello"}),
    "provided_model_name": "m-1",
    "usage_details": {"input": 4, "input_cached_tokens": 5, "output": 2},
}
TRACE = {"id": "t", "timestamp": START, "name": "handle", "user_id": "u", "session_id": "s", "tags": ["a"]}
SCORE = {
    "id": "c",
    "timestamp": END,
    "trace_id": "t",
    "name": "thumb",
    "value": 0,
    "data_type": "BOOLEAN",
    "source": "API",
}
LATEST = {"name": "thumb", "dataType": "NUMERIC", "value": 0, "source": "API", "subject": {"kind": "trace", "id": "t"}}

RUN_ID = "11111111-1111-4111-8111-111111111111"
ORDER = f"20261001T000000000000Z{RUN_ID}"
EXTRA = {"metadata": {"thread_id": "s", "user_id": "u", "ls_model_name": "m-1"}}
POST = {"id": RUN_ID, "trace_id": RUN_ID, "dotted_order": ORDER, "run_type": "llm", "start_time": START, "extra": EXTRA}
POST |= {"inputs": {"messages": MESSAGES}}
PATCH = {"trace_id": RUN_ID, "dotted_order": ORDER, "end_time": END, "outputs": COMPLETION}
THUMB = {
    "id": "f",
    "run_id": RUN_ID,
    "trace_id": RUN_ID,
    "key": "thumb",
    "score": 0,
    "feedback_source": {"type": "app"},
}


def message(kind, text, **more):
    return {"lc": 1, "type": "constructor", "id": ["langchain", "schema", kind], "kwargs": {"content": text, **more}}


USED = {"usage_metadata": {"input_tokens": 9, "output_tokens": 2}, "response_metadata": {"model_name": "m-1"}}
SAID = [{"text": "Hello", "message": message("AIMessage", "Hello", **USED)}]
LANGCHAIN = POST | {
    "end_time": END,
    "inputs": {"messages": [[message("SystemMessage", "Be brief."), message("HumanMessage", "Hi")]]},
    "outputs": {"generations": [SAID]},
}


def multipart(**parts):
    head = '--xyz\r\nContent-Disposition: form-data; name="{}"\r\nContent-Type: application/json\r\n\r\n{}\r\n'
    return (
        "".join(head.format(name.replace("__", "."), json.dumps(value)) for name, value in parts.items())
        + "--xyz--\r\n"
    )


SPENT = {
    "request_id": "chatcmpl-1",
    "call_type": "acompletion",
    "spend": 0.1,
    "prompt_tokens": 9,
    "completion_tokens": 2,
    "startTime": "2026-10-01 00:00:00.000000",
    "endTime": "2026-10-01 00:00:01.000000",
    "completionStartTime": "None",
    "model": "m-1",
    "session_id": "s",
    "end_user": "u",
    "messages": json.dumps(MESSAGES),
    "response": json.dumps(COMPLETION),
}
LOGGED = {"id": "b", "span_id": "p", "root_span_id": "p", "span_attributes": {"type": "llm"}, "input": MESSAGES}
LOGGED |= {"metadata": {"model": "m-1", "session_id": "s", "user_id": "u"}, "metrics": {"start": 1790812800.0}}
MERGED = {"id": "b", "span_id": "p", "root_span_id": "p", "log_id": "g", "project_id": "x", "_is_merge": True}
MERGED |= {"output": CHOICES, "metrics": {"end": 1790812801.0, "prompt_tokens": 9, "completion_tokens": 2}}
REVIEW = {
    "id": "b",
    "log_id": "g",
    "project_id": "x",
    "_is_merge": True,
    "scores": {"thumb": 0},
    "expected": "Good day",
}
OP = "weave:///e/p/op/openai.chat.completions.create:abc"
BEGUN = {"id": "w", "project_id": "e/p", "trace_id": "t", "op_name": OP, "started_at": START, "thread_id": "s"}
BEGUN |= {"wb_user_id": "u", "inputs": {"model": "m-1", "messages": MESSAGES}}
ENDED = {"id": "w", "project_id": "e/p", "ended_at": END, "output": COMPLETION, "summary": {}}
EMOJI = {"weave_ref": "weave:///e/p/call/w", "feedback_type": "wandb.reaction.1", "payload": {"emoji": "👎"}}
FLAT = {name: BEGUN[name] for name in ("id", "trace_id", "op_name", "started_at", "thread_id", "wb_user_id")}
FLAT |= {"ended_at": END, "inputs.model": "m-1", "inputs.messages": MESSAGES, "output.choices": CHOICES}
FLAT |= {"output.model": "m-1", "output.usage.prompt_tokens": "9", "output.usage.completion_tokens": "2"}
STORED = COMPLETION | {"metadata": {"session_id": "s", "user_id": "u"}}
ASKED = [{**said, "id": f"chatcmpl-1-{number}"} for number, said in enumerate(MESSAGES)]

CASES = {
    "Langfuse blob storage": [lines(SCORE), lines(GENERATION, GENERATION), lines(TRACE)],
    "Langfuse blob storage as CSV": [table(SCORE), table(GENERATION), table(TRACE)],
    "Langfuse API pages": [page(camel(TRACE)), page(camel(SCORE)), page(camel(GENERATION))],
    "Langfuse API, scores v3": [page(LATEST), page(camel(TRACE)), page(camel(GENERATION))],
    "Langfuse API, one trace": [
        json.dumps(camel(TRACE) | {"observations": [camel(GENERATION)], "scores": [camel(SCORE)]})
    ],
    "LangSmith batch": [json.dumps({"post": [POST], "patch": [PATCH]}), lines(THUMB)],
    "LangSmith batches, update first": [lines({"patch": [PATCH]}, {"post": [POST]}), lines(THUMB)],
    "LangSmith multipart": [
        multipart(
            **{
                f"post__{RUN_ID}": {k: v for k, v in POST.items() if k != "inputs"},
                f"post__{RUN_ID}__inputs": POST["inputs"],
                f"patch__{RUN_ID}": {"id": RUN_ID, **PATCH},
                "feedback__f": THUMB,
            }
        )
    ],
    "LangSmith bulk export": [parquet(POST | PATCH), lines(THUMB)],
    "LangSmith of LangChain": [lines(LANGCHAIN), lines(THUMB)],
    "LiteLLM spend log": [lines(SPENT), lines(SPENT)],
    "Braintrust SDK rows": [lines(REVIEW, MERGED, LOGGED)],
    "Braintrust API": [json.dumps({"events": [LOGGED, MERGED]}), json.dumps({"rows": [REVIEW]})],
    "Weave start and end": [lines({"end": ENDED}), lines({"start": BEGUN}), lines(EMOJI)],
    "Weave CSV": [table(FLAT), lines(EMOJI)],
    "OpenAI stored completions": [
        json.dumps({"object": "list", "data": ASKED[::-1]}),
        json.dumps({"object": "list", "data": [STORED]}),
    ],
}


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("name", CASES)
def test_pieces_of_a_call_are_joined_in_any_order(tmp_path, name, order):
    """One whole call with model, tokens, session, user and times, whatever piece comes first; a thumb finds it."""
    for number, content in enumerate(CASES[name][::order]):
        path = tmp_path / f"{number}.bin"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    (batch,) = ingest([str(tmp_path)])
    assert not batch.quarantined
    (call,) = batch.calls
    assert ([said.role for said in call.input], call.reply, call.usable) == (["system", "user"], "Hello", True)
    assert (call.session_id, call.user_id, call.usage.input, call.usage.output) == ("s", "u", 9, 2)
    assert "m-1" in (call.model_served, call.model_requested)
    if "OpenAI" not in name:
        assert call.seconds == 1
    if "LiteLLM" not in name and "OpenAI" not in name:
        (thumb,) = link(batch.calls, batch.feedback)
        assert thumb.call_id == call.id


def test_an_answer_that_is_json_stays_the_text_it_was(tmp_path):
    """A JSON answer, tool arguments and a tool's JSON result keep their spelling in a Parquet cell as in JSON lines."""
    answer = '{"date":  "Friday"}'
    row = GENERATION | {"output": json.dumps({"role": "assistant", "content": answer})}
    (tmp_path / "x.parquet").write_bytes(parquet(row))
    (batch,) = ingest([str(tmp_path)])
    assert batch.calls[0].reply == answer
