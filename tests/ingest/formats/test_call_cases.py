"""Small inputs, each an example of a kind of mistake in reading calls, give the right value."""

import json
from pathlib import Path

import pytest

from harness.ingest.stage import ingest
from harness.types import ReasoningPart, TextPart, ToolCallPart, ToolResultPart

CASES = Path(__file__).parents[2] / "fixtures" / "cases" / "calls"
IDS = {"traceId": "a" * 31 + "1", "startTimeUnixNano": "1785578400000000000", "endTimeUnixNano": "1785578401000000000"}


def read(*paths):
    batches = list(ingest([str(path) for path in paths], options={"redact": False}))
    calls = [call for batch in batches for call in batch.calls]
    return sorted(calls, key=lambda call: (call.start_ns, call.id)), [
        said for batch in batches for said in batch.feedback
    ]


def plain(part):
    match part:
        case TextPart(text=text):
            return text
        case ToolCallPart(id=id, name=name, arguments=arguments):
            return (id, name, json.loads(arguments))
        case ToolResultPart(id=id, content=content):
            return (id, content)
        case ReasoningPart(text=text):
            return ("thought", text)
    return ("other", part)


def said(messages):
    return [(message.role, *map(plain, message.parts)) for message in messages]


def only(*paths):
    (call,), _ = read(*paths)
    return call


def value(raw):
    if isinstance(raw, int):
        return {"intValue": str(raw)}
    return {"stringValue": raw if isinstance(raw, str) else json.dumps(raw)}


def otlp(tmp_path, *spans):
    """An export of spans, each given as (attributes, fields); ids count from 1."""
    made = []
    for number, (held, fields) in enumerate(spans, 1):
        scope = {"name": fields.pop("scope", "lib")}
        attributes = [{"key": name, "value": value(raw)} for name, raw in held.items()]
        span = {**IDS, "spanId": f"{number:016x}", "name": "s", "kind": 3, "attributes": attributes, **fields}
        made.append({"scopeSpans": [{"scope": scope, "spans": [span]}]})
    path = tmp_path / "t.json"
    path.write_text(json.dumps({"resourceSpans": made}))
    return path


def generation(tmp_path, asked, answered, **row):
    """A Langfuse generation with such an input and output."""
    path = tmp_path / "g.json"
    times = {"startTime": "2026-08-01T00:00:00Z", "endTime": "2026-08-01T00:00:01Z"}
    row = {"id": "o", "traceId": "t", "type": "GENERATION", "input": asked, "output": answered, **times, **row}
    path.write_text(json.dumps(row))
    return path


HI = [("user", "Hi")]
HELLO = [("assistant", "Hello")]

# ------------------------------------------------------------ the cases that were collected

ONE = {
    "adk-1826-call-llm.json": (
        [("system", "You are a weather bot."), ("user", "Weather in Paris?")],
        [("assistant", ("adk-1", "get_weather", {"city": "Paris"}))],
    ),
    "developer-message-event.jsonl": (
        [("developer", "Answer in French."), ("user", "Hello")],
        [("assistant", "Bonjour")],
    ),
    "event-body-is-json-text.jsonl": ([("system", "Be terse."), ("user", "Hello")], [("assistant", "Hi.")]),
    "langchain-type-not-role.json": (
        [("system", "Be terse."), ("user", "Weather?"), ("assistant", ("c1", "w", {})), ("tool", ("c1", "sunny"))],
        [("assistant", "Sunny.")],
    ),
    "langfuse-7038-semantic-kernel-dotnet.json": ([("user", "tell me a joke")], [("assistant", "A joke.")]),
    "langfuse-gemini-json-text.json": ([("system", "Be terse."), ("user", "Hi")], HELLO),
    "litellm-1.106-proxy-acompletion.json": ([("user", "late 3")], [("assistant", "refund")]),
    "litellm-35193-model-on-other-spans.json": ([("user", "hi")], [("assistant", "hello")]),
    "litellm-4078-raw-child.json": ([("user", "hi")], [("assistant", "Hello!")]),
    "opik-3441-thread-id.json": ([("user", "hi")], [("assistant", "hello")]),
    "opik-export.json": ([("user", "hi")], [("assistant", "hello")]),
    "phantom-redis.json": ([("user", "hi")], [("assistant", "hello")]),
    "responses-js-camel-result.json": (
        [("user", "Weather?"), ("assistant", ("c1", "w", {})), ("tool", ("c1", "sunny"))],
        [("assistant", "Sunny.")],
    ),
    "two-lists-one-document.json": ([("user", "hi")], [("assistant", "hello")]),
}


@pytest.mark.parametrize("name", ONE)
def test_a_case_with_one_call_gives_its_messages(name):
    """Exactly one call, usable, with the messages themselves."""
    call = only(CASES / name)
    assert (said(call.input), said(call.output)) == ONE[name]
    assert call.usable
    assert not call.flags


def test_semantic_kernel_gives_the_messages_inside_its_json_texts():
    """Three calls; the third result of a tool keeps the id of its call."""
    calls, _ = read(CASES / "semantic-kernel.traces.jsonl", CASES / "semantic-kernel.logs.jsonl")
    assert [call.usable for call in calls] == [True] * 3
    asked = [("system", "You are the shop agent."), ("user", "[[tool]] Where is order A-1042?")]
    called = ("assistant", ("call_7403279852", "get_order_status", {"order_id": "A-1042"}))
    assert (said(calls[0].input), said(calls[0].output)) == (asked, [called])
    assert said(calls[1].input) == [*asked, called, ("tool", ("call_7403279852", "shipped"))]
    assert said(calls[1].output) == [("assistant", "Here is what I found: shipped")]
    assert [call.output[0].finish_reason for call in calls] == ["tool_calls", "stop", "stop"]


def test_a_cache_beside_the_prompt_is_counted_with_it():
    """A cache of 1,000 tokens is no part of a prompt of 5; the stated total shows that it stands beside it."""
    usage = only(CASES / "opencode-110-cache-exclusive.json").usage
    assert (usage.input, usage.cache_read, usage.output) == (1005, 1000, 3)
    usage = only(CASES / "claude-code-50776-flat-tokens.json").usage
    assert (usage.input, usage.output, usage.cache_read, usage.cache_write) == (12906, 120, 12000, 900)


def test_a_redacted_answer_is_flagged_and_not_usable():
    """__REDACTED__ is nobody's answer."""
    call = only(CASES / "openinference-redacted-output.json")
    assert call.flags == ("placeholder",)
    assert not call.usable


def test_sessions_come_from_a_thread_id():
    """Opik and the Agent Development Kit name the conversation in their own words."""
    names = ("opik-3441-thread-id.json", "opik-export.json", "adk-1826-call-llm.json")
    assert [only(CASES / name).session_id for name in names] == ["conv-77", "th", "s-1"]


def test_console_spans_are_read_without_the_prefix_of_their_ids():
    """Python prints ids as 0x..."""
    call = only(CASES / "otel-python-console-multi.jsonl")
    assert call.id == f"{'a' * 32}:{'b' * 16}"


def test_a_document_with_two_lists_gives_both():
    """Observations with their scores, spans with their annotations."""
    _, feedback = read(CASES / "two-lists-one-document.json")
    assert [(item.call_id, item.value) for item in feedback] == [("t1:o1", -1.0)]
    calls, feedback = read(CASES / "phoenix-one-doc.json")
    assert len(calls) == 2
    assert sorted(item.label for item in feedback) == ["thumbs_down", "thumbs_up"]


# ------------------------------------------------------------ wrappers

GEMINI = {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}], "generationConfig": {"maxOutputTokens": 9}}
CANDIDATE = {"content": {"role": "model", "parts": [{"text": "Hello"}]}, "finishReason": "STOP"}
WRAPPED = {
    "vertex": (GEMINI, {"candidates": [CANDIDATE], "usageMetadata": {"promptTokenCount": 1}}),
    "vertex as text": (json.dumps(GEMINI), json.dumps({"candidates": [CANDIDATE]})),
    "adk": (json.dumps({"model": "g", **GEMINI}), json.dumps({**CANDIDATE, "partial": False})),
    "vercel": ({"prompt": "Hi"}, {"text": "Hello", "finishReason": "stop", "toolCalls": []}),
    "vercel messages": (
        json.dumps({"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]}),
        json.dumps({"text": "Hello", "finishReason": "stop"}),
    ),
    "pydantic-ai events": (
        [{"role": "user", "content": "Hi", "event.name": "gen_ai.user.message"}],
        [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "event.name": "gen_ai.choice"}],
    ),
    "pydantic-ai history": (
        [{"kind": "request", "parts": [{"part_kind": "user-prompt", "content": "Hi"}]}],
        {"kind": "response", "parts": [{"part_kind": "text", "content": "Hello"}]},
    ),
    "semantic kernel": ('{"role": "user", "content": "Hi"}', '{"message": {"role": "assistant", "content": "Hello"}}'),
    "haystack": (
        {"messages": ["ChatMessage(_role=<ChatRole.USER: 'user'>, _content=[TextContent(text='Hi')], _meta={})"]},
        {"replies": ["ChatMessage(_role=<ChatRole.ASSISTANT: 'assistant'>, _content=[TextContent(text='Hello')])"]},
    ),
    "haystack maps": (
        [{"role": "user", "meta": {}, "name": None, "content": [{"text": "Hi"}]}],
        {"replies": [{"role": "assistant", "content": [{"text": "Hello"}], "meta": {"finish_reason": "stop"}}]},
    ),
    "llama-index": (
        {"messages": [{"role": "user", "additional_kwargs": {}, "blocks": [{"block_type": "text", "text": "Hi"}]}]},
        {"message": {"role": "assistant", "blocks": [{"block_type": "text", "text": "Hello"}]}, "raw": {}},
    ),
    "smolagents": (
        "[ChatMessage(role=<MessageRole.USER: 'user'>, content=[{'type': 'text', 'text': 'Hi'}], tool_calls=None)]",
        "ChatMessage(role=<MessageRole.ASSISTANT: 'assistant'>, content='Hello', tool_calls=None, raw=None)",
    ),
    "python": ("[{'role': 'user', 'content': 'Hi'}]", "{'choices': [{'message': {'content': 'Hello'}, 'index': 0}]}"),
    "langchain": (
        [{"type": "human", "content": "Hi"}],
        "AIMessage(content='Hello', additional_kwargs={}, response_metadata={})",
    ),
    "ollama": ({"model": "m", "messages": [["user", "Hi"]]}, '{"model": "m", "response": "Hello", "done": true}'),
    "arguments of a function": ({"args": [], "kwargs": {"messages": [{"role": "user", "content": "Hi"}]}}, "Hello"),
    "text in text": (json.dumps(json.dumps([{"role": "user", "content": "Hi"}])), "Hello"),
    "parts": ([{"role": "user", "content": '[{"type": "text", "text": "Hi"}]'}], '[{"type": "text", "text": "Hello"}]'),
}


@pytest.mark.parametrize("name", WRAPPED)
def test_wrappers_are_opened(tmp_path, name):
    """What a framework puts around messages is taken off, as a value and as text."""
    asked, answered = WRAPPED[name]
    call = only(generation(tmp_path, asked, answered))
    assert (said(call.input), said(call.output)) == (HI, HELLO)
    assert call.usable


def test_what_an_application_lets_a_model_answer_stays(tmp_path):
    """JSON answers, also with words that APIs use, are answers."""
    answers = [
        {"role": "admin", "name": "Ann"},
        {"message": "ok"},
        {"message": {"to": "Bob", "body": "x"}},
        {"candidates": [{"name": "Ann", "score": 3}]},
        {"choices": ["a", "b"]},
        {"object": "chair", "price": 3},
        {"content": "x", "type": "note"},
        {"parts": [{"name": "bolt"}]},
        {"steps": [{"text": "Mix"}]},
    ]
    for answer in map(json.dumps, answers):
        call = only(generation(tmp_path, [{"role": "user", "content": "Hi"}], answer))
        assert said(call.output) == [("assistant", answer)]
        assert call.usable


def test_an_answer_of_another_speaker_is_flagged(tmp_path):
    """JSON text with the role user may be an application's: it stays as it is, and nothing is learned from it."""
    answer = '{"answer": "x", "role": "user", "content": "y"}'
    call = only(generation(tmp_path, "Hi", answer))
    assert (said(call.output), call.flags) == ([("assistant", answer)], ("envelope",))
    assert only(generation(tmp_path, "Hi", "[object Object]")).flags == ("envelope",)


def test_the_better_read_side_wins(tmp_path):
    """Indexed attributes that hold a print of the message give way to the raw body, not where a text was hidden."""
    body = {"choices": [{"message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}]}
    held = {"openinference.span.kind": "LLM", "llm.input_messages.0.message.role": "user"}
    held |= {"llm.input_messages.0.message.content": "Hi", "output.value": body}
    spelled = "llm.output_messages.0.message.content"
    printed = "Reply { Role = assistant, Content = Hello }"
    call = only(otlp(tmp_path, ({**held, spelled: printed}, {})))
    assert (said(call.output), call.usable) == (HELLO, True)
    call = only(otlp(tmp_path, ({**held, spelled: "__REDACTED__"}, {})))
    assert (said(call.output), call.flags) == ([("assistant", "__REDACTED__")], ("placeholder",))


# ------------------------------------------------------------ operations, phantoms, doubles

ASKED = [{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}]
GIVEN = [{"role": "assistant", "parts": [{"type": "text", "content": "Hello"}], "finish_reason": "stop"}]
CALL = {"gen_ai.request.model": "m", "gen_ai.input.messages": ASKED, "gen_ai.output.messages": GIVEN}
OPERATIONS = "chat.completions responses converse ConverseStream messages.create InvokeModel generateText inference x"


@pytest.mark.parametrize("operation", OPERATIONS.split())
def test_a_call_is_one_under_any_name_of_its_operation(tmp_path, operation):
    """Each library has its own word for it."""
    call = only(otlp(tmp_path, ({**CALL, "gen_ai.operation.name": operation}, {})))
    assert (said(call.input), call.operation) == (HI, "chat")


OTHERS = {
    "agent": {"gen_ai.operation.name": "invoke_agent", **CALL},
    "tool": {"gen_ai.operation.name": "execute_tool", "gen_ai.request.model": "m"},
    "embedding": {"gen_ai.operation.name": "create_embeddings", "gen_ai.request.model": "m"},
    "image": {"gen_ai.operation.name": "generate_image", "gen_ai.request.model": "m"},
    "agent run": {"gen_ai.agent.name": "a", "gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 3},
    "embedding model": {
        "gen_ai.request.model": "text-embedding-3",
        "gen_ai.usage.input_tokens": 3,
        "gen_ai.system": "o",
    },
    "cache": {"db.statement": "GET x", "gen_ai.operation.name": "chat", "gen_ai.request.model": "m"},
    "database": {"db.system": "postgresql", "gen_ai.request.model": "m", "gen_ai.system": "openai"},
    "queue": {"messaging.system": "kafka", **CALL},
    "server": {"http.route": "/chat", "gen_ai.request.model": "m", "gen_ai.system": "openai"},
    "a model's name only": {"gen_ai.request.model": "m"},
}


@pytest.mark.parametrize("kind", OTHERS)
def test_other_work_is_counted_by_its_kind(tmp_path, kind):
    """A span that carries a model's name is a call only where it says something of one."""
    fields = {"kind": {"server": 2, "a model's name only": 1}.get(kind, 3)}
    (batch,) = ingest([str(otlp(tmp_path, (OTHERS[kind], fields)))])
    assert not batch.calls
    named = {"agent run": "agent", "embedding model": "embedding", "cache": "database"}.get(kind, kind)
    assert batch.counts[f"other:{named}"] == 1


def test_spans_of_one_request_are_one_call(tmp_path):
    """A wrapper and what it sent, by one library; but not the next request, nor a failed attempt before it."""
    inner, raw = {"parentSpanId": f"{1:016x}"}, {"gen_ai.request.model": "m", "gen_ai.response.model": "m"}
    assert len(read(otlp(tmp_path, (CALL, {}), (CALL, dict(inner))))[0]) == 1
    assert len(read(otlp(tmp_path, (CALL, {}), (raw, dict(inner)), (CALL, {})))[0]) == 2
    other = {**CALL, "gen_ai.input.messages": [{"role": "user", "content": "Bye"}]}
    assert len(read(otlp(tmp_path, (CALL, {}), (other, dict(inner))))[0]) == 2
    failed = {"gen_ai.request.model": "m", "gen_ai.input.messages": ASKED, "error.type": "429", "gen_ai.system": "o"}
    calls, _ = read(otlp(tmp_path, (CALL, {}), (failed, dict(inner)), (CALL, dict(inner))))
    assert sorted((call.usable, call.error is None) for call in calls) == [(False, False), (True, True)]


def test_a_total_of_several_calls_is_none(tmp_path):
    """A span around the steps of an agent repeats the first question and the last answer."""
    inner = {"parentSpanId": f"{1:016x}"}
    asked = {"gen_ai.request.model": "m", "gen_ai.input.messages": ASKED}
    used = [{"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}]}]
    result = [{"role": "tool", "tool_call_id": "c", "content": "42"}]
    first = {**asked, "gen_ai.output.messages": used}
    last = {**CALL, "gen_ai.input.messages": [*ASKED, *used, *result]}
    late = {**inner, "startTimeUnixNano": "1785578400500000000"}
    (batch,) = ingest([str(otlp(tmp_path, (CALL, {}), (first, dict(inner)), (last, late)))])
    assert sorted(call.span_id[-1] for call in batch.calls) == ["2", "3"]
    assert batch.counts["other:total of several calls"] == 1


# ------------------------------------------------------------ messages and parameters


def test_an_output_that_repeats_the_history_gives_what_is_new(tmp_path):
    """Also where tools were called on the way: the last answer is the output, the rest was said before it."""
    history = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    reply = {"role": "assistant", "content": "Hello"}
    call = only(generation(tmp_path, history, [*history, reply]))
    assert (said(call.input)[1:], said(call.output)) == (HI, HELLO)
    call = only(generation(tmp_path, history, [*history[1:], reply]))
    assert said(call.output) == HELLO
    used = [
        {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c", "content": "42"},
    ]
    call = only(generation(tmp_path, history, {"messages": [*history, *used, reply]}))
    assert said(call.output) == HELLO
    assert said(call.input)[2:] == [("assistant", ("c", "f", {})), ("tool", ("c", "42"))]


def test_values_that_came_as_text_are_read(tmp_path):
    """An empty map is no tool, "false" is false, and a number is one."""
    settings = {"stream": "false", "temperature": "0.5", "max_tokens": "9", "stop": "5"}
    path = generation(tmp_path, "Hi", "Hello", toolDefinitions={}, modelParameters=settings)
    call = only(path)
    assert (call.tools, call.params) == ((), {"stream": False, "temperature": 0.5, "max_tokens": 9, "stop": "5"})
    assert call.usable
    defined = {"get": json.dumps({"description": "d", "parameters": {"type": "object"}})}
    (tool,) = only(generation(tmp_path, "Hi", "Hello", toolDefinitions=defined)).tools
    assert (tool["name"], tool["description"]) == ("get", "d")


def test_custom_tools_and_their_results_stay(tmp_path):
    """Freeform tools of the Responses and chat APIs, in snake and camel case."""
    asked = [
        {"type": "message", "role": "user", "content": "Hi"},
        {"type": "custom_tool_call", "call_id": "c1", "name": "sql", "input": '"select 1"'},
        {"type": "custom_tool_call_output", "call_id": "c1", "output": "1"},
        {"type": "function_call", "callId": "c2", "name": "f", "arguments": "{}"},
        {"type": "function_call_result", "callId": "c2", "output": {"type": "text", "text": "2"}},
    ]
    answered = {
        "role": "assistant",
        "tool_calls": [{"id": "c3", "type": "custom", "custom": {"name": "sql", "input": "3"}}],
    }
    call = only(generation(tmp_path, asked, answered))
    assert said(call.input) == [
        ("user", "Hi"),
        ("assistant", ("c1", "sql", "select 1")),
        ("tool", ("c1", "1")),
        ("assistant", ("c2", "f", {})),
        ("tool", ("c2", "2")),
    ]
    assert said(call.output) == [("assistant", ("c3", "sql", 3))]


def test_parts_that_nobody_knows_and_numbers_stay(tmp_path):
    """A number is a text; thinking is reasoning; an unknown part and redacted thinking are kept as they are."""
    asked = [{"role": "user", "content": 42}, {"role": "user", "content": [{"type": "hologram", "data": "x"}, 7]}]
    thinking = [
        {"type": "thinking", "thinking": "Hm.", "signature": "s"},
        {"type": "redacted_thinking", "data": "abc"},
        {"type": "text", "text": "Hello"},
    ]
    call = only(generation(tmp_path, asked, {"role": "assistant", "content": thinking}))
    assert said(call.input)[0] == ("user", "42")
    unknown, number = said(call.input)[1][1:]
    assert (unknown[0], number) == ("other", "7")
    thought, hidden, text = call.output[0].parts
    assert (plain(thought), plain(hidden)[0], plain(text)) == (("thought", "Hm."), "other", "Hello")


def test_the_steps_of_the_ai_sdk_and_its_interface_stay(tmp_path):
    """Steps are one turn; a tool of an interface message is its call and its result."""
    steps = [
        {"text": "", "toolCalls": [{"toolCallId": "c", "toolName": "f", "input": {}}], "finishReason": "tool-calls"}
        | {"toolResults": [{"toolCallId": "c", "toolName": "f", "output": "42"}]},
        {"text": "Hello", "toolCalls": [], "finishReason": "stop"},
    ]
    call = only(generation(tmp_path, "Hi", {"text": "Hello", "steps": steps}))
    assert said(call.output) == [("assistant", ("c", "f", {}), ("c", "42"), "Hello")]
    tool = {"type": "tool-f", "toolCallId": "c", "state": "output-available", "input": {}, "output": "42"}
    shown = [{"role": "user", "parts": [{"type": "text", "text": "Hi"}]}, {"role": "assistant", "parts": [tool]}]
    call = only(generation(tmp_path, shown, "Hello"))
    assert said(call.input)[1] == ("assistant", ("c", "f", {}), ("c", "42"))


@pytest.mark.parametrize("role", ["Assistant", "MessageRole.ASSISTANT", "ASSISTANT", "ai", "model", "AIMessage"])
def test_roles_are_known_in_any_spelling(tmp_path, role):
    """Enumerations, capitals and the words of other frameworks."""
    call = only(generation(tmp_path, [{"role": "HUMAN", "content": "Hi"}], {"role": role, "content": "Hello"}))
    assert (said(call.input), said(call.output)) == (HI, HELLO)
