"""Who may send: IPv6 addresses, tokens beyond this machine, and a request that takes too long to redact."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys

import pytest

from harness.core import admission
from harness.errors import UsageError
from harness.ingest.collector import receiver, serve
from harness.project import Project
from tests.ingest.collector.serving import request, serving, span


@pytest.fixture
def project(tmp_path):
    (tmp_path / "trueup.toml").write_text('[project]\nname = "x"\n')
    return tmp_path


def _has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(not _has_ipv6(), reason="this machine has no IPv6")
@pytest.mark.parametrize("host", ["::1", "[::1]", "0:0:0:0:0:0:0:1"])
def test_an_ipv6_address_is_served(project, host):
    """A sender that speaks to `http://[::1]:port` is answered 200; another name is still refused."""
    command = [sys.executable, "-m", "trueup", "collect", "--host", host, "--port", "0", "-c", str(project)]
    child = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, "TRUEUP_COLLECT_TOKEN": ""})
    try:
        assert child.stderr is not None
        address = child.stderr.readline().split("http://")[1].split(";")[0]
        assert address.startswith("[")
        port = int(address.rsplit(":", 1)[1])
        for name, status in ((address, 200), (f"[::1]:{port}", 200), ("evil.example", 421), (f"[::2]:{port}", 421)):
            connection = http.client.HTTPConnection("::1", port, timeout=300)
            headers = {"Host": name, "Content-Type": "application/json"}
            connection.request("POST", "/v1/traces", json.dumps(request(span())), headers)
            assert connection.getresponse().status == status, name
            connection.close()
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(300)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "[::]", "192.0.2.1", "2001:db8::1", "collector.internal"])
def test_beyond_this_machine_only_with_a_token(project, monkeypatch, host):
    """Without a token the command is refused and says what to type; so is a variable that was named and is empty."""
    monkeypatch.delenv(serve.TOKEN, raising=False)
    for name in (serve.TOKEN, "OTHER"):
        with pytest.raises(UsageError) as refused:
            serve.collect(Project.open(project), host, 0, (), 0, lambda _: None, name)
        assert f"export {name}=" in refused.value.next
    monkeypatch.setenv("OTHER", "")
    with pytest.raises(UsageError, match="empty"):
        serve.collect(Project.open(project), "127.0.0.1", 0, (), 0, lambda _: None, "OTHER")


def test_names_are_spelled_as_a_host_header_spells_them():
    """IPv6 in brackets, short and long, without its zone; other names as they are."""
    assert admission.hosts(["fe80::1%eth0"], 1) == {"[fe80::1]:1", "[fe80:0000:0000:0000:0000:0000:0000:0001]:1"}
    assert admission.hosts(["Desk.Internal"], 80) == {"desk.internal:80", "desk.internal"}


def test_a_request_that_takes_too_long_is_refused_and_others_go_on(tmp_path, monkeypatch):
    """Past its budget of processor time a request is answered 413; the next one is taken."""
    monkeypatch.setattr(receiver, "BUDGET_S", 0.05)
    with serving(tmp_path / "inbox") as client:
        assert client.post(request(span(note="4 4 4 " * 300_000)))[0] == 413
        assert client.post(request(span(2, note="hello")))[0] == 200
