"""Artifacts: complete or absent, and checked before use."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.core import codec
from harness.errors import InputError, StorageError, UsageError
from harness.store import Store
from harness.types import Verdict

ID = "a" * 64
VERDICT = Verdict(outcome="hold", sentence="not better")


def _adapter(store: Store, ident: str = ID, text: str = "weights") -> Path:
    folder = store.artifacts.scratch("adapter")
    (folder / "deep").mkdir()
    (folder / "adapter.safetensors").write_text(text)
    (folder / "deep" / "config.json").write_text("{}")
    return store.artifacts.add_folder("adapter", ident, folder)


def test_a_noun_comes_back_equal_under_its_digest(store):
    """The id is the digest of the content, and putting it twice is putting it once."""
    ident = store.artifacts.put("verdict", VERDICT)
    assert ident == codec.digest(VERDICT) == store.artifacts.put("verdict", VERDICT)
    assert store.artifacts.get("verdict", ident, Verdict) == VERDICT
    assert store.artifacts.ids("verdict") == [ident]


def test_ids_are_oldest_first(store):
    """The order is that of writing, for nouns and folders alike."""
    first = store.artifacts.put("adapter", VERDICT, id="f" * 64)
    _adapter(store, "c" * 64)
    last = store.artifacts.put("adapter", VERDICT, id="0" * 64)
    assert store.artifacts.ids("adapter") == [first, "c" * 64, last]


def test_an_unknown_id_is_bad_input(store):
    """Neither a noun nor a folder that is not there is made up."""
    with pytest.raises(InputError):
        store.artifacts.get("verdict", ID, Verdict)
    with pytest.raises(InputError):
        store.artifacts.folder("adapter", ID)
    assert not store.artifacts.has("adapter", ID)


@pytest.mark.parametrize("ident", ["../../etc/passwd", "", "A" * 64, "a" * 64 + "\n", "a" * 65, "/" + "a" * 63])
def test_text_that_is_no_digest_never_forms_a_path(store, ident):
    """Ids are hexadecimal digits, kinds are plain names."""
    with pytest.raises(InputError):
        store.artifacts.folder("adapter", ident)
    with pytest.raises(UsageError):
        store.artifacts.folder(ident, ID)


def test_every_flipped_byte_of_a_noun_is_noticed(store):
    """No single byte of the file can change without `get` and `verify` saying so."""
    ident = store.artifacts.put("verdict", VERDICT)
    (path,) = (store.root / "artifacts" / "verdict").glob("*.json")
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert store.artifacts.verify() == [str(path)]
        with pytest.raises(StorageError):
            store.artifacts.get("verdict", ident, Verdict)
    path.write_bytes(whole)
    assert store.artifacts.verify() == []


def test_a_file_under_another_id_is_noticed(store):
    """A whole file that was copied over another one is not what was written there."""
    store.artifacts.put("verdict", VERDICT, id=ID)
    place = store.root / "artifacts" / "verdict"
    (place / f"{'b' * 64}.json").write_bytes((place / f"{ID}.json").read_bytes())
    with pytest.raises(StorageError):
        store.artifacts.get("verdict", "b" * 64, Verdict)
    assert store.artifacts.verify() == [str(place / f"{'b' * 64}.json")]


def test_a_damaged_noun_is_replaced_when_put_again(store):
    """Running the step again repairs what was lost."""
    ident = store.artifacts.put("verdict", VERDICT)
    (path,) = (store.root / "artifacts" / "verdict").glob("*.json")
    path.write_bytes(path.read_bytes()[:-5])
    store.artifacts.put("verdict", VERDICT)
    assert store.artifacts.get("verdict", ident, Verdict) == VERDICT


def test_a_folder_is_moved_in_whole(store):
    """Its files are there, its scratch is gone, and nothing is damaged."""
    place = _adapter(store)
    assert (place / "deep" / "config.json").read_text() == "{}"
    assert store.artifacts.folder("adapter", ID) == place
    assert list((store.root / "scratch").iterdir()) == []
    assert store.artifacts.verify() == []


@pytest.mark.parametrize("harm", ["change", "lose", "slip in", "lose the manifest", "change the manifest", "link"])
def test_a_harmed_folder_is_refused(store, harm):
    """Changed, lost and added files are all noticed at the first use in a process."""
    place = _adapter(store)
    weights, manifest = place / "adapter.safetensors", place / "sealed-manifest.json"
    if harm == "change":
        weights.write_text("weightz")
    elif harm == "lose":
        weights.unlink()
    elif harm == "slip in":
        (place / "pytorch_model.bin").write_text("x")
    elif harm == "lose the manifest":
        manifest.unlink()
    elif harm == "change the manifest":
        manifest.write_bytes(manifest.read_bytes().replace(b"config", b"konfig"))
    else:
        (place / "link").symlink_to("/etc/passwd")
    with pytest.raises((StorageError, InputError)):
        Store.open(store.root).artifacts.folder("adapter", ID)
    assert len(store.artifacts.verify()) == 1


def test_a_known_folder_is_kept_unless_it_is_damaged(store):
    """The first content of an id stands; a damaged one is replaced."""
    place = _adapter(store, text="first")
    _adapter(store, text="second")
    assert (place / "adapter.safetensors").read_text() == "first"
    (place / "adapter.safetensors").write_text("harmed")
    _adapter(store, text="third")
    assert (place / "adapter.safetensors").read_text() == "third"
    assert store.artifacts.verify() == []


def test_empty_folders_and_links_are_refused(store, tmp_path):
    """What cannot be sealed is not kept."""
    with pytest.raises(InputError):
        store.artifacts.add_folder("adapter", ID, store.artifacts.scratch("adapter"))
    folder = store.artifacts.scratch("adapter")
    (folder / "weights").symlink_to(tmp_path)
    with pytest.raises(InputError):
        store.artifacts.add_folder("adapter", ID, folder)
    assert not store.artifacts.has("adapter", ID)


def test_scratch_of_dead_processes_is_removed(store):
    """The working folder of a process that ended goes away at the next opening; one in use stays."""
    code = (
        "import sys; from pathlib import Path; from harness.store import Store;"
        "Store(Path(sys.argv[1])).artifacts.scratch('adapter')"
    )
    subprocess.run([sys.executable, "-c", code, str(store.root)], check=True)
    mine = store.artifacts.scratch("adapter")
    assert len(list((store.root / "scratch").iterdir())) == 2
    Store.open(store.root)
    assert list((store.root / "scratch").iterdir()) == [mine] and str(os.getpid()) in mine.name


def test_a_store_of_a_newer_layout_is_refused(store):
    """An old trueup does not guess at what a newer one wrote."""
    (store.root / "store.json").write_text('{"schema": 99}')
    with pytest.raises(StorageError, match="99"):
        Store.open(store.root)


def test_a_store_that_cannot_be_made_says_so(tmp_path):
    """A file in the place of the folder is a storage error that names it."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="may write") as seen:
        Store.open(tmp_path / "file" / ".trueup")
    assert str(tmp_path / "file") in seen.value.where


def test_memo_recalls_what_was_remembered_last(store):
    """Any text is a key, a later value replaces an earlier one, a damaged entry counts as none."""
    assert store.memo.recall("latest-run", "../tuned") is None
    store.memo.remember("latest-run", "../tuned", "one")
    store.memo.remember("latest-run", "../tuned", "two")
    assert Store.open(store.root).memo.recall("latest-run", "../tuned") == "two"
    assert store.memo.recall("latest-run", "base") is None
    (path,) = (store.root / "memo").rglob("*.json")
    path.write_bytes(path.read_bytes().replace(b"two", b"six"))
    assert store.memo.recall("latest-run", "../tuned") is None
    assert store.memo.verify() == [str(path)]


def test_what_killed_writers_left_is_swept_away(store):
    """The next holder of the lock removes half-written files and half-written folders, and nothing else."""
    work = store.root / "work" / "tune-1"
    (work / ".adapter.partial").mkdir(parents=True)
    (work / ".adapter.partial" / "weights").write_text("half")
    (work / ".state.json.1.partial").write_text("half")
    (work / "state.json").write_text("whole")
    with store.lock():
        assert [path.name for path in work.iterdir()] == ["state.json"]
