"""The trace table: each record once, conflicts flagged, fates that add up."""

from pathlib import Path

import pandas as pd
import pytest
from deltalake import DeltaTable
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import StorageError
from harness.store import Store
from harness.types import Source

FILE = "f" * 64


def test_what_was_merged_is_read_back_in_order_of_time(store, call, feedback, quarantined):
    """Nouns come back equal, calls by start time and id."""
    calls = [call(3), call(1), call(2)]
    store.traces.merge(calls, [feedback(1)], [quarantined(7)])
    assert list(store.traces.calls()) == [calls[0], calls[2], calls[1]]
    assert list(store.traces.feedback()) == [feedback(1)]
    assert list(store.traces.quarantined()) == [quarantined(7)]


def test_calls_of_many_files_are_read_as_one_ordered_stream(store, call):
    """Order holds across merges, not only within one."""
    for number in (5, 1, 4, 2, 3):
        store.traces.merge([call(number)], [], [])
    starts = [one.start_ns for one in store.traces.calls()]
    assert starts == sorted(starts) and len(starts) == 5


def test_the_same_call_from_another_file_is_repeated(store, call):
    """Where a call was read does not make it another call."""
    store.traces.merge([call(1, file="a.jsonl")], [], [])
    merged = store.traces.merge([call(1, file="b.jsonl")], [], [])
    assert (merged.stored, merged.repeated, merged.conflicts) == (0, 1, 0)


@pytest.mark.parametrize("together", [True, False])
def test_another_content_under_the_same_id_is_a_conflict(store, call, together):
    """Both contents are kept, and the call that stands for them is flagged and unusable."""
    pair = [call(1, reply="yes"), call(1, reply="no")]
    for batch in [pair] if together else [pair[:1], pair[1:]]:
        merged = store.traces.merge(batch, [], [])
    assert merged.conflicts == 1
    (found,) = store.traces.calls()
    assert found.flags == ("conflict",) and not found.usable
    assert store.traces.call(found.id) == found
    counts = store.traces.counts()
    assert (counts["calls"], counts["conflicts"], counts["usable"]) == (1, 1, 0)


def test_counts_add_up_to_all_that_was_read(store, call, feedback, quarantined):
    """Every record read has one fate, also after a second reading and in another process."""
    calls = [call(1), call(2), call(2), call(3, output=())]
    for _ in range(2):
        store.traces.merge(calls, [feedback(1, correction="no"), feedback(2)], [quarantined(1)])
    counts = Store.open(store.root).traces.counts()
    fates = ("calls", "repeated", "conflicts", "feedback", "feedback_repeated", "quarantined", "quarantined_repeated")
    assert counts["read"] == 14 == sum(counts[fate] for fate in fates)
    assert (counts["calls"], counts["usable"], counts["incomplete"], counts["repeated"]) == (3, 2, 1, 5)
    assert (counts["feedback"], counts["corrections"]) == (2, 1)


def test_a_merged_file_is_known_afterwards(store, call):
    """A file digest is remembered with the records, also when it brought nothing new."""
    store.traces.merge([call(1)], [], [])
    assert not store.traces.seen(FILE)
    store.traces.merge([], [], [], files={FILE: "a.jsonl"})
    assert Store.open(store.root).traces.seen(FILE)


def test_the_version_tells_content_only(store, call):
    """Empty at first; changed by a new call, not by a repeated one, a broken record or a receipt."""
    assert store.traces.version() == ""
    store.traces.merge([call(1)], [], [])
    version = store.traces.version()
    store.traces.merge([call(1)], [], [], files={FILE: "b.jsonl"})
    assert store.traces.version() == version
    store.traces.merge([call(2)], [], [])
    assert store.traces.version() != version


def test_an_empty_merge_writes_nothing(store):
    """Nothing read, nothing written."""
    store.traces.merge([], [], [])
    assert not (store.root / "traces").exists()


records = st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["yes", "no"])), min_size=1, max_size=8)


@settings(max_examples=12)
@given(found=records, data=st.data())
def test_order_repetition_and_splitting_change_nothing(tmp_path_factory, call, found, data):
    """Any way of delivering the same records gives the same version and the same calls."""
    again = data.draw(st.permutations(found + data.draw(st.lists(st.sampled_from(found), max_size=3))))
    cut = data.draw(st.integers(0, len(again)))
    states = []
    for batches in ([found], [again[:cut], again[cut:]]):
        traces = Store.open(tmp_path_factory.mktemp("store")).traces
        for batch in batches:
            traces.merge([call(number, reply=reply) for number, reply in batch], [], [])
        states.append((traces.version(), list(traces.calls())))
    assert states[0] == states[1]


def test_many_small_files_are_joined(store, call, monkeypatch):
    """After many merges reading opens few files, and nothing is lost or counted twice."""
    monkeypatch.setattr("harness.store.traces.MANY_FILES", 4)
    for number in range(7):
        store.traces.merge([call(number)], [], [])
    files = list((store.root / "traces" / "kind=call").glob("*.parquet"))
    assert len(files) <= 6
    assert len(list(store.traces.calls())) == store.traces.counts()["read"] == 7
    assert store.verify() == []


def test_what_is_forgotten_leaves_the_disk(store, call, feedback):
    """A user's calls and the feedback on them are gone from every file; the counts say so."""
    mine, other = call(1, user_id="user-who-left"), call(2, user_id="user-who-stays")
    store.traces.merge([mine, other], [feedback(1, comment="left too"), feedback(2)], [])
    assert store.traces.forget(["user-who-left"]) == (mine.id,)
    assert list(store.traces.calls()) == [other] and [one.call_id for one in store.traces.feedback()] == [other.id]
    bodies = [pd.read_parquet(path).to_json() for path in store.root.rglob("*.parquet")]
    logs = [path.read_text() for path in store.root.rglob("*.json")]
    assert not any("who-left" in text for text in bodies + logs)
    assert store.traces.counts()["forgotten"] == 2
    assert store.traces.forget(["user-who-left"]) == ()


def test_other_tools_can_read_the_table(store, call, feedback):
    """It is a plain Delta table with typed columns."""
    store.traces.merge([call(1, model_served="m"), call(2)], [feedback(1, value=-1.0)], [])
    frame = DeltaTable(str(store.root / "traces")).to_pandas()
    assert sorted(frame["kind"]) == ["call", "call", "feedback", "receipt"]
    assert frame.set_index("id").loc[call(1).id, "model"] == "m"
    assert frame.loc[frame["kind"] == "feedback", "value"].tolist() == [-1.0]


def test_a_broken_clock_keeps_no_record_out(store, call):
    """A time beyond 64 bits is stored as it came."""
    late = call(1, start_ns=2**70, source=Source(format=""))
    store.traces.merge([late], [], [])
    assert list(store.traces.calls()) == [late]


@pytest.mark.parametrize("pattern", ["traces/kind=call/*.parquet", "traces.seal.json"])
def test_a_flipped_byte_is_noticed(store, call, pattern):
    """Every flipped byte of a data file and of the seal is named by verify, wherever it is."""
    store.traces.merge([call(number) for number in range(40)], [], [])
    (path,) = store.root.glob(pattern)
    whole = path.read_bytes()
    for place in range(0, len(whole), max(1, len(whole) // 60)):
        _flip(path, whole, place)
        assert str(path) in "".join(Store.open(store.root).verify())
    path.write_bytes(whole)
    assert Store.open(store.root).verify() == []


def test_a_changed_log_is_refused(store, call):
    """A log entry that leads to other files than those acknowledged is not read."""
    for number in (1, 2):
        store.traces.merge([call(number)], [], [])
    entry = store.root / "traces" / "_delta_log" / f"{1:020}.json"
    entry.write_bytes(entry.read_bytes().replace(b'{"add":', b'{"odd":'))
    with pytest.raises(StorageError):
        list(Store.open(store.root).traces.calls())


def _flip(path: Path, whole: bytes, place: int) -> None:
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
