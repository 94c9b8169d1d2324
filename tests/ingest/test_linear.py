"""Twice the input takes about twice the time, whatever shape it has: each pair is measured in processor time."""

import gc
import json
import time

import pytest

from harness.errors import InputError
from harness.ingest.formats import _history
from harness.ingest.stage import ingest

BEGIN = 10**18
AT_MOST = 3.4
"""Times as long for twice the input; quadratic work takes 4 times."""
WITHIN_S = 0.15
"""What takes less is not judged: it is noise."""


def span(trace, number, parent=0, start=0, end=0, **held):
    start = BEGIN + (start or 10 * number)
    attributes = [{"key": key, "value": {"stringValue": value}} for key, value in held.items()]
    return {
        "traceId": f"{trace:032x}",
        "spanId": f"{number:016x}",
        "parentSpanId": f"{parent:016x}" if parent else "",
        "kind": 3,
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(BEGIN + end if end else start + 5),
        "attributes": attributes,
    }


def call(asked="hi", answered="yes"):
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "m",
        "gen_ai.prompt": asked,
        "gen_ai.completion": answered,
    }


def request(spans, library="t"):
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"scope": {"name": library}, "spans": spans}]}]}).encode()


def requests(spans, library="t"):
    return b"\n".join(request(spans[at : at + 64], library) for at in range(0, len(spans), 64))


def each(count, line):
    return b"\n".join(json.dumps(line(number)).encode() for number in range(count))


def feedback(number):
    return {"trace_id": f"{1:032x}", "span_id": f"{1:016x}", "name": "thumb", "value": 1, "user_id": f"u{number}"}


def log(number):
    held = {"traceId": f"{1:032x}", "spanId": f"{1:016x}", "timeUnixNano": str(BEGIN + number)}
    body = {"eventName": "gen_ai.user.message", "body": {"stringValue": f"m{number}"}}
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": [held | body]}]}]}


def turn(number):
    role = "assistant" if number % 2 else "user"
    said = {"id": f"m{number}", "role": role, "content": [{"type": "text", "text": "x"}]}
    above = f"u{number - 1}" if number else None
    return {"uuid": f"u{number}", "parentUuid": above, "sessionId": "s", "type": role, "message": said}


def event(number):
    kinds = [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "x"}]}]
    kinds.append({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "x"}]})
    return {"timestamp": "2026-01-01T00:00:00Z", "type": "response_item", "payload": kinds[number % 2]}


def row(number):
    ids = {"id": "r", "root_span_id": "r", "span_id": "r", "project_id": "p", "log_id": "g", "_is_merge": True}
    return ids | {"span_attributes": {"type": "llm"}, "metrics": {f"m{number}": number}}


def chat(number):
    return {
        "id": "x",
        "messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": f"{number}"}],
    }


def conversation(said):
    return json.dumps({"id": "x", "messages": [*said, {"role": "assistant", "content": "b"}]}).encode()


def tools_called(count):
    function = {"name": "f", "arguments": "{}"}
    calls = [{"id": f"c{k}", "type": "function", "function": function} for k in range(count)]
    results = [{"role": "tool", "tool_call_id": f"c{k}", "content": "r"} for k in range(count)]
    return [{"role": "user", "content": "a"}, {"role": "assistant", "content": None, "tool_calls": calls}, *results]


def text_parts(count):
    return [{"role": "user", "content": [{"type": "text", "text": f"p{k} "} for k in range(count)]}]


def events(count, name, **held):
    said = {"name": name, "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in held.items()]}
    told = [{**said, "timeUnixNano": str(BEGIN + k)} for k in range(count)]
    return request([{**span(1, 1, **call()), "events": told}])


def numbered_prompts(count):
    held = {
        f"gen_ai.prompt.{k}.{name}": text for k in range(count) for name, text in (("role", "user"), ("content", "x"))
    }
    model = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.completion.0.content": "y"}
    return request([span(1, 1, **model, **held)])


def steps(count):
    said = [{"step_id": k + 1, "source": "agent" if k % 2 else "user", "message": "x"} for k in range(count)]
    return json.dumps({"schema_version": "ATIF-v1.4", "session_id": "s", "agent": {}, "steps": said}).encode()


SHAPES = {
    "calls of one user": lambda n: requests(
        [span(k + 1, k + 1, **{**call(f"q{k}"), "session.id": f"s{k}", "user.id": "u"}) for k in range(n)]
    ),
    "tool calls of one message": lambda n: conversation(tools_called(10 * n)),
    "parts of one message": lambda n: conversation(text_parts(30 * n)),
    "events on one span": lambda n: events(20 * n, "gen_ai.user.message", content="m"),
    "evaluations on one span": lambda n: events(10 * n, "gen_ai.evaluation.result", **{"gen_ai.evaluation.name": "n"}),
    "attributes of one span": lambda n: request(
        [span(1, 1, **call(), **{f"gen_ai.x{k}": "v" for k in range(100 * n)})]
    ),
    "spans with names of their own": lambda n: requests(
        [span(k + 1, k + 1, **call(), **{f"app.a{k}": "v"}) for k in range(n)]
    ),
    "prompts with numbers": lambda n: numbered_prompts(20 * n),
    "steps of a trajectory": lambda n: steps(2 * n),
    "flat calls of one trace": lambda n: requests([span(1, k + 2, 1, **call()) for k in range(n)]),
    "flat calls at one time": lambda n: requests([span(1, k + 2, 1, start=1, end=9, **call()) for k in range(n)]),
    "different calls at one time": lambda n: requests(
        [span(1, k + 2, 1, start=1, end=9, **call(f"q{k}", f"a{k}")) for k in range(n)]
    ),
    "a chain of calls": lambda n: requests(
        [span(1, k + 1, k, start=k + 1, end=10**7 - k, **call(f"q{k}", f"a{k}")) for k in range(n)]
    ),
    "a chain of one call": lambda n: requests(
        [span(1, k + 1, k, start=k + 1, end=10**7 - k, **call()) for k in range(n)]
    ),
    "a chain of spans above a call": lambda n: requests(
        [span(1, k + 1, k, start=k + 1, end=10**7 - k, **{"output.value": "yes"}) for k in range(4 * n)]
        + [span(1, 4 * n + 1, 4 * n, start=4 * n + 1, **call())]
    ),
    "spans of one line": lambda n: request([span(k + 1, k + 1, **call()) for k in range(n)]),
    "objects of nothing": lambda n: json.dumps([{}] * n).encode(),
    "feedback on one call": lambda n: request([span(1, 1, **call())]) + b"\n" + each(n, feedback),
    "calls of one session": lambda n: requests(
        [span(k + 1, k + 1, **{**call(f"q{k}"), "session.id": "s"}) for k in range(n)]
    ),
    "copies of one span": lambda n: requests([span(1, 1, **call())] * 4 * n),
    "versions of one span": lambda n: requests([span(1, 1, **call("hi", f"a{k}")) for k in range(n)]),
    "versions of one row": lambda n: each(n, chat),
    "pieces of one row": lambda n: each(n, row),
    "two libraries at one time": lambda n: b"\n".join(
        requests([span(2 * k + odd + 1, 2 * k + odd + 1, start=1, end=9, **call()) for k in range(n)], library)
        for odd, library in enumerate("tu")
    ),
    "log records of one span": lambda n: each(n, log),
    "lines of a Claude session": lambda n: each(n, turn),
    "lines of a Codex session": lambda n: each(n, event),
    "open braces": lambda n: b"{" * 1000 * n,
    "open lists": lambda n: b"[" * 1000 * n,
    "open objects": lambda n: b'{"a":' * 1000 * n,
    "brackets in a text": lambda n: request([span(1, 1, **call("[" * 1000 * n, "{" * 1000 * n))]),
    "lines that are cut": lambda n: b'{"a": [1,\n' * n,
}


def seconds(path):
    started = time.process_time()
    try:
        for _ in ingest([str(path)], options={"redact": False, "limits": {"barren_records": 10**6}}, workers=1):
            pass
    except InputError:
        pass  # nothing but what no format claims
    return time.process_time() - started


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
def test_twice_the_input_takes_twice_the_time(tmp_path, shape, monkeypatch):
    """The best of three of each size; the machine's noise is in neither."""
    monkeypatch.setattr(_history, "LONGEST", 100)
    for format in ("claude_session", "codex_session", "atif"):
        monkeypatch.setattr(f"harness.ingest.formats.{format}.LONGEST", 100)
    paths = []
    for count in (600, 1200):
        paths.append(tmp_path / f"{count}.json")
        paths[-1].write_bytes(SHAPES[shape](count))
    seconds(paths[0])
    gc.collect()
    once, twice = (min(seconds(path) for _ in range(3)) for path in paths)
    assert twice < max(WITHIN_S, AT_MOST * once), f"{once:.2f} s, then {twice:.2f} s"
