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


def invocation(state="result", **more):
    made = {"toolCallId": "c1", "toolName": "getWeather", "args": {"city": "Bonn"}, "step": 0, "state": state}
    return {**made, **({"result": {"t": 7}} if state == "result" else {}), **more}


PARTS_4 = [
    {"type": "step-start"},
    {
        "type": "reasoning",
        "reasoning": "Look it up.",
        "details": [{"type": "text", "text": "Look it up.", "signature": "s"}],
    },
    {"type": "tool-invocation", "toolInvocation": invocation()},
    {"type": "step-start"},
    {"type": "text", "text": "7 degrees."},
    {"type": "source", "source": {"sourceType": "url", "id": "s1", "url": "https://weather.example"}},
]
ASKED_4 = {"id": "m1", "role": "user", "content": "How warm is it in Bonn?"}
ANSWERED_4 = {"id": "m2", "role": "assistant", "content": "7 degrees.", "reasoning": "Look it up."}
ANSWERED_4 |= {"toolInvocations": [invocation()]}


def steps_of_version_4(calls):
    """Two steps: thought and call, then the text; no source among what was said."""
    by_id = {call.id: call for call in calls}
    assert sorted(by_id) == ["m2", "m2:1"]
    called = ("assistant", ("thought", "Look it up."), ("c1", "getWeather", {"city": "Bonn"}))
    assert said(by_id["m2:1"].output) == [called]
    assert said(by_id["m2"].input) == [("user", "How warm is it in Bonn?"), called, RESULT]
    assert said(by_id["m2"].output) == [("assistant", "7 degrees.")]
    return by_id


def test_messages_of_version_4_are_read_with_parts_and_without(tmp_path):
    """As a chat and one by one; before 4.2 the calls are beside the text, with the number of their step."""
    asked = {**ASKED_4, "parts": [{"type": "text", "text": ASKED_4["content"]}]}
    newer = {**ANSWERED_4, "parts": PARTS_4}
    chat = saved(tmp_path, {"id": "chat1", "messages": [asked, newer]})
    by_id = steps_of_version_4(read(chat)[0])
    assert by_id["m2:1"].output[0].parts[0].signature == "s"
    steps_of_version_4(read(saved(tmp_path, asked, newer, name="lines.jsonl"))[0])
    older = saved(tmp_path, {"id": "chat1", "messages": [ASKED_4, ANSWERED_4]}, name="older.json")
    steps_of_version_4(read(older)[0])
    for path in (chat, older):
        totals, fates = balance([path])
        assert totals["read"] == fates


def test_a_call_of_version_4_without_a_result_follows_the_text(tmp_path):
    """The model said something, then called; the user's images are beside the text."""
    image = {"name": "a.png", "contentType": "image/png", "url": "https://files.example/a.png"}
    asked = {**ASKED_4, "experimental_attachments": [image]}
    waiting = {**ANSWERED_4, "content": "Let me look.", "toolInvocations": [invocation("call")]}
    (call,) = read(saved(tmp_path, {"id": "chat1", "messages": [asked, waiting]}))[0]
    assert said(call.output) == [
        ("assistant", ("thought", "Look it up."), "Let me look.", ("c1", "getWeather", {"city": "Bonn"}))
    ]
    assert call.input[0].text == ASKED_4["content"] and call.input[0].parts[1].uri == image["url"]


def test_a_tool_keeps_the_spelling_of_its_name(tmp_path):
    """The type of a part holds it."""
    tool = {**TOOL, "type": "tool-getWeather_byCity"}
    (call, *_) = read(saved(tmp_path, {"id": "c", "messages": [CHAT[1], ui("m2", "assistant", tool)]}))[0]
    assert call.output[0].tool_calls[0].name == "getWeather_byCity"
