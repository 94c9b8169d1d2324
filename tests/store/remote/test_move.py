"""Moving a store between folders and buckets, and freeing what nothing needs."""

import obstore
import pytest

from harness.core.codec import digest
from harness.errors import InputError, InvalidError, UsageError
from harness.store import Store
from harness.store.move import move
from harness.store.remote import bucket
from tests.store.remote import work
from tests.store.remote.conftest import ADDRESS

OTHER = "memory://other/desk"


@pytest.fixture
def buckets(monkeypatch):
    """Each address its own objects, the same at every opening."""
    there: dict[str, obstore.store.MemoryStore] = {}
    monkeypatch.setattr(bucket, "_opened", lambda address: there.setdefault(address, obstore.store.MemoryStore()))
    return there


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "folder"


def test_a_folder_moves_to_a_bucket_and_becomes_its_copy(folder, buckets, tmp_path):
    """All of it is in the bucket, byte for byte, and the folder is refused as a store of its own."""
    done = work.held_here(folder)
    files = contents(folder)
    assert ADDRESS in move(str(folder), ADDRESS)
    second = Store.open(tmp_path / "second", ADDRESS)
    second.origin.bring_all()
    assert work.held(second) == done and files.items() <= contents(second.root).items()
    assert work.night(Store.open(folder, ADDRESS)) == done
    with pytest.raises(InvalidError, match=f"copy of {ADDRESS}"):
        Store.open(folder)


def test_there_and_back_again(folder, buckets, tmp_path):
    """A store that comes back from the bucket is a folder with the same bytes, and the bucket says where it went."""
    done = work.held_here(folder)
    move(str(folder), ADDRESS)
    move(ADDRESS, str(tmp_path / "back"))
    assert work.held(Store.open(tmp_path / "back")) == done
    assert Store.open(tmp_path / "back").verify() == []
    with pytest.raises(InvalidError, match="moved to"):
        Store.open(tmp_path / "late", ADDRESS)


def test_from_bucket_to_bucket(folder, buckets, tmp_path):
    done = work.held_here(folder)
    move(str(folder), ADDRESS)
    move(ADDRESS, OTHER)
    assert work.held(Store.open(tmp_path / "second", OTHER)) == done
    with pytest.raises(InvalidError, match="moved to") as moved:
        Store.open(folder, ADDRESS)
    assert OTHER in moved.value.next


def test_nothing_is_moved_over_another_store(folder, buckets, tmp_path):
    """Neither in a bucket nor in a folder; both stay as they were."""
    done = work.held_here(folder)
    work.night(Store.open(tmp_path / "other", OTHER))
    with pytest.raises(InvalidError, match="there is a store"):
        move(str(folder), OTHER)
    with pytest.raises(InvalidError, match="there is a store"):
        move(OTHER, str(folder))
    assert work.held(Store.open(folder)) == done == work.held(Store.open(tmp_path / "other", OTHER))


def test_what_cannot_be_moved_says_so(folder, buckets, tmp_path):
    """No store there, or two folders."""
    with pytest.raises(InputError, match="no store"):
        move(str(tmp_path), ADDRESS)
    with pytest.raises(InputError, match="no store"):
        move(ADDRESS, str(folder))
    with pytest.raises(UsageError, match="both are folders"):
        move(str(tmp_path), str(folder))


def test_a_move_that_fails_leaves_the_folder_a_store(folder, buckets, monkeypatch):
    """Rights to read the bucket and not to write it: nothing is half done."""
    done = work.held_here(folder)

    def refuse(self, *_):
        raise self._failed(obstore.exceptions.PermissionDeniedError("403 Forbidden"))

    monkeypatch.setattr(bucket.Bucket, "swap", refuse)
    with pytest.raises(Exception, match="credentials"):
        move(str(folder), ADDRESS)
    assert work.held(Store.open(folder)) == done


def contents(folder):
    """Path to bytes of each file of the store."""
    local = ("lock", "lock.holder.json", "copy.json")
    files = (path for path in folder.rglob("*") if path.is_file() and path.name not in local)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_leftovers_of_killed_uploads_are_found_and_removed(folder, buckets, tmp_path):
    """What a later lease uploads at this moment is none of them."""
    store = Store.open(folder, ADDRESS)
    work.night(store)
    token = store.origin.root().token
    left, current = (f"objects/{digest(b'x')}-{lease}-9" for lease in (token, token + 2))
    for key in (left, current):
        obstore.put(buckets[ADDRESS], key, b"x")
    with store.lock():
        assert store.origin.orphans() == [(left, 1)]
        store.origin.remove_orphans()
    keys = {meta["path"] for meta in obstore.list(buckets[ADDRESS]).collect()}
    assert left not in keys and current in keys
    assert work.held(Store.open(tmp_path / "second", ADDRESS))
