"""What goes wrong with one record or one file stays with it: the reason is kept, the rest is read, the balance closes."""

import gzip
import json
import os
import socket

import pytest
import zstandard

from harness.errors import InputError, StorageError
from harness.ingest import barrier, step
from harness.ingest.barrier import Bad
from harness.ingest.door import EXCERPT, StoreDoor
from harness.ingest.stage import ingest
from harness.project import Project
from harness.redact.redaction import RedactionError, Redactor
from harness.sections import Config
from tests.ingest.test_fuzzed import GOOD, nested
from tests.ingest.test_fuzzed import read as balance

CARD = "4111 1111 1111 1111"


def read(*paths, redact=False, **limits):
    """Trace ids of the calls, and what was rejected."""
    calls, rejected = [], []
    for batch in ingest([str(path) for path in paths], options={"redact": redact, "limits": limits}):
        calls += batch.calls
        rejected += batch.quarantined
    return {call.trace_id for call in calls}, rejected


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "good.jsonl").write_text(GOOD)
    return tmp_path


def spans_of(record):
    return record["resourceSpans"][0]["scopeSpans"][0]["spans"]


WRONG = {
    "a boolean as kind": {"kind": True},
    "attributes that are no list": {"attributes": 3},
    "attributes that are numbers": {"attributes": [1, 2]},
    "events that are numbers": {"events": [1]},
    "a status that is a list": {"status": [1]},
    "ids that are lists": {"traceId": [1], "spanId": {}},
    "a time beyond all clocks": {"startTimeUnixNano": "9" * 400},
    "a huge integer": {"kind": 10**40},
    "a deep value": {"attributes": [{"key": "gen_ai.request.seed", "value": nested(900)}]},
    "an infinite number": {"attributes": [{"key": "gen_ai.request.top_p", "value": {"doubleValue": "Infinity"}}]},
    "NUL and surrogates": {"name": "\x00\ud800", "traceId": "\ud800" * 32},
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_field_costs_its_span_only(tmp_path, wrong):
    """In one request with a good span the good one is stored, whatever the other holds; the command ends well."""
    record = json.loads(GOOD)
    good = spans_of(record)[0]
    odd = {**good, "traceId": "0dd0" * 8, "spanId": "0dd0" * 4}
    odd = {**odd, **WRONG[wrong], "attributes": [*good["attributes"], *_listed(WRONG[wrong].get("attributes"))]}
    if wrong == "attributes that are no list":
        odd["attributes"] = 3
    record["resourceSpans"][0]["scopeSpans"][0]["spans"] = [odd, good]
    (tmp_path / "x.jsonl").write_text(json.dumps(record))
    project = Project.open(Config(root=str(tmp_path / "project")))
    for _ in range(2):
        step.ingest(project, [str(tmp_path / "x.jsonl")])
    assert "900d" * 8 in {call.trace_id for call in project.store.traces.calls()}
    assert not project.store.traces.verify()


def _listed(value):
    return value if isinstance(value, list) else []


@pytest.mark.parametrize(
    "line",
    [
        '{"custom_id": "a", "response": {"body": {"choices": []}}, "error": null}',
        '{"object": "chat.completion", "id": "a", "choices": 5}',
        '{"input": 4, "preferred_output": [], "non_preferred_output": {}}',
        '{"object": "list", "data": [4, {"id": []}, {"role": "user", "id": "x-0"}]}',
        '{"request": {"messages": 3}, "response": {"choices": [[]]}}',
        '{"messages": [{"role": ["user"], "content": 7}]}',
        json.dumps(nested(10_000 // 40)),
        '{"a": ' * 10_000,
        "[" * 5_000_000,
        "{" * 5_000_000,
    ],
    ids=lambda line: line[:40],
)
def test_a_malformed_record_costs_no_other(folder, line):
    """Records of OpenAI's files with nothing where something is expected, and nesting without an end."""
    (folder / "bad.jsonl").write_text(f"{line}\n{GOOD.replace('900d', '900e')}\n")
    calls, rejected = read(folder)
    assert {"900d" * 8, "900e" * 8} <= calls
    assert all(bad.reason and bad.file.endswith("bad.jsonl") for bad in rejected)
    _, totals, fates = balance(folder, redact=False)
    assert totals["read"] == fates


def test_a_span_that_spoils_its_trace_is_set_aside(folder, monkeypatch):
    """One piece that makes the join raise is rejected by itself; the others of its trace are joined as ever."""
    from harness.ingest.formats import _trace

    honest = _trace.draft_of
    monkeypatch.setattr(_trace, "draft_of", lambda span: [][1] if span.span_id == "bad0" * 4 else honest(span))
    record = json.loads(GOOD)
    good = spans_of(record)[0]
    spans_of(record).extend([{**good, "spanId": "bad0" * 4}, {**good, "spanId": "900f" * 4}])
    (folder / "x.jsonl").write_text(json.dumps(record))
    calls, totals, fates = balance(folder, redact=False)
    assert {call.span_id for call in calls} == {"900d" * 4, "900f" * 4}
    assert totals["read"] == fates
    (bad,) = read(folder)[1]
    assert "IndexError" in bad.reason and "bad0" in bad.excerpt and bad.line == 1


def odd_files(folder):
    os.mkfifo(folder / "pipe.jsonl")
    (folder / "nowhere.jsonl").symlink_to(folder / "is not there")
    (folder / "endless.jsonl").symlink_to("/dev/zero")
    (folder / "round.jsonl").symlink_to(folder / "round.jsonl")
    (folder / "folder.jsonl").mkdir()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / "socket.jsonl"))
    listener.close()
    return {"pipe.jsonl", "nowhere.jsonl", "endless.jsonl", "round.jsonl", "socket.jsonl"}


@pytest.mark.timeout(120)
def test_only_files_with_an_end_are_read(folder):
    """A named pipe, a device, a socket and links to nowhere are named with their reason, and nothing waits for them."""
    odd = odd_files(folder)
    calls, rejected = read(folder)
    assert calls == {"900d" * 8}
    assert {os.path.basename(bad.file) for bad in rejected} == odd
    reasons = " ".join(bad.reason for bad in rejected)
    assert all(said in reasons for said in ("named pipe", "device", "socket", "No such file", "symbolic links"))
    with pytest.raises(InputError) as error:
        read(folder / "pipe.jsonl")
    assert error.value.exit == 5 and "pipe.jsonl" in error.value.where and error.value.next


def test_a_file_name_that_is_no_text_is_read_and_shown(folder):
    """Bytes that are not UTF-8 stand in a file's name as escapes, wherever it is shown and stored."""
    name = os.fsencode(folder) + b"/caf\xe9.jsonl"
    with open(name, "w") as file:
        file.write(GOOD.replace("900d", "900e") + "\n{broken\n")
    calls, rejected = read(folder)
    assert calls == {"900d" * 8, "900e" * 8}
    assert [os.path.basename(bad.file) for bad in rejected] == [r"caf\xe9.jsonl"]
    project = Project.open(Config(root=str(folder / "project")))
    assert step.ingest(project, [str(folder / "good.jsonl"), os.fsdecode(name)]).calls == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_named(folder):
    """A file and a folder without rights cost nothing but themselves."""
    (folder / "secret.jsonl").write_text(GOOD)
    (folder / "closed").mkdir()
    for name in ("secret.jsonl", "closed"):
        (folder / name).chmod(0)
    calls, rejected = read(folder)
    (folder / "closed").chmod(0o700)
    assert calls == {"900d" * 8}
    assert sorted(os.path.basename(bad.file) for bad in rejected) == ["closed", "secret.jsonl"]
    assert all("Permission denied" in bad.reason for bad in rejected)


def test_a_folder_that_cannot_be_listed_is_named(folder, monkeypatch):
    """What a folder without rights hides is not passed over in silence."""
    denied = PermissionError(13, "Permission denied", str(folder / "closed"))

    def walk(path, onerror):
        onerror(denied)
        yield str(folder), [], ["good.jsonl"]

    monkeypatch.setattr("harness.ingest.containers.sources.os.walk", walk)
    calls, rejected = read(folder)
    assert calls == {"900d" * 8} and [os.path.basename(bad.file) for bad in rejected] == ["closed"]


def test_a_file_that_vanishes_while_it_is_read_is_named(folder, monkeypatch):
    """An error of the disk in the middle rejects the file, and none of its records is kept."""
    from harness.ingest.containers import reading

    (folder / "gone.jsonl").write_text(GOOD.replace("900d", "900e"))
    honest = reading._lines

    def broken(*args, **named):
        yield from honest(*args, **named)
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(reading, "_lines", broken)
    calls, rejected = read(folder / "gone.jsonl")
    assert calls == set() and [bad.reason for bad in rejected] == ["damaged file: Input/output error"]
    monkeypatch.undo()
    assert read(folder / "gone.jsonl") == ({"900e" * 8}, [])


EMPTY = {"x.gz": gzip.compress(b""), "cut.gz": gzip.compress(GOOD.encode())[:-12], "x.zip": b"PK\x05\x06" + bytes(18)}
EMPTY |= {"cut.zip": b"PK\x03\x04", "x.parquet": b"PAR1PAR1", "cut.parquet": b"PAR1", "zst": b"\x28\xb5\x2f\xfd"}
EMPTY["cut.zst"] = zstandard.ZstdCompressor().compress(GOOD.encode() * 3)[:-9]


@pytest.mark.parametrize("name", EMPTY)
def test_an_empty_or_cut_container_costs_no_other(folder, name):
    """Compressed and columnar files without content, or without their end."""
    (folder / name).write_bytes(EMPTY[name])
    calls, rejected = read(folder)
    assert calls == {"900d" * 8}
    assert name == "x.gz" or [os.path.basename(bad.file) for bad in rejected] == [name]


def test_a_full_disk_is_no_fault_of_a_record(folder, monkeypatch):
    """What cannot be written to the temporary folder ends the command; no file is called broken for it."""
    monkeypatch.setattr("harness.ingest.parse._pack", lambda _: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(StorageError) as error:
        read(folder)
    assert "space" in error.value.next and error.value.exit == 6


def test_our_own_errors_pass():
    """A wrong option is the user's to fix, not a broken record."""
    with pytest.raises(StorageError):
        barrier.tried(lambda: (_ for _ in ()).throw(StorageError("full")), str)
    assert list(barrier.guarded(iter([1, 2]), str)) == [1, 2]
    assert barrier.why(IndexError("list index out of range")) == "cannot be read: IndexError: list index out of range"


# ------------------------------------------------------------ limits


def test_each_limit_is_named_where_it_is_passed(folder):
    """A long record, a bomb, barren bytes and records that nothing claims: each with its own reason."""
    files = {
        "record": (b'{"a": 1}\n{"a": "' + b"x" * 2**20 + b'"}\n', {"record_mib": 1}, "record longer than 1 MiB"),
        "document": (b'{"a": "' + b"x" * 2**20 + b'"}', {"document_mib": 1}, "document longer than 1 MiB"),
        "bomb": (gzip.compress(b'{"a": "' + b"x" * 2**24), {"unpacked_mib": 1}, "more than 400 times its size"),
        "barren": (b'{"a": 1}\n' + b"\n" * 2**21, {"barren_mib": 1}, "more than 1 MiB without a record"),
        "unclaimed": (
            b'{"a": 1}\n' * 30,
            {"barren_records": 20},
            "more than 20 records in a row that no format claims",
        ),
        "page": (json.dumps([{}] * 30).encode(), {"barren_records": 20}, "more than 20 records in a row"),
    }
    for name, (data, limits, reason) in files.items():
        (folder / "x").write_bytes(data)
        calls, rejected = read(folder, **limits)
        assert calls == {"900d" * 8}, name
        assert any(reason in bad.reason for bad in rejected), (name, [bad.reason for bad in rejected])


@pytest.mark.timeout(120)
@pytest.mark.parametrize("start", [b"", b'{"a": 1}\n'], ids=["of nothing", "with a record"])
def test_a_sparse_file_is_not_read_to_its_end(folder, start):
    """A terabyte that the disk does not hold is told by its blocks."""
    with (folder / "sparse").open("wb") as file:
        file.write(start)
        file.truncate(2**40)
    calls, rejected = read(folder)
    assert calls == {"900d" * 8}
    assert "sparse" in rejected[0].reason


def test_limits_are_settings(tmp_path):
    """[ingest.limits] reaches the reader."""
    from harness.config import load
    from harness.ingest.settings import options

    (tmp_path / "trueup.toml").write_text("[ingest.limits]\nrecord_mib = 3\n")
    project = Project.open(load(tmp_path))
    assert options(project)["limits"]["record_mib"] == 3


# ------------------------------------------------------------ redaction comes before the cut


@pytest.mark.parametrize("before", range(0, 200, 7))
def test_no_part_of_a_secret_is_in_an_excerpt(before):
    """Wherever the excerpt ends, a card, a key or an address across its end is gone as a whole."""
    door = StoreDoor(Redactor(salt="s"))
    for secret in (CARD, "ann.example.person@example.org", "sk-proj-abcDEF1234567890ghijKLMN", "x" * 9000 + CARD):
        text = "y " * (before // 2) + f"card {secret} end"
        bad = door.bad("f", Bad(f"broken: {text}", 3, text.encode()))
        assert len(bad.excerpt) <= EXCERPT and (bad.line, bad.file) == (3, "f")
        for shown in (bad.excerpt, bad.reason):
            assert not any(part in shown for part in ("4111", "person@", "DEF1234")), shown


def test_a_private_key_is_not_shown_where_it_is_cut():
    """A key that begins in the excerpt and ends far behind it, or never."""
    door = StoreDoor(Redactor(salt="s"))
    for size in (1500, 3000, 20_000):
        key = "-----BEGIN PRIVATE KEY-----\n" + "MIIEvQIBADANBgkq" * (size // 16)
        assert "MIIE" not in door.bad("f", Bad("broken", 1, f'{{"k": "{key}'.encode())).excerpt


def test_a_record_that_redaction_cannot_read_is_set_aside_without_a_word(folder, monkeypatch):
    """It is rejected with no excerpt; when redaction fails for everything, the command ends and nothing is stored."""
    from harness.redact.redactors import card

    honest = card.confirm

    def broken(text, *span):
        return honest(text, *span) if b"5500" not in text else 1 // 0

    said = '"my card 5500 0000 0000 0004"'
    (folder / "x.jsonl").write_text(GOOD.replace("900d", "900e").replace('"hi"', said))
    monkeypatch.setattr(card, "confirm", broken)
    calls, rejected = read(folder, redact=True)
    assert calls == {"900d" * 8}
    assert [(bad.excerpt, bad.reason) for bad in rejected] == [
        ("", "cannot be stored: redaction failed: ZeroDivisionError")
    ]
    monkeypatch.setattr(card, "confirm", lambda *_: 1 // 0)
    with pytest.raises(RedactionError):
        read(folder, redact=True)
