"""Promotions: compare and swap, history, rollback; and the ledger of what was held out."""

import multiprocessing
from pathlib import Path

import pytest

from harness.errors import BusyError, InputError, InvalidError, NotYetError, StorageError, UsageError
from harness.store import Store

A, B, VERDICT = "a" * 64, "b" * 64, "e" * 64


@pytest.fixture
def judged(store: Store) -> Store:
    """A store that holds the adapters A and B."""
    for ident in (A, B):
        folder = store.artifacts.scratch("adapter")
        (folder / "weights").write_text(ident)
        store.artifacts.add_folder("adapter", ident, folder)
    return store


def test_a_move_is_the_current_one_and_stands_in_the_history(judged):
    """The alias stands for what it was moved to last, and knows what it was before."""
    assert judged.promotions.current("main") is None
    judged.promotions.move("main", A, VERDICT, expected=None)
    move = judged.promotions.move("main", B, VERDICT, by="ann", expected=A)
    assert judged.promotions.current("main") == move
    assert (move.adapter, move.previous, move.by, move.reason) == (B, A, "ann", "promote")
    assert [one.adapter for one in Store.open(judged.root).promotions.history("main")] == [A, B]
    assert judged.promotions.aliases() == ["main"]


@pytest.mark.parametrize("expected", [None, B, ""])
def test_a_move_from_another_state_is_refused(judged, expected):
    """Who judged against something else than what stands now does not win."""
    judged.promotions.move("main", A, VERDICT, expected=None)
    with pytest.raises(InvalidError, match="meanwhile"):
        judged.promotions.move("main", B, VERDICT, expected=expected)
    assert judged.promotions.current("main").adapter == A


def test_rollbacks_go_back_step_by_step_to_the_base_model(judged):
    """Each one undoes the last promotion that stands, never a rollback; then nothing is left."""
    judged.promotions.move("main", A, VERDICT, expected=None)
    judged.promotions.move("main", B, VERDICT, expected=A)
    assert [judged.promotions.rollback("main").adapter for _ in range(2)] == [A, ""]
    with pytest.raises(NotYetError, match="nothing"):
        judged.promotions.rollback("main")
    judged.promotions.move("main", B, VERDICT, expected="")
    assert judged.promotions.rollback("main").adapter == ""
    assert len(judged.promotions.history("main")) == 6


def test_rollback_refuses_a_changed_adapter(judged):
    """The earlier adapter's bytes are read again before the alias moves."""
    judged.promotions.move("main", A, VERDICT, expected=None)
    judged.promotions.move("main", B, VERDICT, expected=A)
    (judged.artifacts.folder("adapter", A) / "weights").write_text("other")
    with pytest.raises(StorageError, match="not what was written"):
        judged.promotions.rollback("main")
    assert judged.promotions.current("main").adapter == B


def test_only_a_stored_adapter_is_promoted(judged):
    """An alias never stands for something that is not there."""
    with pytest.raises(InputError):
        judged.promotions.move("main", "c" * 64, VERDICT, expected=None)
    assert judged.promotions.current("main") is None


@pytest.mark.parametrize("alias", ["../main", "", "Main", "a/b", "x" * 65, "main\0"])
def test_an_alias_is_a_plain_name(store, alias):
    """A user's text never becomes a path."""
    with pytest.raises(UsageError):
        store.promotions.current(alias)


def test_a_changed_or_lost_move_is_noticed(judged):
    """The history cannot be shortened or rewritten unseen."""
    judged.promotions.move("main", A, VERDICT, expected=None)
    judged.promotions.move("main", B, VERDICT, expected=A)
    first, last = sorted((judged.root / "promotions" / "main").glob("*.json"))
    last.write_bytes(last.read_bytes().replace(B.encode(), A.encode()))
    with pytest.raises(StorageError):
        judged.promotions.current("main")
    first.unlink()
    assert judged.promotions.verify() == [str(last), str(first)]


def _promote(root: Path, adapter: str, barrier, results) -> None:
    store = Store.open(root)
    barrier.wait()
    try:
        store.promotions.move("main", adapter, VERDICT, expected=None)
        results.put("won")
    except (InvalidError, BusyError) as error:
        results.put(type(error).__name__)


def test_of_two_promoters_at_once_one_wins(judged):
    """The other is told so; the history holds one move."""
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(2), context.Queue()
    workers = [context.Process(target=_promote, args=(judged.root, one, barrier, results)) for one in (A, B)]
    for worker in workers:
        worker.start()
    outcomes = sorted(results.get(timeout=500) for _ in workers)
    for worker in workers:
        worker.join()
    assert outcomes[1] == "won" and outcomes[0] in ("BusyError", "InvalidError")
    assert len(judged.promotions.history("main")) == 1


def test_a_split_is_kept_for_ever(store):
    """What was held out is read on every later night, in any process."""
    store.ledger.add({"one": "held_out", "two": "train"})
    store.ledger.add({"two": "train", "three": "regression"})
    assert Store.open(store.root).ledger.splits() == {"one": "held_out", "two": "train", "three": "regression"}


@pytest.mark.parametrize("kept", ["held_out", "regression"])
def test_what_judges_never_trains(store, kept):
    """A key that would change its split is refused, and nothing of that call is written."""
    store.ledger.add({"one": kept})
    with pytest.raises(InvalidError, match=kept):
        store.ledger.add({"two": "train", "one": "train"})
    assert store.ledger.splits() == {"one": kept}


def test_a_lost_ledger_entry_is_noticed(store):
    """A held-out case cannot come back into training by losing a file."""
    store.ledger.add({"one": "held_out"})
    store.ledger.add({"two": "held_out"})
    (store.root / "ledger" / "splits" / "000000.json").unlink()
    with pytest.raises(StorageError, match="lost"):
        store.ledger.splits()
    assert len(store.verify()) == 1
