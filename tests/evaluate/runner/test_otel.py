"""`--otel`: runs as traces, and the same traces read back as calls and scores."""

import json
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from textwrap import dedent
from threading import Thread

import pytest
from msgspec.structs import replace

from harness.core.codec import from_chat
from harness.errors import InputError, TrueupError
from harness.evaluate.stage import evaluate
from harness.ingest.stage import ingest
from harness.types import Arm, EvalRequest, Prompt

BODY = """
from harness import *
TOOLS = [{"type": "function", "function": {"name": "look", "description": "", "parameters": {"type": "object"}}}]

@cases([{"id": "one", "text": "a\\u0000<b>"}, {"id": "two", "text": "x" * 5000}])
def eval_said(case, model):
    return score.text(model.chat(case.messages, max_tokens=9, stop=["."], tools=TOOLS), case.text), score.check("seen", False, "why")

def eval_turns(model):
    talk = model.session()
    talk.say("first")
    talk.say("second")
    return 0.25

def eval_raw(model):
    assert model.complete("once").text == "upon"

def eval_choice(model):
    return model.choose("which?", ["a", "b"]).text == "b"

def eval_broken(model):
    model.chat("hello")
    raise OSError("no database")
"""
PROMPT = Prompt(name="short", messages=(from_chat({"role": "system", "content": "Be brief."}),))
ARMS = (
    Arm(name="echo", backend="scripted", prompt=PROMPT),
    Arm(name="other", backend="scripted", options={"default": "no"}),
)


@pytest.fixture(scope="module")
def request_(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evals")
    (folder / "eval_it.py").write_text(dedent(BODY))
    return EvalRequest(arms=ARMS, paths=(str(folder),), out=str(folder / "out"), otel=str(folder / "traces.jsonl"))


@pytest.fixture(scope="module")
def runs(request_):
    return evaluate(request_)


@pytest.fixture(scope="module")
def read(request_, runs):
    """The batch that ingest makes of the file."""
    batches = list(ingest([request_.otel], options={"redact": False}))
    calls = [call for batch in batches for call in batch.calls]
    scores = [one for batch in batches for one in batch.feedback]
    assert not [one for batch in batches for one in batch.quarantined]
    return calls, scores


def written(runs):
    """Arm and text of every reply that was written, not chosen."""
    return sorted(
        (run.arm.name, reply.text)
        for run in runs
        for result in run.results
        for reply in result.replies
        if not reply.logprobs
    )


def test_every_call_comes_back_as_it_was(runs, read):
    """Texts, tokens, finish reason, sampling and tools of each reply are those of the run."""
    calls, _ = read
    assert sorted(call.output[0].text for call in calls) == [
        text for _, text in sorted(written(runs), key=lambda pair: pair[1])
    ]
    one = next(call for call in calls if call.output[0].text == "x" * 5000)
    assert [message.role for message in one.input] == ["system", "user"] and one.input[0].text == "Be brief."
    assert one.input[1].text == "x" * 5000
    assert (one.usage.input, one.usage.output, one.output[0].finish_reason) == (1, 1, "stop")
    assert one.params["max_tokens"] == 9 and one.tools[0]["function"]["name"] == "look"
    assert one.end_ns >= one.start_ns > 0 and one.trace_id


def test_every_score_comes_back_on_the_call_it_judges(runs, read):
    """Name, value and explanation of each score; those of a case stand on its last call."""
    calls, scores = read
    told = sorted((one.name, one.value, one.comment) for one in scores)
    assert told == sorted((s.name, s.value, s.explanation) for run in runs for r in run.results for s in r.scores)
    by_span = {(call.trace_id, call.span_id): call for call in calls}
    turns = [by_span[one.trace_id, one.span_id] for one in scores if one.value == 0.25]
    assert [call.input[-1].text for call in turns] == ["second", "second"]


def test_turns_of_a_case_are_one_trace_and_arms_are_apart(read):
    """Both turns of a session share trace and session; no trace holds calls of two arms."""
    traces = defaultdict(list)
    for call in read[0]:
        traces[call.trace_id].append(call)
    assert sorted(len(calls) for calls in traces.values()) == [1] * 8 + [2, 2]
    assert all(len({call.session_id for call in calls}) == 1 for calls in traces.values())


def test_a_second_export_has_the_same_traces(request_, runs, read):
    """Ids come from the run's content: what is exported twice is stored once."""
    evaluate(replace(request_, otel=request_.otel + ".again"))
    again = [call for batch in ingest([request_.otel + ".again"], options={"redact": False}) for call in batch.calls]
    assert {call.id for call in again} == {call.id for call in read[0]}


def test_errors_are_errors_of_the_span(request_, runs):
    """A case that broke is a trace whose root says why; it is no call that failed."""
    lines = [json.loads(line) for line in Path(request_.otel).read_text().splitlines()]
    spans = [
        span
        for line in lines
        for group in line.get("resourceSpans", ())
        for scope in group["scopeSpans"]
        for span in scope["spans"]
    ]
    failed = [span for span in spans if span.get("status", {}).get("code")]
    assert len(failed) == 2 and all("no database" in span["status"]["message"] for span in failed)


def test_a_collector_gets_the_same_over_http(request_, runs, read):
    """Spans and events are posted to /v1/traces and /v1/logs."""
    posted = defaultdict(list)

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self):
            posted[self.path].append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Collector)
    Thread(target=server.serve_forever, daemon=True).start()
    evaluate(replace(request_, otel=f"http://127.0.0.1:{server.server_port}"))
    server.shutdown()
    server.server_close()
    spans = [
        s
        for body in posted["/v1/traces"]
        for r in body["resourceSpans"]
        for scope in r["scopeSpans"]
        for s in scope["spans"]
    ]
    logs = [
        s
        for body in posted["/v1/logs"]
        for r in body["resourceLogs"]
        for scope in r["scopeLogs"]
        for s in scope["logRecords"]
    ]
    assert len(logs) == len(read[1])
    assert {span["spanId"] for span in spans} >= {call.span_id for call in read[0]}


def test_traces_that_cannot_be_written_are_said_to_be_so(request_, tmp_path, monkeypatch):
    """A folder in the place of the file, or nobody at the address: an error, after the runs were written."""
    (tmp_path / "taken").mkdir()
    with pytest.raises(InputError, match="cannot be written"):
        evaluate(replace(request_, otel=str(tmp_path / "taken")))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    with pytest.raises(TrueupError, match="not taken"):
        evaluate(replace(request_, otel="http://127.0.0.1:9"))
