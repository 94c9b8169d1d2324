"""The same spans in the containers and spellings of other tools give the same calls as the export they came from."""

import gzip
import json

import pytest

from harness.core.recordings import is_pair
from harness.ingest.stage import ingest
from tests.ingest.formats import derive

GENAI, PHOENIX = "otel-genai-openai_1.3b0_SPAN_ONLY.traces*", "openinference-openai_0.1.66.traces*"
LOGS = "otel-openai-v2_2.4b0_legacy-events_content"


def read(*paths, **options):
    calls, feedback, quarantined = {}, [], []
    for batch in ingest([str(path) for path in paths], options={"redact": False}, **options):
        calls |= {call.id: call for call in batch.calls}
        feedback += batch.feedback
        quarantined += batch.quarantined
    assert not quarantined
    return calls, feedback


def written(path, *records):
    path.write_bytes(b"".join(json.dumps(record).encode() + b"\n" for record in records))
    return path


def said(calls):
    return {
        id: (call.input, call.output, call.error is None, call.session_id, call.route, call.usage)
        for id, call in calls.items()
    }


@pytest.mark.parametrize(
    "spelled", [derive.base64_ids, derive.tempo, derive.tempo_2, derive.old_collector, derive.structured, derive.jaeger]
)
@pytest.mark.parametrize("pattern", [GENAI, PHOENIX])
def test_another_spelling_of_the_same_spans_gives_the_same_calls(tmp_path, spelled, pattern):
    """Base64 ids, Grafana Tempo, old collectors, structured values and Jaeger: ids, messages, errors and routes are equal."""
    plain, _ = read(written(tmp_path / "plain.jsonl", *derive.lines(pattern)))
    other, _ = read(written(tmp_path / "other.json", *map(spelled, derive.lines(pattern))))
    assert said(other) == said(plain)
    assert len(other) in (29, 30)


def test_phoenix_pages_of_otlp_spans_are_read(tmp_path):
    """Null arms are no values, and a span's kind may be a name; only the last digits of times are lost."""
    plain, _ = read(written(tmp_path / "plain.jsonl", *derive.lines(PHOENIX)))
    other, _ = read(written(tmp_path / "page.json", *map(derive.phoenix_page, derive.lines(PHOENIX))))
    assert said(other) == said(plain)


@pytest.mark.parametrize("members", [1, 3])
def test_the_members_of_a_zip_archive_are_read_together(tmp_path, members):
    """An archive of several files, compressed or not, is one export."""
    found = derive.lines(GENAI)
    parts = {
        f"part-{number}.jsonl.gz": gzip.compress(
            b"\n".join(json.dumps(record).encode() for record in found[number::members])
        )
        for number in range(members)
    }
    (tmp_path / "export.bin").write_bytes(derive.zipped(parts))
    assert len(read(tmp_path / "export.bin")[0]) == 29


def test_logs_without_their_spans_are_incomplete_calls(tmp_path):
    """Content whose spans are not there gives its 25 calls, each marked; with the spans they are whole."""
    alone, _ = read(written(tmp_path / "logs.jsonl", *derive.lines(f"{LOGS}.logs*")))
    assert len(alone) == 25
    assert all("span_missing" in call.flags and not call.usable for call in alone.values())
    whole, _ = read(written(tmp_path / "both.jsonl", *derive.lines(f"{LOGS}.*")))
    assert sum(map(is_pair, whole.values())) == 21


def test_line_separators_inside_texts_break_no_line(tmp_path):
    """U+2028, U+2029 and U+0085 stand raw in JSON lines; only a newline ends a line."""
    path = tmp_path / "raw.jsonl"
    path.write_bytes(
        b"".join(json.dumps(record, ensure_ascii=False).encode() + b"\n" for record in derive.lines(GENAI))
    )
    assert len(read(path)[0]) == 29


@pytest.mark.parametrize("order", [1, -1])
def test_two_recordings_in_two_traces_are_one_call(tmp_path, order):
    """A gateway's log, in a trace of its own, and the client's span are one call with the identity of both."""
    client = derive.lines(GENAI)
    gateway = json.loads(json.dumps(client))
    for record in gateway:
        for _, scope, span in derive.spans(record):
            scope["name"] = "gateway"
            span["traceId"], span["spanId"] = span["traceId"][::-1], span["spanId"][::-1]
            span["parentSpanId"] = ""
    files = [written(tmp_path / "client.jsonl", *client), written(tmp_path / "gateway.jsonl", *gateway)]
    calls, _ = read(*files[::order])
    alone, _ = read(files[0])
    assert len(calls) == len(alone) == 29
    assert {call.session_id for call in calls.values()} == {call.session_id for call in alone.values()}


def test_two_equal_questions_one_after_the_other_stay_two(tmp_path):
    """Calls of two producers whose times do not overlap are two, whatever they say."""
    client = derive.lines(GENAI)
    later = json.loads(json.dumps(client))
    for record in later:
        for _, scope, span in derive.spans(record):
            scope["name"] = "gateway"
            span["traceId"] = span["traceId"][::-1]
            for name in ("startTimeUnixNano", "endTimeUnixNano"):
                span[name] = str(int(span[name]) + 3600 * 10**9)
    assert len(read(written(tmp_path / "both.jsonl", *client, *later))[0]) == 58


def twice(record):
    """JSON text that was encoded once more on its way."""
    record = json.loads(json.dumps(record))
    for _, _, span in derive.spans(record):
        for item in span.get("attributes", ()):
            text = item["value"].get("stringValue") or ""
            if item["key"].endswith(("messages", "instructions", "definitions", "value", "parameters", "json_schema")):
                item["value"] = {"stringValue": json.dumps(text)} if text[:1] in ("[", "{") else item["value"]
    return record


@pytest.mark.parametrize("pattern", [GENAI, PHOENIX])
def test_json_text_inside_json_text_is_decoded(tmp_path, pattern):
    """Messages, tools and parameters that a pipeline encoded a second time are read as before."""
    plain, _ = read(written(tmp_path / "plain.jsonl", *derive.lines(pattern)))
    other, _ = read(written(tmp_path / "other.jsonl", *map(twice, derive.lines(pattern))))
    assert said(other) == said(plain)
    assert [call.tools for call in other.values()] == [call.tools for call in plain.values()]


@pytest.mark.parametrize("pattern", [GENAI, "litellm*", "mlflow*to_json*", "langsmith*"])
def test_pages_and_documents_put_together_are_read_record_by_record(tmp_path, pattern):
    """`{"results": [...]}`, `cat a.json b.json` and records without a newline between them lose nothing."""
    found = derive.lines(pattern)
    plain, feedback = read(written(tmp_path / "plain.jsonl", *found))
    spelled = {
        "page": json.dumps({"results": found, "next": None}),
        "pages": json.dumps([{"data": found[:3]}, {"data": found[3:]}], indent=1),
        "documents": "\n".join(json.dumps(record, indent=2) for record in found),
        "no newline": "".join(map(json.dumps, found)),
    }
    for name, text in spelled.items():
        path = tmp_path / f"{name}.json"
        path.write_text(text)
        other, given = read(path)
        assert (said(other), len(given)) == (said(plain), len(feedback)), name


def test_what_stands_behind_whole_documents_is_named(tmp_path):
    """Two whole documents and a broken third: both are read, and the third is in quarantine with its number."""
    found = derive.lines(GENAI)
    path = tmp_path / "three.json"
    path.write_text("\n".join(json.dumps(record, indent=2) for record in found[:3])[:-40])
    batches = list(ingest([str(path)], options={"redact": False}))
    (bad,) = (bad for batch in batches for bad in batch.quarantined)
    whole, _ = read(written(tmp_path / "two.jsonl", *found[:2]))
    assert {call.id for batch in batches for call in batch.calls} == set(whole)
    assert (bad.line, bad.reason[:8]) == (3, "not JSON")


def under(record, scope):
    """The calls of a record as a client below recorded them: shorter spans of their own, without content."""
    record = json.loads(json.dumps(record))
    for _, named, span in derive.spans(record):
        named["name"], span["spanId"] = scope, span["spanId"][::-1]
        span["startTimeUnixNano"] = str(int(span["startTimeUnixNano"]) + 1)
        kept = ("gen_ai.operation.name", "gen_ai.request.model", "error.type")
        span["attributes"] = [item for item in span.get("attributes", ()) if item["key"] in kept]
    return record


def test_a_client_that_records_no_content_adds_no_call(tmp_path):
    """A client library's own span of the same call, with a model and no word of what was said, is that call again."""
    found = derive.lines(GENAI)
    plain, _ = read(written(tmp_path / "plain.jsonl", *found))
    both, _ = read(written(tmp_path / "both.jsonl", *found, *(under(record, "client") for record in found)))
    assert said(both) == said(plain)
    assert all(len(call.source.span_ids) == 2 for call in both.values())


def test_each_library_records_a_call_once(tmp_path):
    """Two libraries on two equal calls that ran at once: four spans, two calls, not three and not one."""

    def span(id, scope, start):
        said = json.dumps([{"role": "user", "parts": [{"type": "text", "content": "Same?"}]}])
        held = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.input.messages": said}
        span = {"traceId": "a" * 32, "spanId": id * 16, "startTimeUnixNano": str(start), "endTimeUnixNano": str(2**60)}
        span["attributes"] = [{"key": key, "value": {"stringValue": value}} for key, value in held.items()]
        return {"resourceSpans": [{"scopeSpans": [{"scope": {"name": scope}, "spans": [span]}]}]}

    records = [span(id, scope, 2**59 + n) for n, (id, scope) in enumerate(["1a", "2a", "3b", "4b"])]
    calls, _ = read(written(tmp_path / "four.jsonl", *records))
    assert sorted(len(call.source.span_ids) for call in calls.values()) == [2, 2]
