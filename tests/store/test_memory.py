"""A store whose ledger knows less than what rests on it is no fresh start: it is invalid, in a folder as in a bucket."""

import json
import shutil
from pathlib import Path

import pytest

from harness.core.codec import write_lines
from harness.errors import Exit, InvalidError
from harness.store import Store
from harness.store.looks import Sight
from harness.types import Case, Verdict

DATASET = "d" * 64


@pytest.fixture
def judged(tmp_path: Path) -> Store:
    """One night: a dataset in use, a look, a verdict, a promotion of the base model."""
    store = Store.open(tmp_path / "store")
    with store.lock():
        store.ledger.add({"call:a": "held_out", "call:b": "train"})
        folder = store.artifacts.scratch("dataset")
        write_lines(folder / "held_out.jsonl", [Case(id="a", call_id="a")])
        store.artifacts.add_folder("dataset", DATASET, folder)
        store.memo.remember("latest", "dataset", DATASET)
        night(store, "first")
    return store


def night(store: Store, judged: str) -> Verdict:
    """Judge something and promote it."""
    numbers, look = store.ledger.looks.count({"suite": Sight(judged=judged, cases=("case",))})
    verdict = Verdict(outcome="promote", sentence=judged, looks=numbers, look=look)
    ident = store.artifacts.put("verdict", verdict)
    before = store.promotions.current("production")
    store.promotions.move("production", "", ident, expected=before.adapter if before else None, look=look)
    return verdict


def begins(store: Store) -> None:
    with Store.open(store.root).lock():
        pass


def test_a_store_that_remembers_begins(judged):
    begins(judged)
    assert list(judged.lost()) == []


@pytest.mark.parametrize(
    "rooms", [("ledger", "heads.json"), ("ledger", "heads.json", "promotions")], ids=["ledger", "both"]
)
def test_a_ledger_from_before_the_last_verdict_is_noticed(judged, tmp_path, rooms):
    """Restored from the night before, with the seal that fits it: the verdict, or the promotion, names a look that is gone."""
    older = shutil.copytree(judged.root, tmp_path / "older")
    night(judged, "second")
    for room in rooms:
        here, there = judged.root / room, older / room
        shutil.rmtree(here) if here.is_dir() else here.unlink()
        shutil.copytree(there, here) if there.is_dir() else shutil.copy(there, here)
    if rooms[-1] != "promotions":  # the moves are sealed as well, so an old seal is noticed by itself
        shutil.copytree(older / "promotions", judged.root / "promotions", dirs_exist_ok=True)
        (judged.root / "promotions" / "production" / "000001.json").unlink()
    with pytest.raises(InvalidError, match="does not know the look that the verdict") as lost:
        begins(judged)
    assert lost.value.exit == Exit.INVALID == 4 and "backup" in lost.value.next


def test_held_out_rows_that_the_ledger_does_not_know_are_noticed(judged):
    """They could train tonight."""
    folder = judged.artifacts.scratch("dataset")
    write_lines(folder / "held_out.jsonl", [Case(id=name, call_id=name) for name in ("a", "z")])
    judged.artifacts.add_folder("dataset", "e" * 64, folder)
    begins(judged)  # as a run leaves it that was killed before it wrote the ledger: not in use
    judged.memo.remember("latest", "dataset", "e" * 64)
    with pytest.raises(InvalidError, match="1 of 2 held-out rows"):
        begins(judged)


def report(folder: Path, look: str) -> Path:
    folder.mkdir()
    (folder / "report.verdict.json").write_text(json.dumps({"verdict": {"outcome": "promote", "look": look}}))
    return folder


def test_an_empty_store_beside_a_report_is_no_fresh_start(tmp_path):
    """The report of a verdict says that there was a ledger; once it is moved away, a new store may begin."""
    store = Store.open(tmp_path / "store")
    out = report(tmp_path / "out", "f" * 64)
    store.reports = (out,)
    with pytest.raises(InvalidError, match="judged nothing"), store.lock():
        pass
    shutil.rmtree(out)
    with store.lock():
        pass


@pytest.mark.parametrize("content", ["", "{", '{"verdict": 3}', '{"verdict": {"look": ""}}'])
def test_a_report_that_names_no_look_is_no_witness(tmp_path, content):
    store = Store.open(tmp_path / "store")
    (tmp_path / "report.verdict.json").write_text(content)
    store.reports = (tmp_path,)
    with store.lock():
        assert list(store.lost()) == []


def test_a_store_that_has_judged_may_stand_beside_another_s_report(judged, tmp_path):
    judged.reports = (report(tmp_path / "out", "f" * 64),)
    with judged.lock():
        assert list(judged.lost()) == []


def test_a_repaired_store_goes_on(judged):
    """What was given up once is not missed again; what is lost later is."""
    (judged.root / "ledger" / "looks" / "000000.json").unlink()
    lost = Store.repair(judged.root)
    assert [one for one in lost if "does not know the look" in one]
    begins(judged)
    assert list(Store.open(judged.root).lost()) == []
    night(judged, "second")
    (judged.root / "ledger" / "looks" / "000000.json").unlink()
    Store.repair(judged.root)
    (judged.root / "given-up.json").unlink()
    with pytest.raises(InvalidError):
        begins(judged)
