"""The reply cache: durable appends, and damage that costs a generation, never an answer."""

import pytest

from harness.store import ReplyCache
from harness.types import Reply


@pytest.fixture
def path(tmp_path):
    return tmp_path / "replies" / "model.jsonl"


def test_replies_come_back_equal(path):
    """In the same process and in the next."""
    with ReplyCache(path) as cache:
        assert cache.get("a") is None and not path.exists()
        cache.add({"a": Reply(text="one"), "b": Reply(text="zwei\n", logprobs=(-1.5,))})
        assert cache.get("a") == Reply(text="one")
    assert ReplyCache(path).get("b") == Reply(text="zwei\n", logprobs=(-1.5,))


def test_a_known_key_is_not_written_again(path):
    """The first answer stands and the file does not grow."""
    with ReplyCache(path) as cache:
        cache.add({"a": Reply(text="one")})
        size = path.stat().st_size
        cache.add({"a": Reply(text="two")})
    assert path.stat().st_size == size and ReplyCache(path).get("a") == Reply(text="one")


def test_a_torn_last_line_is_passed_over(path):
    """Cut anywhere, the whole lines stay readable and the next one is not swallowed."""
    with ReplyCache(path) as cache:
        cache.add({"a": Reply(text="one")})
        whole = path.stat().st_size
        cache.add({"b": Reply(text="two")})
    data = path.read_bytes()
    for cut in range(whole, len(data)):
        path.write_bytes(data[:cut])
        with ReplyCache(path) as cache:
            assert cache.get("a") == Reply(text="one") and (cache.get("b") is None or cut == len(data) - 1)
            cache.add({"c": Reply(text="three")})
        assert ReplyCache(path).get("c") == Reply(text="three")


def test_a_flipped_byte_never_gives_another_answer(path):
    """Each flip of a line is a miss, for every byte of it."""
    with ReplyCache(path) as cache:
        cache.add({"a": Reply(text="one")})
    data = path.read_bytes()
    for place in range(len(data) - 1):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        assert ReplyCache(path).get("a") is None
        assert len(ReplyCache(path)) == 0


def test_each_model_has_its_own_file(store):
    """The same request under another model is not found."""
    store.replies("a" * 64).add({"key": Reply(text="of a")})
    assert store.replies("b" * 64).get("key") is None
    assert store.replies("a" * 64).get("key") == Reply(text="of a")
