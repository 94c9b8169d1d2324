"""Ingest as a command: what it says of every record, and that the table never depends on how the files came."""

import gzip
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import fsspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from harness.errors import InputError
from harness.ingest import step as ingest_step
from harness.project import Project
from harness.sections import Config
from harness.types import Call, Source
from tests.ingest.formats import derive

EXPORTS = derive.EXPORTS
LEGACY = "otel-openai-v2_2.4b0_legacy-events_content"


@pytest.fixture
def work(tmp_path):
    return Project.open(Config(root=str(tmp_path)))


def stored(work):
    return {call.id: replace(call, source=Source(format="")) for call in work.store.traces.calls()}


def exports(*patterns):
    return [str(path) for pattern in patterns for path in sorted(EXPORTS.glob(pattern))]


def test_an_export_that_was_sent_twice_is_counted_once(work):
    """29 calls, each repeated once; a second reading of the same file stores nothing and says so."""
    paths = exports("otel-genai-openai_1.3b0_export-retry.collector*")
    first = ingest_step.ingest(work, paths)
    assert (first.calls, first.usable, first.incomplete, first.repeated, first.conflicts) == (29, 26, 3, 29, 0)
    assert first.formats == {"genai": 29}
    again = ingest_step.ingest(work, paths)
    assert (again.calls, again.repeated, again.formats) == (0, 29, {})


def test_a_file_that_nobody_understood_is_read_again(work, tmp_path):
    """A later version may know its format; until then its lines stay in quarantine once."""
    (tmp_path / "odd.jsonl").write_text('{"neither": "call"}\n')
    said = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]
    (tmp_path / "good.jsonl").write_text(json.dumps({"messages": said}) + "\n")
    for repeated in (0, 1):
        found = ingest_step.ingest(work, [str(tmp_path / "odd.jsonl"), str(tmp_path / "good.jsonl")])
        assert (found.quarantined, found.repeated) == (1 - repeated, 2 * repeated)
    assert work.store.traces.counts()["quarantined"] == 1


def test_two_libraries_on_one_client_are_one_call_each(work):
    """60 recordings are 30 calls, and the other 30 are repeated."""
    found = ingest_step.ingest(work, exports("dual_traceloop*"))
    assert (found.calls, found.usable, found.repeated) == (30, 27, 30)


@pytest.mark.parametrize(
    ("one", "two", "calls"),
    [
        ("phoenix_20.26.1.spans_dataframe.jsonl*", "phoenix_20.26.1.spans_dataframe.parquet", 30),
        ("mlflow_3.17.2_openai-autolog.to_json*", "mlflow_3.17.2_openai-autolog.search_traces_df*", 29),
        ("otel-genai-openai_1.3b0_SPAN_ONLY.traces*", "derived/gzip*", 29),
        (
            "otel-genai-openai_1.3b0_export-retry.collector*",
            "otel-genai-openai_1.3b0_export-retry_otlp-http-protobuf/*",
            29,
        ),
    ],
)
@pytest.mark.parametrize("together", [True, False])
def test_the_same_calls_in_another_format_are_repeated(work, one, two, calls, together):
    """Another export of the same ids brings no new call and no conflict, in the same command or a later one."""
    commands = [exports(one, two)] if together else [exports(one), exports(two)]
    found = [ingest_step.ingest(work, paths) for paths in commands]
    assert sum(each.calls for each in found) == calls == len(stored(work))
    assert sum(each.conflicts for each in found) == 0
    assert sum(each.repeated for each in found) >= calls


def test_fates_add_up_to_what_was_read(work, tmp_path):
    """Every record has one fate, in what the command says and in what the table counts."""
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"hello": "world"}\n{"cut": \n')
    paths = [*exports(f"{LEGACY}.*", "langsmith*"), str(bad)]
    for _ in range(2):
        found = ingest_step.ingest(work, paths)
        assert found.calls == found.usable + found.incomplete
    counts = work.store.traces.counts()
    fates = ("calls", "repeated", "conflicts", "feedback", "feedback_repeated", "quarantined", "quarantined_repeated")
    assert counts["read"] == sum(counts[fate] for fate in fates)
    assert (counts["calls"], counts["feedback"], counts["corrections"], counts["quarantined"]) == (55, 8, 4, 2)


@settings(max_examples=5)
@given(
    seed=st.integers(0, 10**6), files=st.integers(1, 4), how=st.sampled_from(["together", "logs first", "spans first"])
)
def test_order_repetition_and_splitting_never_change_the_table(tmp_path_factory, seed, files, how):
    """Spans and log records shuffled, some twice, over files, and in one command or two, give the same calls."""
    rng, folder = random.Random(seed), tmp_path_factory.mktemp("split")
    spans, logs = derive.lines(f"{LEGACY}.traces*")[:6], derive.lines(f"{LEGACY}.logs*")[:6]
    straight = _read(folder / "straight", [[_write(folder / "all.jsonl", spans + logs)]])
    commands = {"together": [spans + logs], "logs first": [logs, spans, logs[:2]], "spans first": [spans, logs]}[how]
    paths = []
    for number, records in enumerate(commands):
        mixed = records + rng.sample(records, 2)
        rng.shuffle(mixed)
        paths.append([_write(folder / f"{number}-{place}.jsonl", mixed[place::files]) for place in range(files)])
    assert _read(folder / "split", paths) == straight


def _write(path: Path, records: list[dict]) -> str:
    path.write_bytes(b"".join(json.dumps(record).encode() + b"\n" for record in records))
    return str(path)


def _read(folder: Path, commands: list[list[str]]) -> tuple:
    work = Project.open(Config(root=str(folder)))
    for paths in commands:
        ingest_step.ingest(work, paths)
    return stored(work), {said.id for said in work.store.traces.feedback()}


def _trueup(*words: str, cwd: Path, stdin: bytes = b"") -> dict:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "trueup", *words],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_the_command_ends_with_one_object_and_reads_standard_input(tmp_path):
    """`trueup ingest --json -` says exactly what became of everything that was piped in."""
    (tmp_path / "trueup.toml").touch()
    (path,) = exports("braintrust*")
    told = _trueup("ingest", "--json", "-", cwd=tmp_path, stdin=gzip.decompress(Path(path).read_bytes()))
    assert told.pop("feedback_read")["linked"] == {"only": 4}
    assert told == {
        "calls": 29,
        "usable": 23,
        "repeated": 0,
        "media": 2,
        "conflicts": 0,
        "incomplete": 6,
        "quarantined": 0,
        "feedback": 4,
        "corrections": 2,
        "linked": 4,
        "waiting": 0,
        "superseded": 0,
        "formats": {"braintrust": 29},
        "records": 59,
        "others": {"application": 1, "tool": 1, "workflow": 24},
        "reasons": {},
    }


def test_an_address_is_read_like_a_path(work, tmp_path):
    """fsspec addresses, globs in them too."""
    (path,) = exports("litellm*")
    assert ingest_step.ingest(work, [f"file://{Path(path).parent}/litellm*"]).calls == 11


@pytest.fixture
def bucket():
    """A remote store with one export in it, under a folder that lists itself, as buckets do."""
    (path,) = exports("litellm*")
    system = fsspec.filesystem("memory")
    system.store.clear()
    for name in ("/day 1/calls.jsonl", "/day 1/.hidden/calls.jsonl"):
        system.pipe(name, Path(path).read_bytes())
    yield system
    system.store.clear()


def test_a_remote_folder_is_read_without_what_is_hidden(work, bucket):
    """Every object below an address, once; a second reading is repeated, and a wrong address says what to do."""
    assert ingest_step.ingest(work, ["memory://day 1/"]).calls == 11
    again = ingest_step.ingest(work, ["memory://day 1/*.jsonl"])
    assert (again.calls, again.repeated) == (0, 11)
    for wrong in ("memory://day 2/", "nosuch://day 1/"):
        with pytest.raises(InputError) as error:
            ingest_step.ingest(work, [wrong])
        assert error.value.next and error.value.where == wrong


@pytest.mark.parametrize("error", [ConnectionResetError("gone"), RuntimeError("a fault of its own kind")])
def test_a_broken_connection_does_not_pass_for_a_damaged_file(work, bucket, monkeypatch, error):
    """What breaks off is in quarantine, and the same address is read when the connection is back."""

    def broken(*_):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr("harness.ingest.containers.sources.shutil.copyfileobj", broken)
        with pytest.raises(InputError):
            ingest_step.ingest(work, ["memory://day 1/"])
    assert work.store.traces.counts()["quarantined"] == 1
    assert ingest_step.ingest(work, ["memory://day 1/"]).calls == 11


def test_a_call_is_completed_by_a_later_export_and_contradicted_by_another(work, tmp_path):
    """Log records first and spans later are whole calls; another answer under a known id is a conflict."""
    assert ingest_step.ingest(work, exports(f"{LEGACY}.logs*")).usable == 0
    ingest_step.ingest(work, exports(f"{LEGACY}.traces*"))
    calls = list(work.store.traces.calls())
    assert sum(call.usable for call in calls) > 15
    assert not any("conflict" in call.flags for call in calls)
    changed = json.dumps(derive.lines(f"{LEGACY}.logs*")).replace(
        "You can request a refund", "You can never get a refund"
    )
    (tmp_path / "other.json").write_text(changed)
    found = ingest_step.ingest(work, [str(tmp_path / "other.json")])
    assert 0 < found.conflicts < 25
    assert isinstance(next(c for c in work.store.traces.calls() if "conflict" in c.flags), Call)
