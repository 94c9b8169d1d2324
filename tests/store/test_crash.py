"""Kills, full disks and a second process: what was acknowledged is there, what was not is there whole or not at all."""

import errno
import importlib.util
import os
import random
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.core.codec import digest
from harness.errors import BusyError, Exit, StorageError
from harness.store import Store
from harness.types import Reply, Verdict

WRITER = Path(__file__).with_name("crash_writer.py")
MODEL = "d" * 64

_spec = importlib.util.spec_from_file_location("crash_writer", WRITER)
assert _spec and _spec.loader
crash_writer = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(crash_writer)


class Killed(BaseException):
    """Stands for SIGKILL: no handler of ours catches it."""


class Faults:
    """Lets the Nth system call that makes a write durable or visible fail, before it does anything."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left = 0
        self.error: BaseException = Killed()
        for call in ("fsync", "rename", "replace"):
            monkeypatch.setattr(os, call, self._counted(getattr(os, call)))

    def _counted(self, real: Callable) -> Callable:
        def call(*args: object, **keywords: object) -> object:
            self.left -= 1
            if self.left == 0:
                raise self.error
            return real(*args, **keywords)

        return call


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> Faults:
    return Faults(monkeypatch)


def _add_folder(store: Store, number: int) -> None:
    folder = store.artifacts.scratch("adapter")
    (folder / "weights").write_text(str(number))
    store.artifacts.add_folder("adapter", digest(number), folder)


def _move(store: Store, number: int) -> None:
    store.promotions.move("main", "", digest(number), expected="" if number else None)


ACTIONS: dict[str, tuple[Callable[[Store, int], object], Callable[[Store], int]]] = {
    "noun": (
        lambda store, number: store.artifacts.put("verdict", Verdict(outcome="hold", sentence=str(number))),
        lambda store: len(store.artifacts.ids("verdict")),
    ),
    "folder": (_add_folder, lambda store: len(store.artifacts.ids("adapter"))),
    "memo": (
        lambda store, number: store.memo.remember("rounds", "done", str(number)),
        lambda store: int(store.memo.recall("rounds", "done") or -1) + 1,
    ),
    "promotion": (_move, lambda store: len(store.promotions.history("main"))),
    "ledger": (
        lambda store, number: store.ledger.add({str(number): "held_out"}),
        lambda store: len(store.ledger.splits()),
    ),
    "replies": (
        lambda store, number: store.replies(MODEL).add({str(number): Reply(text="a")}),
        lambda store: len(store.replies(MODEL)),
    ),
}


def _sweep(root: Path, faults: Faults, error: BaseException, act: Callable, count: Callable, step: int = 1) -> int:
    """Fail at one system call of `act` after the other until none is left; the store must hold before or after."""
    number, nth = 0, 1 - step
    while True:
        nth += step
        faults.left, faults.error = nth, error
        try:
            act(Store.open(root), number)
        except Killed:
            pass
        except StorageError as seen:
            assert seen.exit == Exit.STORAGE and "free space" in seen.next
        fired, faults.left = faults.left <= 0, 0
        store = Store.open(root)
        assert store.verify() == []
        assert count(store) in (number, number + 1)
        if count(store) == number:
            act(store, number)
        assert count(Store.open(root)) == number + 1
        number += 1
        if not fired:
            return nth


@pytest.mark.parametrize("error", [Killed(), OSError(errno.ENOSPC, "No space left on device")], ids=["kill", "full"])
@pytest.mark.parametrize("name", ACTIONS)
def test_a_fault_at_any_call_leaves_before_or_after(tmp_path, faults, name, error):
    """Killed, or out of space, at each fsync and rename of a write in turn."""
    act, count = ACTIONS[name]
    assert _sweep(tmp_path, faults, error, act, count) >= 2


@pytest.mark.parametrize("error", [Killed(), OSError(errno.ENOSPC, "No space left on device")], ids=["kill", "full"])
def test_a_fault_in_a_merge_leaves_before_or_after(tmp_path, faults, call, error):
    """Calls, receipts and file digests are one transaction, at every second fsync or rename."""

    def merge(store: Store, number: int) -> None:
        store.traces.merge([call(number)], [], [], files={digest(number): "a.jsonl"})

    def count(store: Store) -> int:
        counts = store.traces.counts()
        assert counts["read"] == counts["calls"] == len(list(store.traces.calls()))
        assert [store.traces.seen(digest(number)) for number in range(counts["calls"])] == [True] * counts["calls"]
        return counts["calls"]

    assert _sweep(tmp_path, faults, error, merge, count, step=2) > 10


def test_a_fault_while_forgetting_or_joining_loses_nothing(tmp_path, faults, call, monkeypatch):
    """Data files that are rewritten stand until the new ones are acknowledged."""
    monkeypatch.setattr("harness.store.traces.MANY_FILES", 2)
    Store.open(tmp_path).traces.merge([call(number, user_id=str(number)) for number in range(60)], [], [])

    def forget(store: Store, number: int) -> None:
        store.traces.forget([str(number)])
        store.traces.merge([call(100 + number)], [], [])

    def count(store: Store) -> int:
        counts = store.traces.counts()
        forgotten, merged = counts["forgotten"], sum(one.start_ns <= 900 for one in store.traces.calls())
        assert counts["calls"] == 60 - forgotten + merged and forgotten - merged in (0, 1)
        return merged

    assert _sweep(tmp_path, faults, Killed(), forget, count, step=5) > 20


def test_all_that_was_acknowledged_was_synced_first(tmp_path, monkeypatch):
    """Every file and folder of the store went through fsync, and each folder after its last new name."""
    synced: dict[int, int] = {}
    real = os.fsync

    def fsync(handle: int) -> None:
        real(handle)
        synced[os.fstat(handle).st_ino] = time.time_ns()

    monkeypatch.setattr(os, "fsync", fsync)
    store = Store.open(tmp_path / ".trueup")
    for number in range(2):
        crash_writer.write_round(store, number)
    ours = [path for path in store.root.rglob("*") if not path.name.startswith("lock") and path.name != "scratch"]
    assert [path for path in ours if path.stat().st_ino not in synced] == []
    folders = [path for path in ours if path.is_dir()]
    assert [path for path in folders if path.stat().st_mtime_ns > synced[path.stat().st_ino]] == []
    assert len(folders) > 10


# ------------------------------------------------------------ real processes


def _writer(root: Path, first: int, last: int, *wrapper: str) -> subprocess.Popen:
    command = [*wrapper, sys.executable, str(WRITER), str(root), str(first), str(last)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _check(root: Path, acknowledged: int) -> int:
    """The store holds every acknowledged round, and at most one more; finishes that one and returns the rounds."""
    store = Store.open(root)
    with store.lock():
        found = crash_writer.states(store)
    assert store.verify() == []
    assert all(count in (acknowledged, acknowledged + 1) for count in found.values()), (acknowledged, found)
    return acknowledged


def _restart(root: Path, rounds: int) -> Path:
    """A store of `rounds` whole rounds, without what a killed writer left over."""
    shutil.rmtree(root, ignore_errors=True)
    store = Store.open(root)
    for number in range(rounds):
        crash_writer.write_round(store, number)
    return root


def test_a_writer_killed_at_random_moments_loses_nothing(tmp_path):
    """SIGKILL at two random moments: acknowledged rounds are whole, nothing is damaged."""
    chance = random.Random(11)
    for trial in range(2):
        root = tmp_path / str(trial)
        writer = _writer(root, 0, 10_000)
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(chance.uniform(0.0, 0.5))
        writer.kill()
        acknowledged = 1 + len(writer.communicate()[0].split())
        _check(root, acknowledged)


def _kill_at(root: Path, syscalls: str, nth: int) -> bool:
    """Kill a writer of two rounds at its nth system call of a kind; returns whether it came that far."""
    inject = ["strace", "-f", "-o", "/dev/null", "-e", f"trace={syscalls}", "-e"]
    writer = _writer(_restart(root, 1), 1, 3, *inject, f"inject={syscalls}:signal=SIGKILL:when={nth}")
    out, err = writer.communicate()
    assert writer.returncode in (0, -9, 137), err
    _check(root, 1 + len(out.split()))
    return writer.returncode != 0


needs_strace = pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")


@needs_strace
@pytest.mark.parametrize(("syscalls", "nth"), [("fsync", 7), ("rename", 5), ("link,linkat", 1), ("fsync", 23)])
def test_a_kill_at_a_system_call_leaves_before_or_after(tmp_path, syscalls, nth):
    """The kernel kills the writer inside the call, in whichever library makes it."""
    assert _kill_at(tmp_path / "store", syscalls, nth)


@needs_strace
@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("syscalls", ["fsync", "rename", "link,linkat", "unlink,unlinkat", "mkdir"])
def test_a_kill_at_every_system_call_leaves_before_or_after(tmp_path, syscalls):
    """The whole sweep: every call of two rounds of writing."""
    nth = 1
    while _kill_at(tmp_path / "store", syscalls, nth):
        nth += 1
    assert nth > 2


def test_a_file_size_limit_is_a_storage_error(tmp_path, call):
    """When the kernel refuses to write more, the child ends with a StorageError and the earlier calls are there."""
    Store.open(tmp_path).traces.merge([call(1)], [], [])
    code = (
        "import sys; from pathlib import Path; from harness.store import Store; from harness.types import Call\n"
        "try: Store.open(Path(sys.argv[1])).traces.merge([Call(id=f'{i}', route=str(i**9)) for i in range(9999)],[],[])\n"
        "except Exception as error: sys.exit(f'{type(error).__name__}: {error}')"
    )
    limit = (20_000, 20_000)
    child = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit),
        capture_output=True,
        text=True,
    )
    assert child.returncode == 1 and child.stderr.startswith("StorageError"), child.stderr
    assert list(Store.open(tmp_path).traces.calls()) == [call(1)] and Store.open(tmp_path).verify() == []


HOLD = "import sys; from pathlib import Path; from harness.store import Store\nwith Store.open(Path(sys.argv[1])).lock(): print('held', flush=True); sys.stdin.read()"


def test_a_second_run_is_told_who_holds_the_lock_until_the_holder_is_killed(tmp_path, call):
    """BusyError at once with the holder's process id, exit code 75; a kill frees the lock; reading never waits."""
    Store.open(tmp_path).traces.merge([call(1)], [], [])
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None and holder.stdout.readline() == "held\n"
    store = Store.open(tmp_path)
    with pytest.raises(BusyError, match=f"process {holder.pid} on .* since 20") as seen, store.lock():
        pass
    assert seen.value.exit == 75
    with pytest.raises(BusyError):
        store.traces.merge([call(2)], [], [])
    assert len(list(store.traces.calls())) == 1
    holder.kill()
    holder.communicate()
    with store.lock(), store.lock():
        store.traces.merge([call(2)], [], [])
    assert len(list(store.traces.calls())) == 2
