"""Chats, streams and votes of interfaces on the AI SDK give a call for each step of the model."""

import json

from harness.ingest.formats._guard import problem
from tests.ingest.formats.test_call_cases import read, said
from tests.ingest.test_balance import balance

TOOL = {
    "type": "tool-weather",
    "toolCallId": "c1",
    "state": "output-available",
    "input": {"city": "Bonn"},
    "output": {"t": 7},
}


def text(words):
    return {"type": "text", "text": words, "state": "done"}


def ui(id, role, *parts, **metadata):
    return {"id": id, "role": role, "parts": list(parts), **({"metadata": metadata} if metadata else {})}


CHAT = [
    ui("m0", "system", text("Be brief.")),
    ui("m1", "user", text("How warm is it in Bonn?"), createdAt="2026-10-01T08:00:00Z"),
    ui(
        "m2",
        "assistant",
        {"type": "step-start"},
        {"type": "reasoning", "text": "Look it up."},
        TOOL,
        {"type": "step-start"},
        text("7 degrees."),
        model="gpt-x",
        finishReason="stop",
        createdAt="2026-10-01T08:00:04Z",
    ),
    ui("m3", "user", text("Thanks")),
    ui("m4", "assistant", text("Any time."), usage={"inputTokens": 30, "outputTokens": 3}),
]
BEFORE = [("system", "Be brief."), ("user", "How warm is it in Bonn?")]
CALL = ("assistant", ("c1", "weather", {"city": "Bonn"}))
RESULT = ("tool", ("c1", '{"t":7}'))


def saved(tmp_path, *rows, name="chat.json"):
    path = tmp_path / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def checked(calls):
    """The calls by id; what is expected of the chat above."""
    by_id = {call.id: call for call in calls}
    assert sorted(by_id) == ["m2", "m2:1", "m4"]
    assert said(by_id["m2:1"].input) == BEFORE
    assert said(by_id["m2:1"].output) == [("assistant", ("thought", "Look it up."), CALL[1])]
    assert said(by_id["m2"].output) == [("assistant", "7 degrees.")]
    assert [line[0] for line in said(by_id["m2"].input)] == ["system", "user", "assistant", "tool"]
    assert said(by_id["m4"].input)[-2:] == [("assistant", "7 degrees."), ("user", "Thanks")]
    return by_id


def test_a_chat_is_a_call_for_each_step(tmp_path):
    """Tool results go between the steps; metadata tells model, times, tokens and why it ended."""
    path = saved(tmp_path, {"id": "chat1", "userId": "ann", "messages": CHAT})
    by_id = checked(read(path)[0])
    first, second, last = by_id["m2:1"], by_id["m2"], by_id["m4"]
    assert (first.session_id, first.user_id, first.output[0].finish_reason) == ("chat1", "ann", "tool_calls")
    assert (second.model_served, second.seconds, second.output[0].finish_reason) == ("gpt-x", 4.0, "stop")
    assert (last.usage.input, last.usage.output, last.response_id) == (30, 3, "m4")
    assert all(call.usable for call in by_id.values())
    totals, fates = balance([path])
    assert totals["read"] == fates


def test_a_chat_that_was_saved_twice_gives_its_calls_once(tmp_path):
    """The longer copy knows most; the shorter one repeats."""
    path = saved(tmp_path, {"id": "chat1", "messages": CHAT[:3]}, {"id": "chat1", "messages": CHAT})
    assert sorted(call.id for call in read(path)[0]) == ["m2", "m2:1", "m4"]
    totals, fates = balance([path])
    assert totals["read"] == fates and totals["repeated_calls"] == 2


def test_a_bare_list_of_messages_is_one_chat(tmp_path):
    path = tmp_path / "messages.json"
    path.write_text(json.dumps(CHAT))
    by_id = checked(read(path)[0])
    assert {call.session_id for call in by_id.values()} == {"m0"}
    totals, fates = balance([path])
    assert totals["read"] == fates


CHUNKS = [
    {"type": "start", "messageId": "m2", "messageMetadata": {"model": "gpt-x"}},
    {"type": "start-step"},
    {"type": "reasoning-start", "id": "r"},
    {"type": "reasoning-delta", "id": "r", "delta": "Look "},
    {"type": "reasoning-delta", "id": "r", "delta": "it up."},
    {"type": "reasoning-end", "id": "r"},
    {"type": "tool-input-start", "toolCallId": "c1", "toolName": "weather"},
    {"type": "tool-input-delta", "toolCallId": "c1", "inputTextDelta": '{"city":'},
    {"type": "tool-input-available", "toolCallId": "c1", "toolName": "weather", "input": {"city": "Bonn"}},
    {"type": "tool-output-available", "toolCallId": "c1", "output": {"t": 7}},
    {"type": "finish-step"},
    {"type": "start-step"},
    {"type": "text-start", "id": "t"},
    {"type": "text-delta", "id": "t", "delta": "7 "},
    {"type": "text-delta", "id": "t", "delta": "degrees."},
    {"type": "text-end", "id": "t"},
    {"type": "finish-step"},
    {"type": "finish", "finishReason": "stop"},
]


def events(chunks):
    return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"


def test_a_recorded_stream_beside_its_messages_is_put_together(tmp_path):
    """The chunks of each part become that part; the answer is the messages' next."""
    path = saved(tmp_path, {"id": "chat1", "messages": CHAT[:2], "stream": events(CHUNKS)})
    calls = {call.id: call for call in read(path)[0]}
    assert said(calls["m2:1"].output) == [("assistant", ("thought", "Look it up."), CALL[1])]
    assert said(calls["m2"].output) == [("assistant", "7 degrees.")] and calls["m2"].usable
    assert said(calls["m2"].input)[:2] == BEFORE and calls["m2"].model_served == "gpt-x"


DATA_STREAM = """f:{"messageId":"m2"}
g:"Look "
g:"it up."
b:{"toolCallId":"c1","toolName":"weather"}
c:{"toolCallId":"c1","argsTextDelta":"{\\"city\\":"}
9:{"toolCallId":"c1","toolName":"weather","args":{"city":"Bonn"}}
a:{"toolCallId":"c1","result":{"t":7}}
e:{"finishReason":"tool-calls","usage":{"promptTokens":9,"completionTokens":4},"isContinued":false}
f:{"messageId":"m3"}
0:"7 "
2:[{"note":"of the application"}]
0:"degrees."
e:{"finishReason":"stop","usage":{"promptTokens":20,"completionTokens":5},"isContinued":false}
d:{"finishReason":"stop","usage":{"promptTokens":29,"completionTokens":9}}
"""


def test_a_data_stream_of_ai_sdk_4_is_put_together(tmp_path):
    """The lines of the older protocol give the same steps, also beside messages that are plain chat."""
    asked = [{"role": "user", "content": "How warm is it in Bonn?"}]
    path = saved(tmp_path, {"id": "chat1", "messages": asked, "response": DATA_STREAM})
    calls = {call.id: call for call in read(path)[0]}
    assert said(calls["m2:1"].output) == [("assistant", ("thought", "Look it up."), CALL[1])]
    assert said(calls["m2"].output) == [("assistant", "7 degrees.")] and calls["m2"].usable
    assert calls["m2"].output[0].finish_reason == "stop"
    assert said(calls["m2"].input)[0] == ("user", "How warm is it in Bonn?")


def test_a_data_stream_that_broke_off_or_stands_for_an_answer_is_marked(tmp_path):
    asked = [{"role": "user", "content": "How warm is it in Bonn?"}]
    cut = DATA_STREAM[: DATA_STREAM.index('0:"degrees') + 5]
    calls = {call.id: call for call in read(saved(tmp_path, {"id": "a", "messages": asked, "stream": cut}))[0]}
    assert calls["m2"].flags == ("partial_stream",)
    assert problem(DATA_STREAM) == problem(cut) == "envelope" and not problem('0:"zero"')


def test_chunks_alone_have_an_answer_and_no_question(tmp_path):
    path = saved(tmp_path, *CHUNKS)
    calls = {call.id: call for call in read(path)[0]}
    assert said(calls["m2"].output) == [("assistant", "7 degrees.")]
    assert "input_missing" in calls["m2:1"].flags
    totals, fates = balance([path])
    assert totals["read"] == fates


def test_a_stream_recorded_as_a_file_is_read_as_its_chunks(tmp_path):
    """Server-sent events, with comments, names and ids of events between them; a broken line costs no other."""
    path = tmp_path / "chat.sse"
    path.write_text(": ping\n\nevent: chunk\nid: 7\n" + events(CHUNKS) + "data: {broken\n\n", encoding="utf-8")
    by_id = {call.id: call for call in read(path)[0]}
    assert said(by_id["m2"].output) == [("assistant", "7 degrees.")]
    assert said(by_id["m2:1"].output) == [("assistant", ("thought", "Look it up."), CALL[1])]
    totals, fates = balance([path])
    assert totals["read"] == fates == len(CHUNKS) + 1


def test_a_stream_that_broke_off_or_failed_is_marked(tmp_path):
    broken = saved(tmp_path, {"id": "a", "messages": CHAT[:2], "stream": events(CHUNKS[:-4])})
    calls = {call.id: call for call in read(broken)[0]}
    assert calls["m2"].flags == ("partial_stream",) and calls["m2:1"].usable is True
    failed = [CHUNKS[0], {"type": "error", "errorText": "overloaded"}]
    (call,), _ = read(saved(tmp_path, {"id": "b", "messages": CHAT[:2], "stream": events(failed)}, name="b.json"))
    assert (call.error.message, call.usable) == ("overloaded", False)


def test_votes_find_the_answer_they_are_about(tmp_path):
    votes = [
        {"chatId": "chat1", "messageId": "m4", "isUpvoted": False},
        {"chatId": "chat1", "messageId": "m2", "isUpvoted": True},
    ]
    _, feedback = read(saved(tmp_path, {"id": "chat1", "messages": CHAT}), saved(tmp_path, *votes, name="votes.jsonl"))
    assert sorted((item.response_id, item.value) for item in feedback) == [("m2", 1.0), ("m4", 0.0)]


def test_chat_files_for_fine_tuning_are_not_taken(tmp_path):
    """Messages with content and no parts stay those of the plain chat format."""
    row = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
    (call,), _ = read(saved(tmp_path, row))
    assert call.source.format == "openai_chat"
