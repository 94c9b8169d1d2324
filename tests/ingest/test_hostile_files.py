"""Files that were made to break a reader, or were broken: that file goes to quarantine, and the rest goes on."""

import io
import json
import random
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.ingest.containers import tabular
from harness.ingest.stage import ingest
from tests.ingest.formats import derive

GOOD = derive.lines("otel-genai-openai_1.3b0_SPAN_ONLY.traces*")[:2]

COUNT = json.dumps(GOOD).count('"gen_ai.operation.name"')


def read(folder, **limits):
    """Calls of the good file beside the hostile one, and what was quarantined."""
    (folder / "good.jsonl").write_text("".join(json.dumps(record) + "\n" for record in GOOD))
    calls, quarantined = [], []
    for batch in ingest([str(folder)], options={"redact": False, "limits": limits}):
        calls += batch.calls
        quarantined += batch.quarantined
    return calls, quarantined


def parquet(rows):
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), out)
    return out.getvalue()


ROWS = [{"run_id": f"r{n}", "key": "thumb", "score": 1.0, "trace_id": f"t{n}"} for n in range(50)]


def encrypted():
    data = bytearray(derive.zipped({"x.jsonl": b"{}"}))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + place] |= 1
    return bytes(data)


def nested_zip():
    return derive.zipped({"inner.zip": derive.zipped({"x.jsonl": b"{}"})})


HOSTILE = {
    "a cut zip": derive.zipped({"x.jsonl": b"{}" * 500})[:-30],
    "an encrypted zip": encrypted(),
    "a zip in a zip": nested_zip(),
    "a cut Parquet file": parquet(ROWS)[:-20],
    "Parquet's magic and nothing else": b"PAR1" + bytes(100),
    "a multipart body without an end": b'--x\r\nContent-Disposition: form-data; name="post.a"\r\n\r\n{',
    "a length that promises gigabytes": b"\x7f\xff\xff\xff\x0a" + bytes(50),
    "protobuf that is none": b"\x0a" + bytes(range(1, 200)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_quarantined_and_the_others_are_read(tmp_path, name):
    """The good file's calls are all there; the bad one is named with a reason."""
    (tmp_path / "bad.bin").write_bytes(HOSTILE[name])
    calls, quarantined = read(tmp_path)
    assert len(calls) == COUNT
    assert quarantined and all(bad.file.endswith("bad.bin") and bad.reason for bad in quarantined)


def test_a_zip_bomb_is_stopped_by_what_all_its_members_unpack_to(tmp_path):
    """Many members that are small each count together."""
    line = b'{"a": "' + b"0" * 2**19 + b'"}\n'
    (tmp_path / "bomb.zip").write_bytes(derive.zipped({f"{n}.jsonl": line for n in range(9)}))
    calls, quarantined = read(tmp_path, unpacked_mib=1, unpacked_ratio=1)
    assert len(calls) == COUNT
    assert any("unpacks to more than" in bad.reason for bad in quarantined)


def test_a_parquet_file_of_very_many_rows_in_few_bytes_is_refused(tmp_path, monkeypatch):
    """The promise of rows is judged by the size of the file before any is decoded."""
    monkeypatch.setattr(tabular, "FREE_ROWS", 10)
    monkeypatch.setattr(tabular, "ROWS_A_BYTE", 0)
    (tmp_path / "many.parquet").write_bytes(parquet(ROWS))
    assert any("rows in so small a file" in bad.reason for bad in read(tmp_path)[1])


def test_the_names_in_an_archive_form_no_path(tmp_path):
    """A member named like a path out of the folder is read, and written nowhere."""
    with zipfile.ZipFile(tmp_path / "slip.zip", "w") as archive:
        archive.writestr("../../outside.jsonl", json.dumps(GOOD[0]))
    assert len(read(tmp_path)[0]) >= 2
    assert not list(tmp_path.parent.glob("**/outside*"))


def test_one_span_that_is_nested_too_deeply_costs_no_other(tmp_path):
    """A value of hundreds of levels in one span of a batch; its neighbours are read."""
    record = json.loads(json.dumps(GOOD[0]))
    deep = '{"kvlistValue": {"values": [{"key": "k", "value": ' * 240 + "{}" + "}]}}" * 240
    scoped = record["resourceSpans"][0]["scopeSpans"][0]
    odd = {**scoped["spans"][0], "spanId": "ab" * 8, "attributes": [{"key": "deep", "value": "DEEP"}]}
    scoped["spans"] = [odd, *scoped["spans"]]
    (tmp_path / "deep.json").write_text(json.dumps(record).replace('"DEEP"', deep))
    calls, quarantined = read(tmp_path)
    assert len(calls) == COUNT
    assert len(quarantined) <= 1


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6), which=st.sampled_from(["parquet", "zip", "multipart", "csv"]))
def test_a_flipped_bit_anywhere_raises_nothing(tmp_path_factory, seed, which):
    """Every container with one bit flipped is read or quarantined, and the file beside it is read."""
    whole = {
        "parquet": parquet(ROWS),
        "zip": derive.zipped({"x.jsonl": json.dumps(GOOD[0]).encode()}),
        "multipart": b'--x\r\nContent-Disposition: form-data; name="post.a"\r\n\r\n{"id": "a"}\r\n--x--\r\n',
        "csv": b"run_id,key,score\nr,thumb,1\n",
    }[which]
    data, place = bytearray(whole), random.Random(seed).randrange(len(whole) * 8)
    data[place // 8] ^= 1 << place % 8
    folder = tmp_path_factory.mktemp("flip")
    (folder / "bad.bin").write_bytes(bytes(data))
    assert {call.id for call in read(folder)[0]} >= {call.id for call in read(tmp_path_factory.mktemp("good"))[0]}
