"""What was forgotten stays out, whatever brings it back; others and later calls do not."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import StorageError
from harness.store import Store
from harness.store.traces import Traces
from harness.types import Source

FUTURE = 2**62
FATES = ("calls", "repeated", "conflicts", "feedback", "feedback_repeated", "quarantined", "quarantined_repeated")


def ids(store):
    return {one.id for one in store.traces.calls()}


def adds_up(store):
    counts = store.traces.counts()
    return counts["read"] == sum(counts[fate] for fate in (*FATES, "forgotten", "suppressed"))


@pytest.fixture
def ada(store, call):
    """A call of ada's, stored and forgotten; what reads it again is of another file."""
    mine = call(1, user_id="ada", session_id="s1", response_id="r1", source=Source(format="otlp", span_ids=("a", "b")))
    store.traces.merge([mine, call(2, user_id="bob", session_id="s2")], [], [])
    store.traces.forget(["ada"])
    return mine


def test_a_forgotten_call_does_not_come_back_from_another_export(store, ada, call):
    """The same call in another file is suppressed, in this process and the next; the fates still add up."""
    for opened in (store, Store.open(store.root)):
        merged = opened.traces.merge([call(1, file="new.jsonl", user_id="ada"), call(3)], [], [])
        assert merged.suppressed == 1
    assert ids(store) == {call(2).id, call(3).id}
    counts = store.traces.counts()
    assert (counts["forgotten"], counts["suppressed"]) == (1, 2) and adds_up(store)


def test_the_list_names_nobody(store, ada):
    """No id of the user, the call, its session or its answer can be read from the list."""
    held = (store.root / "suppressed.json").read_text()
    assert len(held) > 300 and not any(id in held for id in (ada.id, ada.trace_id, ada.span_id, '"s1"', '"r1"'))
    assert "ada" not in re.sub("[0-9a-f]{32,}", "", held)  # a hash may well hold these three digits


@pytest.mark.parametrize(
    "other",
    [
        {"id": "gateway-7", "trace_id": "", "span_id": "", "response_id": "r1"},
        {"id": f"{1:032x}:b", "span_id": "b"},
        {"id": "other", "span_id": "c", "user_id": ""},
        {"id": "log", "trace_id": "", "span_id": "", "session_id": "s1"},
    ],
    ids=["its response id", "a span of it", "its trace, of nobody", "its session, of nobody"],
)
def test_other_recordings_of_it_stay_out(store, ada, call, other):
    """A gateway's log, the second library's span, and what names no user in the same trace or session."""
    assert store.traces.merge([call(1, **other)], [], []).suppressed == 1


def test_a_users_older_calls_stay_out_and_later_ones_do_not(store, ada, call):
    """Stored or not when it was forgotten: what began before, or at no known time, stays out; what begins later is stored."""
    known, unknown, later = (call(n, user_id="ada", start_ns=at) for n, at in ((5, 5), (6, 0), (7, FUTURE)))
    assert store.traces.merge([known, unknown, later], [], []).suppressed == 2
    assert later.id in ids(store)


def test_later_calls_stay_out_too_when_that_was_asked_for(store, call):
    """Forgotten with `later`, nothing of that user is stored again; the last command about a user decides."""
    store.traces.forget(["ada"], later=True)
    assert store.traces.merge([call(7, user_id="ada", start_ns=FUTURE)], [], []).suppressed == 1
    store.traces.forget(["ada"])
    assert store.traces.merge([call(7, user_id="ada", start_ns=FUTURE)], [], []).stored == 1


def test_a_broken_clock_brings_nothing_back(store, call):
    """A call whose recorded time lies beyond all clocks stays out when it was forgotten."""
    mad = [call(number, user_id="ada", start_ns=at) for number, at in ((1, 2**70), (2, -5), (3, FUTURE))]
    store.traces.merge(mad, [], [])
    store.traces.forget(["ada"])
    assert store.traces.merge(mad, [], []).suppressed == 3


def test_others_in_the_same_trace_stay(store, call):
    """A batch job's trace: only the user's calls go, and what names nobody; the other user's feedback stays too."""
    batch = {"trace_id": "b" * 32}
    mine, nobody, other = (call(n, user_id=user, **batch) for n, user in ((1, "ada"), (2, ""), (3, "bob")))
    store.traces.merge([mine, nobody, other], [], [])
    assert store.traces.forget(["ada"]) == (mine.id, nobody.id)
    assert ids(store) == {other.id}
    assert store.traces.merge([mine, nobody, other], [], []).suppressed == 2


def test_a_forgotten_trace_stays_out_whoever_it_is_of(store, call, feedback):
    """All calls of the trace, and feedback that knows only the trace; the user's other traces stay."""
    store.traces.merge([call(1, user_id="ada"), call(2, user_id="ada")], [], [])
    store.traces.forget(trace_id=call(1).trace_id)
    again = [call(1, user_id="ada"), call(9, id="x", trace_id=call(1).trace_id, user_id="bob")]
    said = feedback(1, call_id="", trace_id=call(1).trace_id, at_ns=FUTURE)
    assert store.traces.merge([*again, call(2, user_id="ada")], [said], []).suppressed == 3
    assert ids(store) == {call(2).id} and not list(store.traces.feedback())


@pytest.mark.parametrize(
    "on", [{"call_id": f"{1:032x}:{1:016x}"}, {"call_id": "", "trace_id": f"{1:032x}", "span_id": "a"}], ids=str
)
def test_feedback_on_it_that_comes_later_stays_out(store, ada, feedback, on):
    """By the call's id, or by a span of it, whenever it was given; feedback on other calls is stored."""
    merged = store.traces.merge([], [feedback(1, at_ns=FUTURE, **on), feedback(2)], [])
    assert (merged.suppressed, merged.feedback) == (1, 1)


def test_killed_before_the_rows_are_erased_the_same_command_ends_it(store, call, monkeypatch):
    """The list comes first: nothing new comes in meanwhile, and forgetting again finds the rows."""

    def killed(*_):
        raise KeyboardInterrupt

    mine = call(1, user_id="ada")
    store.traces.merge([mine], [], [])
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Traces, "_erase", killed)
        store.traces.forget(["ada"])
    assert store.traces.merge([mine, call(2, user_id="ada")], [], []).suppressed == 2
    assert store.traces.forget(["ada"]) == (mine.id,) and not ids(store)


def test_with_another_salt_nothing_is_read(store, ada, call):
    """A list that could find nobody is an error, not an empty list."""
    (store.root / "salt").write_text("0" * 64)
    with pytest.raises(StorageError, match="salt"):
        store.traces.merge([call(1)], [], [])
    assert call(1).id not in ids(store)


def test_a_changed_list_is_noticed(store, ada, call):
    """A flipped byte is named by verify, and nothing is merged past it."""
    path = store.root / "suppressed.json"
    path.write_bytes(path.read_bytes().replace(b'"until":{"', b'"until":{"0'))
    assert str(path) in store.verify()
    with pytest.raises(StorageError):
        store.traces.merge([call(1)], [], [])


recorded = st.lists(
    st.tuples(st.sampled_from(["", "ada", "bob"]), st.sampled_from(["", "s1", "s2"]), st.integers(0, 2)), max_size=8
)


@settings(max_examples=8)
@given(found=recorded, split=st.integers(0, 8))
def test_reading_everything_again_changes_nothing(tmp_path_factory, call, found, split):
    """Whatever was stored when a user was forgotten: the table after it is the table after reading all of it again."""
    calls = [
        call(number, user_id=user, session_id=session, trace_id=f"{trace:032x}", start_ns=time.time_ns())
        for number, (user, session, trace) in enumerate(found)
    ]
    traces = Store.open(tmp_path_factory.mktemp("store")).traces
    traces.merge(calls, [], [])
    traces.forget(["ada"])
    before = [one.id for one in traces.calls()]
    for part in (calls[split:], calls[:split]):
        traces.merge(part, [], [])
    assert [one.id for one in traces.calls()] == before
    assert not any(one.user_id == "ada" for one in traces.calls())
