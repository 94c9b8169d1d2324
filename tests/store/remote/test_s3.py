"""A store on a real S3 server: conditional puts, faults of the network, SIGKILL, and what wrong input gets."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.errors import BusyError, Exit, StorageError, UsageError
from harness.store import Store
from harness.store.remote import bucket
from harness.store.remote.bucket import Bucket, Conflict
from harness.store.remote.root import Pointer, Root
from tests.store.remote import work
from tests.store.remote.proxy import FAULTS, Proxy

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent


@pytest.fixture
def address(tmp_path: Path) -> str:
    """A folder of its own in the bucket."""
    return f"s3://nightly/{tmp_path.name}"


@pytest.fixture
def proxy(server: str, s3: Callable[[str], None]) -> Iterator[Proxy]:
    """A proxy, which the environment leads to."""
    made = Proxy(server)
    s3(made.address)
    yield made
    made.close()


def test_the_server_knows_conditional_puts(s3, address):
    """What the lease rests on: created once, replaced only by who knows what is there."""
    there = Bucket(address)
    first = there.swap("root.json", b"1", None)
    with pytest.raises(Conflict):
        there.swap("root.json", b"2", None)
    second = there.swap("root.json", b"2", first)
    with pytest.raises(Conflict):
        there.swap("root.json", b"3", first)
    assert there.get("root.json").data == b"2" and there.get("root.json").version == second


def test_a_night_on_s3_is_the_night_in_a_folder(s3, address, tmp_path):
    """And a second machine has it with nothing but the address, and is turned away while the first writes."""
    first = Store.open(tmp_path / "one", address)
    assert work.night(first) == work.held_here(tmp_path / "folder")
    second = Store.open(tmp_path / "two", address)
    assert work.held(second) == work.held(first)
    assert second.verify() == second.origin.damaged() == []
    with first.lock(), pytest.raises(BusyError), second.lock():
        pass


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault != "403"])
def test_faults_of_the_network_change_nothing(proxy, address, tmp_path, fault):
    """Every third request is broken once; the night ends as without, and each object is whole."""
    proxy.plan = lambda number, *_: fault if number % 3 == 0 and (fault != "slow" or number < 10) else ""
    assert work.night(Store.open(tmp_path / "one", address)) == work.held_here(tmp_path / "folder")
    second = Store.open(tmp_path / "two", address)
    assert work.held(second) == work.held(Store.open(tmp_path / "folder"))
    proxy.plan = lambda *_: ""
    assert second.verify() == second.origin.damaged() == []
    assert proxy.seen > 60


@pytest.mark.parametrize("fault", ["500 after", pytest.param("closed after", marks=pytest.mark.slow)])
def test_a_swap_whose_answer_was_lost_is_read_back(proxy, address, fault):
    """It was done, so it counts, and nobody else's is taken for it."""
    pointer, other = Pointer(Bucket(address)), Pointer(Bucket(address))
    proxy.plan = lambda number, method, _: fault if method == "PUT" else ""
    pointer.swap(Root(id="mine"))
    assert other.read() == pointer.root
    other.swap(Root(id="mine", number=1))
    with pytest.raises(Conflict):
        pointer.swap(Root(id="mine", number=7))
    assert other.read().number == 1


def test_a_bucket_that_goes_away_in_the_middle_loses_nothing(proxy, address, tmp_path, monkeypatch):
    """Exit code 6; when it is back the same folder goes on, with what it had made already."""
    monkeypatch.setattr(bucket, "TIMEOUT_S", 1.0)
    store = Store.open(tmp_path / "one", address)
    with pytest.raises(StorageError) as gone, store.lock():
        work._adapter(store)
        proxy.plan = lambda *_: "closed"
        store.ledger.add({"case": "held_out"})
    assert gone.value.exit == Exit.STORAGE and "run the same command again" in gone.value.next
    with pytest.raises(StorageError):
        Store.open(tmp_path / "one", address)
    proxy.plan = lambda *_: ""
    again = Store.open(tmp_path / "one", address)
    assert again.ledger.splits() == {"case": "held_out"} and again.memo.recall("tune", "key") == work.ADAPTER
    assert work.night(again) == work.held_here(tmp_path / "folder")


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_missing_rights_say_what_to_set(proxy, address, tmp_path, method):
    """To read, or only to write; no credential is repeated."""
    proxy.plan = lambda number, asked, _: "403" if asked == method else ""
    with pytest.raises(StorageError, match="do not allow it") as refused, Store.open(tmp_path / "one", address).lock():
        pass
    assert refused.value.exit == Exit.STORAGE
    assert "AWS_ACCESS_KEY_ID" in refused.value.next and "test" not in str(refused.value).replace(tmp_path.name, "")


def test_a_missing_bucket_is_named(s3, address, tmp_path):
    """And leaves nothing: with the right address the same folder works."""
    with pytest.raises(StorageError, match="no such bucket") as missing:
        Store.open(tmp_path / "one", "s3://no-such-bucket/desk")
    assert missing.value.where == "s3://no-such-bucket/desk"
    assert missing.value.exit == Exit.STORAGE and missing.value.next
    assert not any(tmp_path.iterdir())
    Store.open(tmp_path / "one", address)


def test_no_network_is_said_soon(s3, tmp_path, monkeypatch):
    """A port that nobody listens on."""
    monkeypatch.setattr(bucket, "TIMEOUT_S", 1.0)
    s3("http://127.0.0.1:9")
    with pytest.raises(StorageError, match="does not answer"):
        Store.open(tmp_path / "one", "s3://nightly/desk")


@pytest.mark.parametrize("first,step", [(3, 9)])
def test_sigkill_at_a_request_leaves_before_or_after(s3, address, tmp_path, first, step):
    """Some of the kills on every run of the tests; `python killed.py ... 1 1` does all of them."""
    command = [sys.executable, str(HERE / "killed.py"), address, str(tmp_path / "kills"), str(first), str(step)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=590)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["wrong"] == [] and told["kills"] >= 4 and told["status"] == 0


@pytest.mark.slow
def test_the_whole_loop_goes_on_from_the_address_alone(s3, address, tmp_path, monkeypatch):
    """Ingest, mine, curate, evaluate and gate on the parcel desk's traces; a second job on a fresh folder gives the same verdict
    and dataset, reads, asks and publishes nothing."""
    monkeypatch.setenv("TRUEUP_STORE", address)
    told = []
    for name in ("one", "two"):
        folder, desk = tmp_path / name, str(HERE / "desk.py")
        subprocess.run(
            [sys.executable, desk, "make", str(folder), str(ROOT / "examples" / "parcel_desk" / "traces")], check=True
        )
        done = subprocess.run([sys.executable, desk, "walk", str(folder)], capture_output=True, text=True, cwd=ROOT)
        assert done.returncode == 0, done.stderr
        told.append(json.loads(done.stdout))
    first, second = told
    assert first["calls"] > 0 and first["asked"] > 0
    assert second == {**first, "calls": 0, "asked": 0}


def test_a_variable_that_is_set_to_nothing_is_unset(server, s3, address, monkeypatch):
    """CI sets a secret that is not there to nothing; the client would take it for a key, or panic on it for an address."""
    monkeypatch.setenv("AWS_ENDPOINT", server)
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "")
    there = Bucket(address)
    there.put("a", b"1")
    assert there.get("a").data == b"1"


@pytest.mark.parametrize("value", ["localhost:9000", "//", "minio"])
def test_an_endpoint_that_is_no_web_address_is_refused(s3, address, monkeypatch, value):
    monkeypatch.setenv("AWS_ENDPOINT_URL", value)
    with pytest.raises(UsageError, match="AWS_ENDPOINT_URL is no web address"):
        Bucket(address)
