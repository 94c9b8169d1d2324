"""Ingest as the loop calls it: whole exports in, calls, feedback and quarantine out, whatever shape the files are in."""

import gzip
import json
import random
from collections import Counter
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.core import feedback_scale
from harness.errors import InputError, UsageError
from harness.ingest import assemble, shuffle
from harness.ingest.stage import ingest, link
from harness.types import Call, Feedback

BOOKING = Path(__file__).parents[3] / "shared" / "traces" / "booking_desk"


def everything(*paths, **options):
    calls, feedback, quarantined, counts, files = [], [], [], Counter(), {}
    for batch in ingest([str(path) for path in paths], **options):
        calls += batch.calls
        feedback += batch.feedback
        quarantined += batch.quarantined
        counts.update(batch.counts)
        files |= batch.files
    return calls, feedback, quarantined, counts, files


def attribute(key, value):
    return {"key": key, "value": {"stringValue": value}}


def spans(number, text="Hi", answer="Hello"):
    """A client span and the server span above it."""
    trace, client, server = f"{number:032x}", f"{2 * number:016x}", f"{2 * number + 1:016x}"
    said = [{"role": "user", "parts": [{"type": "text", "content": text}]}]
    replied = [{"role": "assistant", "parts": [{"type": "text", "content": answer}], "finish_reason": "stop"}]
    times = {"startTimeUnixNano": str(10**18 + number), "endTimeUnixNano": str(10**18 + number + 5)}
    call = [
        attribute("gen_ai.operation.name", "chat"),
        attribute("gen_ai.input.messages", json.dumps(said)),
        attribute("gen_ai.output.messages", json.dumps(replied)),
    ]
    above = [attribute("http.request.method", "POST"), attribute("http.route", "/chat"), attribute("session.id", "s1")]
    return [
        {"traceId": trace, "spanId": client, "parentSpanId": server, "kind": 3, "name": "chat", "attributes": call}
        | times,
        {"traceId": trace, "spanId": server, "kind": 2, "name": "POST", "attributes": above} | times,
    ]


def request(*found):
    return {"resourceSpans": [{"scopeSpans": [{"scope": {"name": "t"}, "spans": list(found)}]}]}


def write(path, *records):
    path.write_bytes(b"".join(json.dumps(record).encode() + b"\n" for record in records))
    return path


def test_session_and_route_come_from_the_server_span_in_another_file(tmp_path):
    """A client span in one file finds the server span of its trace in another."""
    client, server = spans(1)
    write(tmp_path / "b.jsonl", request(client))
    write(tmp_path / "a.jsonl", request(server))
    (call,), *_ = everything(tmp_path)
    assert (call.route, call.session_id, call.reply) == ("POST /chat", "s1", "Hello")


@settings(max_examples=25)
@given(seed=st.integers(0, 10**6), files=st.integers(1, 5))
def test_order_repetition_and_splitting_never_change_what_is_read(tmp_path, seed, files):
    """Spans shuffled, some exported twice, over any number of files, give the same calls."""
    rng = random.Random(seed)
    found = [span for number in range(1, 9) for span in spans(number, text=f"Question {number}")]
    straight, *_ = everything(write(tmp_path / "straight.jsonl", request(*found)))
    mixed = found + rng.sample(found, 6)
    rng.shuffle(mixed)
    folder = tmp_path / f"{seed}-{files}"
    folder.mkdir(exist_ok=True)
    for number in range(files):
        write(folder / f"{number}.jsonl", *(request(span) for span in mixed[number::files]))
    shuffled, _, _, counts, _ = everything(folder)
    strip = {"source"}
    plain = lambda calls: {c.id: {n: getattr(c, n) for n in c.__struct_fields__ if n not in strip} for c in calls}  # noqa: E731
    assert plain(shuffled) == plain(straight)
    assert counts["repeated_spans"] == 6


def test_the_same_span_with_other_content_is_kept_twice(tmp_path):
    """A span id with two different answers gives two calls of one id, which the store keeps as a conflict."""
    one, server = spans(1, answer="Yes")
    two, _ = spans(1, answer="No")
    calls, *_ = everything(write(tmp_path / "x.jsonl", request(one, server, two)))
    assert [call.id for call in calls] == [calls[0].id] * 2
    assert {call.reply for call in calls} == {"Yes", "No"}


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.ZstdCompressor().compress, lambda data: data])
def test_compression_is_told_by_content_not_by_name(tmp_path, pack):
    """gzip, zstd and plain bytes are read alike, whatever the file is called."""
    path = tmp_path / "export.txt"
    path.write_bytes(pack(json.dumps(request(*spans(1))).encode()))
    calls, *_ = everything(path)
    assert len(calls) == 1


HOSTILE = {
    "deep": b'{"resourceSpans": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "no JSON": b"{this is not JSON}",
    "cut": b'{"resourceSpans": [{"scopeSp',
    "digits": b'{"resourceSpans": [' + b"9" * 100_000 + b"]}",
    "zero ids": json.dumps(request({"traceId": "0" * 32, "spanId": "0" * 16, "name": "x"})).encode(),
    "wrong types": b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": 7, "spanId": [], "attributes": {"a": 1}}]}]}]}',
    "unknown": b'{"hello": "world"}',
    "a number": b"17",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_record_is_quarantined_and_the_rest_goes_on(tmp_path, name):
    """A record that cannot be read ends in quarantine with its line; the records around it are read."""
    good = [json.dumps(request(*spans(number))).encode() for number in (1, 2)]
    path = tmp_path / "x.jsonl"
    path.write_bytes(good[0] + b"\n" + HOSTILE[name] + b"\n" + good[1] + b"\n")
    calls, _, quarantined, _, _ = everything(path)
    assert len(calls) == 2
    assert [(bad.line, bool(bad.reason), bad.file) for bad in quarantined] == [(2, True, str(path))]


def test_odd_text_is_read_and_can_be_stored(tmp_path):
    """Lone surrogates, NaN, NUL, U+2028 and bytes that are not UTF-8 neither break a line nor the encoding."""
    span, server = spans(1, text="a\u2028b\x00c")
    raw = json.dumps(request(span, server)).replace("Hello", "x\\ud800y")
    raw = raw.replace('"kind": 3', '"kind": 3, "extra": NaN')
    path = tmp_path / "x.jsonl"
    path.write_bytes(raw.encode().replace(b"x\\ud800y", b"x\\ud800y \xff\xfe") + b"\n")
    (call,), _, quarantined, _, _ = everything(path)
    assert not quarantined
    assert "\ufffd" in call.reply
    assert call.reply.encode()


@settings(max_examples=150)
@given(
    record=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "resourceSpans",
                        "scopeSpans",
                        "spans",
                        "traceId",
                        "spanId",
                        "attributes",
                        "key",
                        "value",
                        "stringValue",
                        "messages",
                        "role",
                        "content",
                        "trace_id",
                        "span_id",
                        "name",
                        "data",
                        "run_type",
                        "inputs",
                        "outputs",
                        "dotted_order",
                        "custom_id",
                        "response",
                        "body",
                        "info",
                        "events",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=25,
    )
)
def test_no_record_whatever_it_holds_raises(tmp_path, record):
    """Any JSON value at all is read, or quarantined; nothing is raised but that the file holds no trace."""
    path = tmp_path / "fuzz.jsonl"
    path.write_text(json.dumps(record) + "\n")
    try:
        everything(path)
    except InputError as error:
        assert error.next


@pytest.mark.parametrize("damage", ["cut", "flip"])
def test_a_damaged_gzip_file_gives_no_partial_rows(tmp_path, damage):
    """A compressed file that is cut or has a flipped bit is quarantined whole; other files are read."""
    write(tmp_path / "good.jsonl", request(*spans(1)))
    lines = b"".join(
        json.dumps(request(*spans(n, text=random.Random(n).randbytes(99).hex()))).encode() + b"\n" for n in range(2, 40)
    )
    data = bytearray(gzip.compress(lines))
    if damage == "cut":
        del data[-len(data) // 3 :]
    else:
        data[len(data) // 2] ^= 0x10
    (tmp_path / "bad.jsonl.gz").write_bytes(data)
    calls, _, quarantined, _, files = everything(tmp_path)
    assert len(calls) == 1
    assert any(bad.line == 0 and "damaged" in bad.reason for bad in quarantined)


def test_a_decompression_bomb_is_stopped(tmp_path):
    """A file that unpacks to far more than traces do is given up early and quarantined."""
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(b'{"a": "' + b"0" * 2**26))
    write(tmp_path / "good.jsonl", request(*spans(1)))
    calls, _, quarantined, _, _ = everything(tmp_path, options={"limits": {"unpacked_mib": 1}})
    assert len(calls) == 1
    assert "unpacks to more than" in quarantined[0].reason


def test_an_unchanged_file_is_passed_over(tmp_path):
    """A file whose digest is known is not parsed; the digest is the sha256 of its bytes."""
    path = write(tmp_path / "x.jsonl", request(*spans(1)))
    *_, files = everything(path)
    (known,) = files
    calls, *_, counts, again = everything(path, skip={known}.__contains__)
    assert (calls, counts["skipped_files"], again) == ([], 1, {})


def test_files_are_named_only_in_the_last_batch(tmp_path, monkeypatch):
    """A run killed between two batches reads its files again, so none is named before all its calls were given."""
    monkeypatch.setattr(assemble.Batches.__init__, "__defaults__", (5,))
    path = write(tmp_path / "x.jsonl", *(request(*spans(number)) for number in range(1, 18)))
    batches = list(ingest([str(path)]))
    assert len(batches) == 4
    assert [bool(batch.files) for batch in batches] == [False, False, False, True]


def test_a_large_export_is_joined_from_disk(tmp_path, monkeypatch):
    """With next to no memory the spool goes to disk, and the calls are the same."""
    path = write(tmp_path / "x.jsonl", *(request(*spans(number)) for number in range(1, 60)))
    straight, *_ = everything(path)
    monkeypatch.setattr(shuffle.Spool.__init__, "__defaults__", (2_000, 8, None, ""))
    spilled, *_ = everything(path)
    assert sorted(spilled, key=lambda c: c.id) == sorted(straight, key=lambda c: c.id)


def test_several_processes_read_the_same(tmp_path, monkeypatch):
    """Spans and their server spans dealt out over files and processes give the same calls, quarantine and counts."""
    for number in range(4):
        found = [span for trace in range(1, 40) for span in spans(trace, text=f"ada{trace}@example.com")][number::4]
        write(tmp_path / f"{number}.jsonl", *map(request, found), *(["cut"] if number == 2 else []))
    (tmp_path / "bad.gz").write_bytes(gzip.compress(b'{"a": 1}' * 100)[:-9])
    monkeypatch.setattr(shuffle.Spool.__init__, "__defaults__", (2_000, 64, None, ""))
    alone, shared = everything(tmp_path, workers=1), everything(tmp_path, workers=3)
    for one, two in zip(alone[:3], shared[:3], strict=True):
        assert sorted(one, key=lambda item: item.id) == sorted(two, key=lambda item: item.id)
    assert alone[3:] == shared[3:]
    *_, counts, files = everything(tmp_path, workers=2, skip=set(alone[4]).__contains__)
    assert (counts["skipped_files"], files) == (4, {})  # the damaged one is read again, and is no better


def test_progress_ends_at_the_size_of_the_export(tmp_path):
    """Progress never runs backwards and ends at the bytes of all files."""
    path = write(tmp_path / "x.jsonl", *(request(*spans(number)) for number in range(1, 600)))
    seen = []
    everything(path, on_progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (path.stat().st_size,) * 2
    assert seen == sorted(seen)


def test_what_is_no_export_is_refused(tmp_path):
    """A missing path, an empty file, a file of another kind and an unknown format: each with what to type next."""
    with pytest.raises(InputError, match="no such file"):
        everything(tmp_path / "missing")
    (tmp_path / "empty.jsonl").touch()
    with pytest.raises(InputError, match="empty"):
        everything(tmp_path / "empty.jsonl")
    (tmp_path / "other.bin").write_bytes(b"\x89PNG\r\n" + bytes(100))
    with pytest.raises(InputError, match="none of the files"):
        everything(tmp_path / "other.bin")
    with pytest.raises(UsageError, match="no format named"):
        everything(tmp_path / "empty.jsonl", format="otpl")


def test_plain_feedback_is_read_with_text_and_structured_corrections(tmp_path):
    """A correction may be text or an object; keys of an object keep their order."""
    path = write(
        tmp_path / "f.jsonl",
        {"trace_id": "a", "span_id": "b", "name": "thumb", "value": -1, "correction": {"z": 1, "a": None}},
        {"response_id": "r", "name": "thumb", "value": True, "timestamp": "2026-10-26T08:43:15Z"},
    )
    _, feedback, *_ = everything(path)
    one, two = sorted(feedback_scale.read(feedback), key=lambda said: said.correction or "~")
    assert (one.correction, one.call_id, one.negative) == ('{"z": 1, "a": null}', "a:b", True)
    assert (two.value, two.label, two.positive, two.at_ns) == (1.0, "true", True, 1793004195 * 10**9)


def test_feedback_is_linked_by_id_then_response_then_trace():
    """The closest call that the record names: its own id, its response, the last call of the trace before it."""
    calls = [
        Call(id="t:1", trace_id="t", span_id="1", parent_span_id="0", response_id="r1", end_ns=10),
        Call(id="t:2", trace_id="t", span_id="2", parent_span_id="0", response_id="r2", end_ns=20),
    ]
    asked = [
        Feedback(id="a", call_id="t:1", trace_id="t", span_id="1"),
        Feedback(id="b", response_id="r2"),
        Feedback(id="c", call_id="t:0", trace_id="t", span_id="0", at_ns=15),
        Feedback(id="d", trace_id="t"),
        Feedback(id="e", trace_id="other"),
    ]
    assert [found.call_id for found in link(calls, asked)] == ["t:1", "t:2", "t:1", "t:2", ""]


def test_the_correction_attribute_can_be_named(tmp_path):
    """An application's own attribute name for the corrected answer is an option."""
    log = {
        "eventName": "gen_ai.evaluation.result",
        "traceId": f"{1:032x}",
        "spanId": f"{2:016x}",
        "attributes": [attribute("gen_ai.evaluation.name", "fix"), attribute("acme.better", "Good day")],
    }
    path = write(tmp_path / "x.jsonl", {"resourceLogs": [{"scopeLogs": [{"logRecords": [log]}]}]})
    _, (said,), *_ = everything(path, options={"corrections": ["acme.better"]})
    assert said.correction == "Good day"


@pytest.mark.skipif(not BOOKING.exists(), reason="needs ../shared/traces/booking_desk")
def test_three_weeks_of_the_booking_desk_are_accounted_for():
    """2,080 calls each once, 130 repeated spans, one cut line, 990 feedback records with 547 corrections, all linked."""
    calls, feedback, quarantined, counts, _ = everything(BOOKING)
    assert (len(calls), len({call.id for call in calls})) == (2080, 2080)
    assert counts["repeated_spans"] == 130
    assert sum(call.error is not None for call in calls) == 27
    assert all(call.route == "POST /bookings/messages" and call.session_id and call.user_id for call in calls)
    (bad,) = quarantined
    assert (Path(bad.file).name, bad.line, "cut" in bad.reason) == ("calls-2026-11-05.otlp.jsonl.gz", 16, True)
    linked = {said.call_id for said in link(calls, feedback)}
    assert len(feedback) == 990
    assert linked <= {call.id for call in calls}
    assert sum(said.correction is not None for said in feedback) == 547


def test_redaction_is_on_unless_it_is_switched_off(tmp_path):
    """Personal data is replaced by default, counted by kind, and kept only where the option says so."""
    path = write(tmp_path / "x.jsonl", request(*spans(1, text="I am ada@example.com")))
    (call,), _, _, counts, _ = everything(path)
    assert "<EMAIL_" in call.input[0].text
    assert counts["redacted:email"] == 1
    (call,), *_ = everything(path, options={"redact": False})
    assert call.input[0].text == "I am ada@example.com"
