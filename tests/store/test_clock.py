"""A clock that was set back or forward: what the store orders, counts and locks does not depend on it."""

import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from harness.errors import BusyError
from harness.store import Store
from harness.store.looks import Sight
from harness.types import Verdict

DAY_NS = 86_400 * 10**9
A, B, VERDICT = "a" * 64, "b" * 64, "e" * 64
HOLD = "import sys; from pathlib import Path; from harness.store import Store\nwith Store.open(Path(sys.argv[1])).lock(): print(flush=True); sys.stdin.read()"
JUMPS = pytest.mark.parametrize("days", [-4000, -1, 0, 4000])


@pytest.fixture
def jump(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sets the clock by some days."""
    real = time.time_ns

    def set_by(days: int) -> None:
        monkeypatch.setattr(time, "time_ns", lambda: real() + days * DAY_NS)
        monkeypatch.setattr(time, "time", lambda: (real() + days * DAY_NS) / 1e9)

    return set_by


def add_folder(store: Store, ident: str) -> None:
    folder = store.artifacts.scratch("adapter")
    (folder / "weights").write_text(ident)
    store.artifacts.add_folder("adapter", ident, folder)


@JUMPS
def test_artifacts_are_listed_in_the_order_in_which_they_were_put(store, jump, days):
    """The last judgement is the last one put, by any clock; so are folders."""
    verdicts = []
    for number, offset in enumerate([0, days, 2 * days]):
        jump(offset)
        verdicts.append(store.artifacts.put("verdict", Verdict(outcome="hold", sentence=str(9 - number))))
        add_folder(store, f"{9 - number}" * 64)
    assert Store.open(store.root).artifacts.ids("verdict") == verdicts
    assert Store.open(store.root).artifacts.ids("adapter") == ["9" * 64, "8" * 64, "7" * 64]


@JUMPS
def test_the_last_move_of_an_alias_is_the_current_one(store, jump, days):
    """Moves are numbered; a rollback undoes the last of them."""
    for ident in (A, B):
        add_folder(store, ident)
    store.promotions.move("main", A, VERDICT, expected=None)
    jump(days)
    store.promotions.move("main", B, VERDICT, expected=A)
    assert Store.open(store.root).promotions.current("main").adapter == B
    assert store.promotions.rollback("main").adapter == A


@JUMPS
def test_the_ledger_and_its_looks_go_on_counting(store, jump, days):
    """What was held out stays so, and a look by another clock is one more look."""
    store.ledger.add({"a": "held_out"})
    counted = [store.ledger.looks.count({"s": Sight(judged="x", cases=("a",))})[0]["s"]]
    jump(days)
    store.ledger.add({"b": "train"})
    counted.append(Store.open(store.root).ledger.looks.count({"s": Sight(judged="y", cases=("a",))})[0]["s"])
    assert counted == [1, 2]
    assert Store.open(store.root).ledger.splits() == {"a": "held_out", "b": "train"}
    assert store.verify() == []


@JUMPS
def test_what_was_forgotten_stays_out(store, call, jump, days):
    """A user's calls that were not stored yet began before the store's last merge, whatever the clock says afterwards."""
    began = time.time_ns()
    store.traces.merge([call(1, user_id="ada", start_ns=began)], [], [])
    jump(days)
    store.traces.forget(["ada"])
    assert store.traces.merge([call(2, user_id="ada", start_ns=began)], [], []).suppressed == 1


@JUMPS
def test_no_lock_expires(store, jump, days):
    """A holder keeps the lock however far the clock goes, and it is free when the holder has ended."""
    command = [sys.executable, "-c", HOLD, str(store.root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout and holder.stdout.readline() == b"\n"
        jump(days)
        with pytest.raises(BusyError), store.lock():
            pass
        holder.kill()
    with store.lock():
        pass


@JUMPS
def test_a_finished_step_is_recalled(store, jump, days):
    """The last id that was remembered counts, not the latest date."""
    store.memo.remember("latest", "verdict", A)
    jump(days)
    store.memo.remember("latest", "verdict", B)
    assert Store.open(store.root).memo.recall("latest", "verdict") == B
