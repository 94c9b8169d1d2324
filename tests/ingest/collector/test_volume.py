"""Many spans: the receiver's memory is that of one request, and what it took is read as it came."""

import json
import resource
import time

import psutil
import pytest

from tests.ingest.collector.serving import request, span
from tests.ingest.collector.test_inbox import calls_of, receiver

TEXT = json.dumps([{"role": "user", "parts": [{"type": "text", "content": "Where is my parcel? " * 20}]}])


def bodies(count, size, traces=10**9):
    """So many requests of `size` spans of about 1 KB, in so many traces."""
    for first in range(1, count * size, size):
        spans = [
            span(number, f"{1 + number % traces:032x}", **{"gen_ai.input.messages": TEXT})
            for number in range(first, first + size)
        ]
        yield json.dumps(request(*spans)).encode()


def send(client, found):
    for body in found:
        assert client.post(body)[0] == 200


def test_more_requests_need_no_more_memory(tmp_path):
    """After the first requests, 2,000 more spans grow the receiver by less than 16 MB, all of them in its inbox."""
    child, client = receiver(tmp_path / "inbox")
    try:
        send(client, bodies(2, 500))
        before = psutil.Process(child.pid).memory_info().rss
        send(client, bodies(4, 500))
        assert psutil.Process(child.pid).memory_info().rss - before < 16e6
        assert sum(path.stat().st_size for path in (tmp_path / "inbox").iterdir()) > 2.5e6
    finally:
        child.communicate()


def test_a_trace_of_many_spans_is_one_trace(tmp_path):
    """1,000 spans of one trace over four requests are 1,000 calls."""
    child, client = receiver(tmp_path / "inbox")
    send(client, bodies(4, 250, traces=1))
    child.communicate()
    found = calls_of(tmp_path / "inbox")
    assert len({call.id for call in found}) == 1000 and {call.trace_id for call in found} == {f"{1:032x}"}


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("count", "traces"), [(500, 10**9), (50, 1)], ids=["a million spans", "a trace of 100,000"])
def test_a_million_spans_are_taken_in_bounded_memory(tmp_path, count, traces):
    """In an address space of 1.5 GB, by a process that never holds more than 300 MB; the rate is printed."""
    child, client = receiver(tmp_path / "inbox")
    resource.prlimit(child.pid, resource.RLIMIT_AS, (1_500_000_000,) * 2)
    peak, began = 0, time.monotonic()
    try:
        for body in bodies(count, 2000, traces):
            assert client.post(body)[0] == 200
            peak = max(peak, psutil.Process(child.pid).memory_info().rss)
        seconds = time.monotonic() - began
    finally:
        child.communicate()
    print(f"{count * 2000 / seconds:,.0f} spans a second, {peak / 1e6:.0f} MB at most")
    assert peak < 300e6
