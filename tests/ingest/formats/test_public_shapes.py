"""Shapes that public exports and test suites hold: each gives the right messages, or a flag, and never a wrapper."""

import json
from collections import Counter

import pytest

from harness.ingest.stage import ingest
from tests.ingest.formats.test_call_cases import HELLO, HI, generation, only, otlp, read, said

ASKED = [{"role": "user", "content": "Hi"}]
CALL = ("assistant", ("c", "clock", {"zone": "CET"}))


def row(tmp_path, asked, answered, **fields):
    """A call as Braintrust logs it."""
    record = {"id": "r", "span_id": "s", "root_span_id": "s", "span_attributes": {"type": "llm", "name": "llm"}}
    times = {"metrics": {"start": 1785578400.0, "end": 1785578401.0}}
    path = tmp_path / "b.jsonl"
    path.write_text(json.dumps({**record, **times, "input": asked, "output": answered, **fields}))
    return path


# ------------------------------------------------------------ results of the AI SDK


@pytest.mark.parametrize(
    ("answered", "expected"),
    [
        ({"steps": [{"content": [{"type": "text", "text": "Hello"}], "finishReason": "stop"}]}, ["Hello"]),
        (
            {"text": "", "content": [{"type": "tool-call", "toolCallId": "c", "toolName": "clock", "input": {}}]}
            | {"finishReason": "tool-calls"},
            [("c", "clock", {})],
        ),
        (
            {"finishReason": "stop", "response": {"messages": [{"role": "assistant", "content": "Hello"}]}},
            ["Hello"],
        ),
        ({"object": {"n": 1}, "usage": {"inputTokens": 3}, "finishReason": "stop"}, ['{"n":1}']),
    ],
)
def test_a_result_of_the_ai_sdk_is_what_was_said_in_it(tmp_path, answered, expected):
    """Steps, a content list beside an empty text, messages of the response, an object."""
    call = only(row(tmp_path, ASKED, answered))
    assert said(call.output) == [("assistant", *expected)]
    assert "output_missing" not in call.flags


def test_what_tools_gave_back_between_steps_stays_beside_the_answer(tmp_path):
    first = [
        {"type": "tool-call", "toolCallId": "c", "toolName": "clock", "input": {"zone": "CET"}},
        {"type": "tool-result", "toolCallId": "c", "toolName": "clock", "output": {"type": "text", "value": "noon"}},
    ]
    steps = [
        {"content": first, "finishReason": "tool-calls"},
        {"content": [{"type": "text", "text": "Noon"}], "finishReason": "stop"},
    ]
    call = only(row(tmp_path, ASKED, {"steps": steps}))
    assert said(call.output) == [(*CALL, ("c", "noon"), "Noon")]
    assert call.output[0].finish_reason == "stop"


# ------------------------------------------------------------ who speaks


def test_items_of_another_speaker_in_an_output_are_no_answer(tmp_path):
    """A browser agent's output holds the user's snapshots: they are asked, and the last thing the model did is learnt."""
    items = [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Before"}]},
        {"type": "function_call", "name": "clock", "arguments": '{"zone": "CET"}', "call_id": "c"},
        {"type": "function_call_output", "call_id": "c", "output": "noon"},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "After"}]},
    ]
    call = only(row(tmp_path, None, items))
    assert (said(call.input), said(call.output)) == ([("user", "Before")], [CALL])


def test_a_tool_that_calls_is_the_assistant(tmp_path):
    """Koog writes the calls of a turn under the role tool, as JSON text."""
    calls = [{"id": "c", "type": "function", "function": {"name": "clock", "arguments": '{"zone": "CET"}'}}]
    asked = [*ASKED, {"role": "tool", "content": json.dumps(calls)}, {"role": "tool", "content": "noon"}]
    call = only(generation(tmp_path, asked, [{"role": "assistant", "content": json.dumps(calls)}]))
    assert said(call.input) == [*HI, CALL, ("tool", ("", "noon"))]
    assert said(call.output) == [CALL]


def test_a_role_that_names_a_called_tool_is_its_result(tmp_path):
    """LangChain.js writes the tool's name as role; the list, as JSON text, is a conversation all the same."""
    calls = [{"id": "c", "type": "function", "function": {"name": "clock", "arguments": '{"zone": "CET"}'}}]
    asked = [*ASKED, {"role": "assistant", "content": "", "tool_calls": calls}, {"role": "clock", "content": "noon"}]
    for form in (asked, json.dumps(asked)):
        call = only(generation(tmp_path, form, "Hello"))
        assert said(call.input) == [*HI, CALL, ("tool", ("c", "noon"))]
        assert said(call.output) == HELLO


@pytest.mark.parametrize("prefix", ["gen_ai.prompt.0", "llm.input_messages.0.message"])
def test_a_prompt_without_a_role_is_the_users(tmp_path, prefix):
    """Indexed attributes may leave the role out; what was asked is not the model's."""
    answer = {"gen_ai.completion.0.content": "Hello"}
    if prefix.startswith("llm"):
        answer = {"llm.output_messages.0.message.content": "Hello", "openinference.span.kind": "LLM"}
    call = only(otlp(tmp_path, ({f"{prefix}.content": "Hi", **answer}, {})))
    assert (said(call.input), said(call.output)) == (HI, HELLO)


def test_messages_without_a_kind_of_span_are_a_call(tmp_path):
    """OpenInference's names alone; counts of tokens alone are no call, and are counted as such."""
    told = {"llm.input_messages.0.message.role": "user", "llm.input_messages.0.message.content": "Hi"}
    told |= {"llm.output_messages.0.message.role": "assistant", "llm.output_messages.0.message.content": "Hello"}
    call = only(otlp(tmp_path, (told, {}), ({"llm.token_count.prompt": 5}, {})))
    assert (said(call.input), said(call.output)) == (HI, HELLO)


# ------------------------------------------------------------ values of tools


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"status": "ok", "n": 1}, '{"status":"ok","n":1}'),
        (6223, "6223"),
        ("plain", "plain"),
    ],
)
def test_a_result_that_is_a_value_is_the_result(tmp_path, content, expected):
    asked = [*ASKED, {"role": "tool", "tool_call_id": "c", "content": content}]
    assert said(only(generation(tmp_path, asked, "Hello")).input)[1] == ("tool", ("c", expected))


def test_the_agent_frameworks_record_of_a_result_is_opened(tmp_path):
    inner = json.dumps({"type": "function_result", "call_id": "c", "result": "noon"})
    asked = [{"role": "tool", "parts": [{"type": "tool_call_response", "id": "c", "response": inner}]}]
    assert said(only(generation(tmp_path, asked, "Hello")).input) == [("tool", ("c", "noon"))]


def test_a_list_of_calls_is_what_the_model_called(tmp_path):
    """The AI SDK's tool calls stand as the whole output, as a value or as text."""
    calls = [{"toolCallId": "c", "toolName": "clock", "input": '{"zone": "CET"}'}]
    for form in (calls, json.dumps(calls)):
        assert said(only(generation(tmp_path, ASKED, form)).output) == [CALL]


# ------------------------------------------------------------ Pydantic AI, Agno, Genkit


def test_pydantic_ai_without_kinds_is_read_by_its_parts(tmp_path):
    """A prompt of a picture and a text, a history, and a response inside the result of a run."""
    picture = {"type": "binary", "media_type": "image/png", "attachment": {"key": "k"}}
    parts = [{"part_kind": "user-prompt", "content": [picture, "What is it?"]}]
    call = only(row(tmp_path, {"messages": [{"parts": parts}]}, {"parts": [{"part_kind": "text", "content": "A cat"}]}))
    assert [type(part).__name__ for part in call.input[0].parts] == ["MediaPart", "TextPart"]
    assert said(call.output) == [("assistant", "A cat")]
    history = [{"kind": "request", "parts": [{"part_kind": "user-prompt", "content": "Hi"}]}]
    history += [{"kind": "response", "parts": [{"part_kind": "text", "content": "Hello"}]}]
    asked = {"user_prompt": "And now?", "message_history": history, "system_prompt": "Be kind."}
    answered = {"response": {"parts": [{"part_kind": "text", "content": "Bye"}]}}
    call = only(row(tmp_path, asked, answered))
    assert said(call.input) == [("system", "Be kind."), *HI, *HELLO, ("user", "And now?")]
    assert said(call.output) == [("assistant", "Bye")]


def test_a_generation_inside_a_generation_takes_what_is_better_read(tmp_path):
    """Agno's inner generation holds the conversation as lines and "None" where a tool was called; the outer one has both."""
    times = {"startTime": "2026-08-01T00:00:00Z", "endTime": "2026-08-01T00:00:01Z", "traceId": "t"}
    calls = [{"id": "c", "type": "function", "function": {"name": "clock", "arguments": '{"zone": "CET"}'}}]
    body = {
        "choices": [{"message": {"role": "assistant", "content": None, "tool_calls": calls}}],
        "object": "chat.completion",
    }
    prints = ["role='system' content='Be kind.' name=None metrics=M(n=0, of={'a': 1})", "role='user' content='Hi' at=1"]
    outer = {"id": "o", "type": "GENERATION", "input": {"messages": prints}, "output": body, **times}
    inner = {
        "id": "i",
        "type": "GENERATION",
        "parentObservationId": "o",
        "input": "system: Be kind.\nuser: Hi",
        **times,
    }
    inner |= {"output": "None", "usageDetails": {"input": 20, "output": 18}}
    path = tmp_path / "o.json"
    path.write_text(json.dumps({"trace": {"id": "t"}, "observations": [outer, inner]}))
    call = only(path)
    assert (said(call.input), said(call.output)) == ([("system", "Be kind."), *HI], [CALL])
    assert call.usable


@pytest.mark.parametrize(
    ("asked", "answered", "tokens", "flag"),
    [
        ("developer: Be kind.\nuser: Hi", "Hello", 2, "envelope"),
        ("Hi", "None", 18, "placeholder"),
        ("Hi", "undefined", 30, "placeholder"),
        ("Hi", "content='Hello' additional_kwargs={} id='run-1'", 2, "envelope"),
    ],
)
def test_prints_that_cannot_be_read_are_flagged(tmp_path, asked, answered, tokens, flag):
    call = only(generation(tmp_path, asked, answered, usageDetails={"input": 3, "output": tokens}))
    assert (call.flags, call.usable) == ((flag,), False)


@pytest.mark.parametrize(
    ("asked", "answered", "tokens"),
    [("Which risks? Say None where there is none.", "None", 1), ("user: a\nassistant: b\nSum it up.", "A talk", 2)],
)
def test_an_answer_of_that_length_and_a_quoted_talk_pass(tmp_path, asked, answered, tokens):
    call = only(generation(tmp_path, asked, answered, usageDetails={"input": 3, "output": tokens}))
    assert (said(call.output), call.usable) == ([("assistant", answered)], True)


def test_genkit_models_are_calls_and_its_other_actions_are_none(tmp_path):
    request = {
        "messages": [
            {"role": "system", "content": [{"text": "Be kind."}]},
            {"role": "user", "content": [{"text": "Hi"}]},
            {"role": "model", "content": [{"toolRequest": {"ref": "c", "name": "clock", "input": {"zone": "CET"}}}]},
            {"role": "tool", "content": [{"toolResponse": {"ref": "c", "name": "clock", "output": "noon"}}]},
        ],
        "config": {"temperature": 0.5},
    }
    response = {
        "message": {"role": "model", "content": [{"reasoning": "Hm."}, {"text": "Noon"}]},
        "finishReason": "stop",
    }
    response["usage"] = {"inputTokens": 9, "outputTokens": 4}
    model = {"genkit:type": "action", "genkit:metadata:subtype": "model", "genkit:name": "googleai/gemini"}
    model |= {"genkit:input": request, "genkit:output": response}
    flow = {"genkit:type": "flow", "genkit:name": "chat", "genkit:input": "Hi", "genkit:output": "Noon"}
    call = only(otlp(tmp_path, (model, {}), (flow, {})))
    assert said(call.input) == [("system", "Be kind."), *HI, CALL, ("tool", ("c", "noon"))]
    assert said(call.output) == [("assistant", ("thought", "Hm."), "Noon")]
    assert (call.model_requested, call.provider, call.params) == ("gemini", "googleai", {"temperature": 0.5})
    assert (call.usage.input, call.usage.output, call.output[0].finish_reason) == (9, 4, "stop")


# ------------------------------------------------------------ containers


def test_a_span_that_javascript_wrote_as_json_is_read(tmp_path):
    """`JSON.stringify` of a span of the SDK: ids in `spanContext`, times as pairs."""
    held = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
    held |= {"gen_ai.input.messages": json.dumps([{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}])}
    held |= {
        "gen_ai.output.messages": json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": "Hello"}]}])
    }
    span = {"name": "chat m", "kind": 2, "spanContext": {"traceId": "a" * 32, "spanId": "b" * 16}, "attributes": held}
    span |= {"startTime": [1785578400, 5], "endTime": [1785578401, 5], "status": {"code": 0}, "events": []}
    path = tmp_path / "js.json"
    path.write_text(json.dumps([span]))
    call = only(path)
    assert (said(call.input), said(call.output)) == (HI, HELLO)
    assert (call.trace_id, call.start_ns, call.end_ns) == ("a" * 32, 1785578400000000005, 1785578401000000005)


def test_a_message_that_was_saved_while_it_grew_is_one(tmp_path):
    """The states of one message of the AI SDK's interface, as an application wrote them down, are one answer."""
    asked = {"id": "u", "role": "user", "parts": [{"type": "text", "text": "Hi"}]}
    grown = [{"id": "m", "role": "assistant", "parts": [{"type": "text", "text": text}]} for text in ("He", "Hello")]
    path = tmp_path / "chat.jsonl"
    path.write_text("\n".join(map(json.dumps, [asked, *grown])))
    (call,), _ = read(path)
    assert (said(call.input), said(call.output)) == (HI, HELLO)


# ------------------------------------------------------------ feedback that spans carry


def test_an_annotation_span_of_logfire_is_feedback_on_the_span_above(tmp_path):
    """The value stands under the name itself; the span is no call, and its feedback is counted."""
    told = {"logfire.feedback.name": "factuality", "factuality": "wrong", "logfire.feedback.comment": "It is noon."}
    asked = {"gen_ai.operation.name": "chat", "gen_ai.input.messages": [{"role": "user", "content": "Hi"}]}
    (call,), (feedback,) = read(otlp(tmp_path, (asked, {}), (told, {"parentSpanId": f"{1:016x}"})))
    assert (feedback.call_id, feedback.name, feedback.label) == (call.id, "factuality", "wrong")
    assert (feedback.value, feedback.comment) == (None, "It is noon.")


def test_annotations_of_openinference_on_a_span_are_feedback(tmp_path):
    """On the span, its trace and its session, as annotations or evaluations."""
    held = {"openinference.span.kind": "LLM", "session.id": "s", "llm.input_messages.0.message.content": "Hi"}
    own = {"name": "correctness", "score": 0, "label": "wrong", "annotator_kind": "HUMAN", "explanation": "No."}
    held |= {f"annotations.0.annotation.{key}": value for key, value in own.items()}
    held |= {"trace.evaluations.0.evaluation.name": "toxicity", "trace.evaluations.0.evaluation.score": 1}
    held |= {"session.annotations.0.annotation.name": "csat", "session.annotations.0.annotation.score": 5}
    (call,), feedback = read(otlp(tmp_path, (held, {})))
    by_name = {record.name: record for record in feedback}
    first = by_name["correctness"]
    assert (first.call_id, first.value, first.label, first.source_kind) == (call.id, 0, "wrong", "human")
    assert (by_name["toxicity"].trace_id, by_name["toxicity"].span_id) == (call.trace_id, "")
    assert (by_name["csat"].trace_id, by_name["csat"].session_id) == ("", "s")


def test_a_batch_for_langfuse_is_a_trace_with_its_updates_and_scores(tmp_path):
    """Creations and updates are one observation and one trace; a score is feedback on the answer; every event is counted."""
    at = {"timestamp": "2026-08-01T00:00:00Z"}
    bodies = [
        ("trace-create", {"id": "t", "userId": "u", "sessionId": "s"}),
        ("generation-create", {"id": "g", "traceId": "t", "startTime": at["timestamp"], "input": ASKED, "model": "m"}),
        ("generation-update", {"id": "g", "traceId": "t", "endTime": "2026-08-01T00:00:01Z", "output": "Hello"}),
        ("trace-create", {"id": "t", "output": "Hello"}),
        (
            "generation-create",
            {"id": "w", "traceId": "t", "input": "a.wav", "output": "Four score", "model": "whisper-1"},
        ),
        ("score-create", {"id": "c", "traceId": "t", "name": "toxicity", "value": 0.9, "dataType": "NUMERIC"}),
    ]
    path = tmp_path / "batch.json"
    batch = [{"id": str(number), "type": kind, "body": body, **at} for number, (kind, body) in enumerate(bodies)]
    path.write_text(json.dumps({"batch": batch, "metadata": {"sdk_name": "python"}}))
    (call,), (feedback,) = read(path)
    assert (said(call.input), said(call.output), call.end_ns - call.start_ns) == (HI, HELLO, 10**9)
    assert (call.session_id, call.user_id) == ("s", "u")
    assert (feedback.trace_id, feedback.name, feedback.value) == ("t", "toxicity", 0.9)
    counts = sum((Counter(part.counts) for part in ingest([str(path)], workers=1)), Counter())
    assert (counts["read"], counts["other:speech"], counts["other:part of a row"]) == (6, 1, 2)


@pytest.mark.parametrize(
    "model", ["text-embedding-3-small", "whisper-1", "dall-e-3", "rerank-v3.5", "omni-moderation-latest"]
)
def test_a_model_that_writes_no_answer_makes_no_call(tmp_path, model):
    """Whatever the producer calls the observation."""
    assert read(generation(tmp_path, "Hi", "[0.1]", model=model)) == ([], [])


@pytest.mark.parametrize(
    "told",
    [
        {"input": json.dumps(ASKED), "output": "Hello", "system": "Be kind."},
        {"gen_ai.request.messages": json.dumps(ASKED), "gen_ai.response.text": '["Hel", "lo"]', "system": "Be kind."},
    ],
)
def test_names_beside_the_conventions_are_read(tmp_path, told):
    """Pipecat's bare names and Sentry's; a model's call with content is never without it."""
    call = only(otlp(tmp_path, ({"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", **told}, {})))
    assert (said(call.input), said(call.output)) == ([("system", "Be kind."), *HI], HELLO)


def test_tool_calls_under_sentrys_name_are_read(tmp_path):
    calls = [{"id": "c", "name": "clock", "arguments": '{"zone": "CET"}'}]
    told = {"gen_ai.request.messages": json.dumps(ASKED), "gen_ai.response.tool_calls": json.dumps(calls)}
    call = only(otlp(tmp_path, ({"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", **told}, {})))
    assert said(call.output) == [CALL]


@pytest.mark.parametrize(
    "name", ["files.create", "batches.create", "fine_tuning.jobs.create", "list_models", "handoff"]
)
def test_managing_a_provider_is_no_call(tmp_path, name):
    told = {"gen_ai.operation.name": name, "gen_ai.request.model": "m", "gen_ai.system": "openai"}
    assert read(otlp(tmp_path, (told, {}))) == ([], [])


def test_content_beside_a_stop_reason_is_anthropics(tmp_path):
    """A body without its role and type is no result of the AI SDK: its own reason stays."""
    body = {"content": [{"type": "text", "text": "Hello"}], "stop_reason": "end_turn", "usage": {"input_tokens": 3}}
    (answer,) = only(row(tmp_path, ASKED, body)).output
    assert (said([answer]), answer.finish_reason) == (HELLO, "stop")
