"""A store in a bucket, with one in memory: what a second machine has, two writers, kills, lost memory, damage, forgetting."""

import shutil
import time
from collections.abc import Callable
from contextlib import suppress

import obstore
import pytest

from harness.core.codec import digest, encode
from harness.errors import BusyError, Exit, InvalidError, StorageError, TrueupError, UsageError
from harness.store import Store
from harness.store.remote import bucket
from harness.store.remote.bucket import Bucket
from harness.store.remote.lease import Lease
from harness.types import Reply, Verdict
from tests.store.remote import work
from tests.store.remote.conftest import ADDRESS

REQUESTS = ("get", "download", "put", "swap", "delete", "names")


class Killed(BaseException):
    """Stands for SIGKILL: no handler of ours catches it."""


class Kill:
    """Kills this process at its Nth request to the bucket: before it is sent, or after it was answered. What comes later in
    the dead process does nothing either."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left, self.after = -1, False
        for name in REQUESTS:
            monkeypatch.setattr(Bucket, name, self._counted(getattr(Bucket, name)))

    def _counted(self, real: Callable) -> Callable:
        def request(*args: object, **keywords: object) -> object:
            if self.left < 0:
                return real(*args, **keywords)
            if self.left == 0:
                raise Killed
            self.left -= 1
            if self.left == 0 and not self.after:
                raise Killed
            done = real(*args, **keywords)
            if self.left == 0:
                raise Killed
            return done

        return request

    def run(self, number: int, after: bool, act: Callable[[], object]) -> bool:
        """Whether the act was killed."""
        self.left, self.after = number, after
        with suppress(Killed):
            act()
        killed, self.left = self.left == 0, -1
        return killed


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """No run gives a sign of life after it took the lease."""
    monkeypatch.setattr(Lease, "_beat", lambda *_: None)


def wait_for(open_: Callable[[], object]) -> object:
    """What `open_` gives once nobody else holds the store."""
    for _ in range(200):
        try:
            return open_()
        except BusyError:
            time.sleep(0.02)
    raise AssertionError("the lease never ended")


def test_a_second_machine_has_all_of_it_with_nothing_but_the_address(on, tmp_path):
    """Every noun, folder, list and alias, and each file that it brought is as it was written."""
    done = work.night(on("one"))
    second = on("two")
    assert work.held(second) == done == work.held_here(tmp_path / "folder")
    assert second.verify() == second.dangling() == []


def test_a_second_night_repeats_and_publishes_nothing(on):
    """What a night did on one machine, the next one on another recalls."""
    done = work.night(on("one"))
    state = on("two").origin.root().number
    assert work.night(on("two")) == done
    assert on("three").origin.root().number == state


def test_a_machine_that_comes_back_sees_what_another_one_wrote(on):
    first, second = on("one"), on("two")
    first.ledger.add({"a": "held_out"})
    with second.lock():
        assert second.ledger.splits() == {"a": "held_out"}
    second.ledger.add({"b": "train"})
    assert on("one").ledger.splits() == {"a": "held_out", "b": "train"}


def test_artifacts_keep_their_order_on_every_machine(on):
    """Listed as they were put, whether they are here or in the bucket."""
    idents = [
        on(name).artifacts.put("verdict", Verdict(outcome="hold", sentence=name)) for name in ("one", "two", "one")
    ]
    assert on("three").artifacts.ids("verdict") == list(dict.fromkeys(idents))


def test_reading_takes_no_lease_and_changes_nothing(on):
    work.night(on("one"))
    before = on("one").origin.root()
    reader = on("two")
    work.held(reader)
    assert reader.origin.root() == before


def test_a_write_outside_of_a_run_reaches_the_bucket_too(on):
    """Whoever uses the store from Python, one call at a time, loses nothing with the machine."""
    ident = on("one").artifacts.put("verdict", Verdict(outcome="hold", sentence="alone"))
    on("one").memo.remember("step", "key", ident)
    assert on("two").artifacts.get("verdict", on("two").memo.recall("step", "key") or "", Verdict).sentence == "alone"


# ---------------------------------------------------------------- two writers


def test_of_two_writers_one_is_turned_away(on):
    """The message names the holder; when that has ended, the other goes on."""
    first, second = on("one"), on("two")
    with first.lock():
        with pytest.raises(BusyError, match="process [0-9]+ on ") as busy, second.lock():
            pass
        assert busy.value.exit == Exit.BUSY == 75
    with second.lock():
        pass


def test_signs_of_life_keep_the_lease(on):
    """A run that works for longer than its lease lasts is not taken for dead."""
    first, second = on("one", lasts_s=0.6), on("two")
    with first.lock():
        time.sleep(1.5)
        with pytest.raises(BusyError), second.lock():
            pass
        first.ledger.add({"a": "held_out"})
    assert on("two").ledger.splits() == {"a": "held_out"}


def test_a_lease_that_was_lost_writes_nothing(on, silent):
    """A run that was silent for too long is fenced off: neither its file, nor its end of the lease, reaches the bucket."""
    first, second = on("one", lasts_s=0.1), on("two")
    with pytest.raises(BusyError, match="lease on the store was lost"), first.lock():
        time.sleep(0.3)
        with second.lock():
            second.ledger.add({"of the second": "held_out"})
            state = second.origin.pointer.root
            with pytest.raises(BusyError, match="was lost"):
                first.ledger.add({"of the first": "held_out"})
            assert on("three").ledger.splits() == {"of the second": "held_out"}
            assert second.origin.pointer.read() == state
    assert on("one").ledger.splits() == {"of the second": "held_out"}


def test_a_late_removal_of_a_fenced_run_reaches_nothing_new(on, memory):
    """What a run removes are keys of its own state; the same bytes written later have another key."""
    first = on("one")
    first.memo.remember("step", "key", "a" * 64)
    old = {file.key for file in first.origin._state.files.values()}
    first.memo.remember("step", "key", "b" * 64)
    on("two").memo.remember("step", "key", "a" * 64)
    now = {file.key for file in on("three").origin._state.files.values()}
    gone = old - now
    assert gone
    obstore.delete(memory, sorted(gone))
    assert on("four").memo.recall("step", "key") == "a" * 64


# ---------------------------------------------------------------- kills


@pytest.mark.parametrize("after", [pytest.param(False, marks=pytest.mark.slow), True], ids=["before", "after"])
@pytest.mark.parametrize("place", ["same", pytest.param("fresh", marks=pytest.mark.slow)])
def test_a_kill_at_any_request_leaves_before_or_after(tmp_path, memory, monkeypatch, silent, place, after):
    """Killed at each request in turn, in the same folder or on a fresh machine: the night ends with the same ids, every object
    that is needed is there, and nothing that was published is lost."""
    expected, kill = work.held_here(tmp_path / "folder"), Kill(monkeypatch)
    number, killed = 0, True
    while killed:
        number += 1
        address = f"memory://bucket/{number}"
        objects = obstore.store.MemoryStore()
        monkeypatch.setattr(bucket, "_opened", lambda _, objects=objects: objects)

        def open_(name: str, number: int = number, address: str = address) -> Store:
            return Store.open(tmp_path / f"{number}-{name}", address, lasts_s=0.01)

        killed = kill.run(number, after, lambda: work.night(open_("first")))
        again = open_("first" if place == "same" else "second")
        assert wait_for(lambda again=again: work.night(again)) == expected, number
        assert again.origin.damaged() == again.verify() == []
    assert number > 40


def test_what_a_killed_run_wrote_here_is_dropped_when_another_has_published_since(on, monkeypatch):
    """The bucket is the truth; only answers of models, which are true whoever asked, are kept and joined."""
    first = on("one")
    first.replies(work.MODEL).add({"ours": Reply(text="0")})
    first.ledger.add({"a": "held_out"})
    with monkeypatch.context() as patch, first.lock():
        patch.setattr(type(first.origin), "publish", lambda _: None)
        first.ledger.add({"b": "held_out"})
        first.replies(work.MODEL).add({"mine": Reply(text="1")})
    on("two").ledger.add({"c": "held_out"})
    again = on("one")
    assert again.ledger.splits() == {"a": "held_out", "c": "held_out"}
    with again.lock():
        pass
    with on("two").lock():
        assert {key for key in ("ours", "mine") if on("two").replies(work.MODEL).get(key)} == {"ours", "mine"}


# ---------------------------------------------------------------- lost memory, damage


def test_an_emptied_bucket_is_no_fresh_start(on, memory):
    """A folder that has seen the store knows that it had something."""
    work.night(on("one"))
    obstore.delete(memory, [meta["path"] for meta in obstore.list(memory).collect()])
    with pytest.raises(InvalidError, match="lost its memory"):
        on("one")


def test_an_emptied_bucket_is_no_fresh_start_where_the_id_is_written_down(on, memory):
    """With the id in trueup.toml a fresh machine knows, too."""
    work.night(on("one"))
    ident = on("one").origin.id
    assert on("two", id=ident).ledger.splits()
    obstore.delete(memory, [meta["path"] for meta in obstore.list(memory).collect()])
    with pytest.raises(InvalidError, match=ident):
        on("three", id=ident)
    work.night(on("four"))
    with pytest.raises(InvalidError, match=ident):
        on("three", id=ident)
    with pytest.raises(InvalidError, match="begun anew"):
        on("one")


def test_a_bucket_that_was_set_back_is_noticed(on, memory):
    """An older root, restored over the newer one."""
    first = on("one")
    first.ledger.add({"a": "held_out"})
    older = bytes(obstore.get(memory, "root.json").bytes())
    first.ledger.add({"b": "held_out"})
    obstore.put(memory, "root.json", older)
    with pytest.raises(InvalidError, match="back at"):
        on("one")


def test_objects_without_their_root_are_no_fresh_start(on, memory):
    work.night(on("one"))
    obstore.delete(memory, ["root.json"])
    with pytest.raises(InvalidError, match="root"):
        on("two")


def test_a_changed_object_is_named_and_never_used(on, memory):
    """Verification names it, and a machine that needs it stops."""
    work.night(on("one"))
    key = next(file.key for path, file in on("one").origin._state.files.items() if path.startswith("ledger/splits"))
    obstore.put(memory, key, b"{}")
    assert [name for name in on("one").origin.damaged() if key in name and "ledger/splits" in name]
    with pytest.raises(StorageError, match="not what was written"):
        on("two")


def test_a_lost_object_is_named(on, memory):
    work.night(on("one"))
    key = next(file.key for path, file in on("one").origin._state.files.items() if path.startswith("heads"))
    obstore.delete(memory, [key])
    assert [name for name in on("one").origin.damaged() if key in name]
    with pytest.raises(StorageError, match="gone"):
        on("two")


def test_damage_in_the_working_copy_heals(on):
    """A changed, cut or removed file is brought again, whatever room it is in."""
    done = work.night(on("one"))
    root = on("one").root
    for number, path in enumerate(sorted(path for path in root.rglob("*") if path.is_file())):
        if path.name not in ("copy.json", "lock", "lock.holder.json"):
            (path.unlink if number % 2 else lambda path=path: path.write_bytes(b"x"))()
    healed = on("one")
    assert work.held(healed) == done
    assert work.night(healed) == done and healed.verify() == []


def test_erased_rows_leave_the_bucket(on, memory):
    """What is forgotten is in no object any more, not even in one that a killed upload had left."""
    first = on("one")
    work.night(first)
    rows = {bytes(obstore.get(memory, file.key).bytes()) for file in _rows(first)}
    obstore.put(memory, f"objects/{digest(b'left')}-1-1", next(iter(rows)))
    with first.lock():
        first.traces.forget(["ada"])
    left = {bytes(obstore.get(memory, meta["path"]).bytes()) for meta in obstore.list(memory).collect()}
    assert len(rows) == 1 and not rows & left
    assert [call.user_id for call in on("two").traces.calls()] == [""]


def _rows(store: Store) -> list:
    return [file for path, file in store.origin._state.files.items() if path.startswith("traces/kind=call/")]


# ---------------------------------------------------------------- folders and addresses


def test_another_project_s_store_is_refused(on):
    on("one").claim("desk")
    with on("one").lock():
        pass
    with pytest.raises(InvalidError, match="'desk', not of 'kiosk'") as refused:
        on("two").claim("kiosk")
    assert refused.value.where == ADDRESS


def test_a_folder_is_a_store_or_one_copy(on, tmp_path):
    """A store of its own never becomes a copy by the way, nor a copy a store, nor the copy of something else."""
    Store.open(tmp_path / "own")
    on("copy")
    for opened, hint in (
        (lambda: on("own"), "trueup store move"),
        (lambda: Store.open(tmp_path / "copy"), f"TRUEUP_STORE={ADDRESS}"),
        (lambda: Store.open(tmp_path / "copy", "memory://bucket/other"), "rm -r"),
    ):
        with pytest.raises(InvalidError) as refused:
            opened()
        assert hint in refused.value.next


@pytest.mark.parametrize(
    "address", ["s3://key:s3cr3t@bucket/x", "s3://bucket/x?token=s3cr3t", "s3:///x", "ftp://bucket/x"]
)
def test_an_address_is_a_bucket_and_holds_no_secret(tmp_path, address):
    """Refused, and not repeated where it may hold a secret."""
    with pytest.raises(UsageError) as refused:
        Store.open(tmp_path / "x", address)
    assert "s3cr3t" not in str(refused.value) and not (tmp_path / "x").exists()


def test_something_else_at_the_address_is_not_touched(on, memory):
    obstore.put(memory, "root.json", b'{"of": "somebody else", "layout": "2"}')
    with pytest.raises(StorageError, match="not a store"):
        on("one")
    assert bytes(obstore.get(memory, "root.json").bytes()) == b'{"of": "somebody else", "layout": "2"}'


def test_a_newer_layout_is_refused(on, memory):
    obstore.put(memory, "root.json", encode({"layout": 99}))
    with pytest.raises(TrueupError, match="layout 99"):
        on("one")


def test_the_working_copy_may_be_thrown_away(on):
    """It holds nothing that the bucket has not."""
    done = work.night(on("one"))
    shutil.rmtree(on("one").root)
    assert work.held(on("one")) == done
