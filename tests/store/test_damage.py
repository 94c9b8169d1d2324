"""Damage: every stored file that is truncated, changed or deleted is named, and the repair that is named leads out."""

import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from harness.errors import StorageError
from harness.store import Store, sealed
from harness.store.looks import Sight
from harness.types import Reply, Verdict

A, B, VERDICT = "a" * 64, "b" * 64, "e" * 64


@pytest.fixture
def full(store, call, feedback) -> Store:
    """A store with something in every room."""
    store.traces.merge([call(1), call(2, user_id="ann")], [feedback(1)], [])
    for ident in (A, B):
        folder = store.artifacts.scratch("adapter")
        (folder / "weights").write_text(ident)
        store.artifacts.add_folder("adapter", ident, folder)
    verdict = store.artifacts.put("verdict", Verdict(outcome="promote", sentence="yes"))
    store.memo.remember("latest", "verdict", verdict)
    store.promotions.move("main", A, verdict, expected=None)
    store.promotions.move("main", B, verdict, expected=A)
    store.promotions.rollback("main")
    for night in range(3):
        store.ledger.add({f"case-{night}": "held_out"})
        store.ledger.looks.count({"suite": Sight(judged=f"{night}", cases=("case-0",))})
    with store.replies(VERDICT) as cache:
        cache.add({"asked": Reply(text="yes")})
    store.traces.forget(["ann"])
    assert store.verify() == []
    return store


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _files(root: Path) -> list[Path]:
    """Every file but the lock's, and those whose loss costs nothing but time."""
    return [
        path
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.name.startswith(("lock", ".")) and path.name != "lock.holder.json"
    ]


def _named(root: Path) -> str:
    """All that is said to be wrong with a store."""
    try:
        opened = Store.open(root)
        return " ".join([*opened.verify(), *opened.dangling()])
    except StorageError as error:
        return error.where


@pytest.mark.parametrize("harm", [_truncate, _flip, Path.unlink])
def test_every_damage_is_named(full, harm):
    """Whatever file is harmed, the store says that something is wrong with it or with the list that it belongs to."""
    cheap = ("memo", "replies") if harm is Path.unlink else ("replies",) if harm is _truncate else ()
    for path in _files(full.root):
        if path.relative_to(full.root).parts[0] in cheap:
            continue
        kept = path.read_bytes()
        harm(path)
        named = _named(full.root)
        assert any(name in named for name in (str(path), *map(str, list(path.parents)[:2]), path.stem)), (path, named)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(kept)
        assert _named(full.root) == "", path


@pytest.mark.parametrize("harm", [_truncate, _flip, Path.unlink])
def test_the_repair_leads_out(full, harm):
    """After `repair` nothing is wrong any more, whatever file was harmed, and the store can be written to."""
    for path in _files(full.root):
        if not path.exists() or path.name.startswith(".") or path.name == "salt":
            continue
        harm(path)
        Store.repair(full.root)
        again = Store.open(full.root)
        assert again.verify() == [], path
        assert not [name for name in again.dangling() if not name.startswith("alias")], path
        again.ledger.add({path.name: "held_out"})


LASTS = {
    "ledger": ("ledger/splits/000002.json", lambda store: store.ledger.splits()),
    "promotion": ("promotions/main/000002.json", lambda store: store.promotions.current("main")),
    "suppressed": ("suppressed.json", lambda store: store.suppression.kept([])),
    "look": ("ledger/looks/000002.json", None),
    "table": ("traces.seal.json", lambda store: list(store.traces.calls())),
}


@pytest.mark.parametrize("what", LASTS)
def test_a_lost_end_of_a_list_is_noticed(full, what):
    """The last entry is missed as much as any other: nothing goes on as if it had never been."""
    name, use = LASTS[what]
    (full.root / name).unlink()
    opened = Store.open(full.root)
    if use:  # a lost look is noticed by the verdict that rests on it
        with pytest.raises(StorageError):
            use(opened)
    assert len(opened.verify()) == 1


def test_all_of_a_list_and_its_seal_lost_is_noticed(full):
    """Without the seal no list is taken for empty."""
    (full.root / "heads.json").unlink()
    for path in (full.root / "promotions" / "main").iterdir():
        path.unlink()
    with pytest.raises(StorageError, match="seal"):
        Store.open(full.root).promotions.current("main")


def test_a_lost_salt_is_not_made_anew(full):
    """Another salt would give every person another pseudonym."""
    from harness.store.salt import salt

    (full.root / "salt").unlink()
    assert str(full.root / "salt") in Store.open(full.root).verify()
    with pytest.raises(StorageError, match="salt"):
        salt(full.root)
    with pytest.raises(StorageError, match="salt"):
        Store.repair(full.root)
    (full.root / "suppressed.json").unlink()  # what the message says
    Store.repair(full.root)
    assert Store.open(full.root).verify() == []


def _killed_in_append(root: Path, step: int) -> None:
    """Ends the process at the nth durable write of one ledger entry and one move."""
    opened, real, count = Store.open(root), sealed.write, 0

    def write(*args: object) -> None:
        nonlocal count
        if count == step:
            os.kill(os.getpid(), signal.SIGKILL)
        count += 1
        real(*args)

    sealed.write = write
    opened.ledger.add({"late": "held_out"})
    opened.ledger.looks.count({"suite": Sight(judged="late", cases=("late",))})
    opened.promotions.move("main", B, VERDICT, expected=A)
    opened.traces.forget(["bob"])


def test_a_kill_between_any_two_writes_leaves_a_list_that_is_whole(full):
    """A kill before, between and after entry and seal: nothing counts as lost, and the next writer goes on."""
    for step in range(14):
        child = multiprocessing.get_context("fork").Process(target=_killed_in_append, args=(full.root, step))
        child.start()
        child.join()
        opened = Store.open(full.root)
        assert opened.verify() == [], step
        opened.ledger.add({f"after-{step}": "held_out"})
        current = opened.promotions.current("main").adapter
        opened.promotions.move("main", A, VERDICT, expected=current)
        assert f"after-{step}" in Store.open(full.root).ledger.splits()


def test_a_store_of_before_is_sealed_when_it_is_opened(full):
    """What an earlier version wrote has no seal of its lists: it gets one, once."""
    for name in ("heads.json", "salt.seal.json"):
        (full.root / name).unlink()
    (full.root / "store.json").write_text('{"schema": 1}')
    assert Store.open(full.root).verify() == []
    (full.root / "ledger" / "splits" / "000002.json").unlink()
    assert len(Store.open(full.root).verify()) == 1


def test_a_lost_marker_is_no_new_store(full):
    """A store without its marker is not sealed as if it were new."""
    (full.root / "store.json").unlink()
    with pytest.raises(StorageError, match="layout"):
        Store.open(full.root)
    Store.repair(full.root)
    assert Store.open(full.root).verify() == []


def _reads_status(root: Path) -> None:
    Store.open(root)


def test_a_reader_removes_no_work_folder_of_a_run(store, monkeypatch):
    """From another process namespace a live run looks dead; its lock says that it is not."""
    monkeypatch.setattr("harness.store.artifacts._alive", lambda pid: False)
    with store.lock():
        work = store.artifacts.scratch("dataset")
        child = multiprocessing.get_context("fork").Process(target=_reads_status, args=(store.root,))
        child.start()
        child.join()
        assert work.is_dir()
    Store.open(store.root)
    assert not work.exists()


def test_what_may_not_be_read_is_a_storage_error(full, monkeypatch):
    """A file of another owner is named, with what to look at."""
    real = Path.read_bytes

    def refuse(path: Path) -> bytes:
        if path.name == "heads.json":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(StorageError):
        full.promotions.current("main")
    assert str(full.root / "heads.json") in full.verify()
