"""LiteLLM's proxy with the files that `trueup canary start` writes, in front of `trueup serve`.

The proxy has an environment of its own, by default `~/.cache/trueup/litellm` (or the folder in TRUEUP_LITELLM_ENV). The test makes
it where it is missing. Later releases of LiteLLM up to 1.110.2 ask for packages that are not on PyPI.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter, defaultdict
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from harness import config
from harness.project import Project
from harness.promote import canary, split_files
from harness.promote.served_by import Arms
from harness.promote.split import is_candidates
from tests.ingest.collector.serving import serving as collecting
from tests.promote.serving.test_serve import ingested, serving
from tests.promote.test_step import CONFIG, walked  # noqa: F401

PACKAGES = ("litellm[proxy]==1.106.12", "opentelemetry-sdk==1.45.2", "opentelemetry-exporter-otlp-proto-http==1.45.2")
SESSIONS, CALLS = 50, 4
KEY = f"sk-{secrets.token_hex(24)}"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def program() -> Path:
    """The `litellm` command of the environment, which is made if it is missing."""
    folder = Path(os.environ.get("TRUEUP_LITELLM_ENV") or Path.home() / ".cache" / "trueup" / "litellm")
    if not (folder / "bin" / "litellm").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run([str(folder / "bin" / "pip"), "install", "--quiet", *PACKAGES], check=True)
    return folder / "bin" / "litellm"


@contextmanager
def proxying(program: Path, folder: Path, collector: int):
    """A client of a proxy that runs with the files in `folder`."""
    port = free_port()
    variables = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder),
        "LITELLM_MASTER_KEY": KEY,
        "TRUEUP_SERVE_TOKEN": "none",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "OTEL_BSP_SCHEDULE_DELAY": "200",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector}",
    }
    command = [str(program), "--config", "config.yaml", "--host", "127.0.0.1", "--port", str(port)]
    with (
        open(folder / "proxy.log", "w") as log,
        subprocess.Popen(command, cwd=folder, env=variables, stdout=log, stderr=log) as process,
        httpx2.Client(base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {KEY}"}) as client,
    ):
        try:
            _wait(client, process, folder / "proxy.log")
            yield client
        finally:
            process.send_signal(signal.SIGTERM)


def _wait(client, process, log):
    until = time.monotonic() + 300
    while time.monotonic() < until:
        assert process.poll() is None, log.read_text()[-2000:]
        try:
            if client.get("/health/liveliness", timeout=10).is_success:
                return
        except httpx2.TransportError:
            time.sleep(0.5)
    raise AssertionError(log.read_text()[-2000:])


def ask(client, session, model="production", **body):
    asked = {"model": model, "messages": [{"role": "user", "content": "late 3"}], "max_tokens": 8, **body}
    headers = {"x-session-id": session} if session else {}
    answer = client.post("/v1/chat/completions", json=asked, headers=headers, timeout=60)
    assert answer.is_success, answer.text
    return answer.json()["choices"][0]["message"]["content"]


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def work(walked, tmp_path):  # noqa: F811
    """A copy of the project that was walked to a promote, whose server has a port that its gateways know."""
    root = shutil.copytree(walked[0].config.root, tmp_path / "copy")
    port = free_port()
    (root / "trueup.toml").write_text(f'{CONFIG}\n[canary]\nurl = "http://127.0.0.1:{port}/v1"\n')
    return Project.open(config.load(root)), port


def traced(inbox, calls):
    """Wait until LiteLLM, which hands on spans in the background, has traced so many calls."""
    until = time.monotonic() + 120
    while sum(path.read_bytes().count(b'"litellm_request"') for path in inbox.iterdir()) < calls:
        assert time.monotonic() < until
        time.sleep(0.2)


def test_a_session_stays_where_its_hash_puts_it_and_its_traces_say_so(work, program, tmp_path):
    """200 requests of 50 sessions: each session has one arm, the one that the split says, and the share is the stated one.

    Arm and session come back twice: in the traces of the server, to which the session is handed on, and in LiteLLM's own. Once
    the canary is stopped, a proxy that is started again gives everybody the control.
    """
    project, port = work
    plan = canary.start(project, share=0.3)
    folder = split_files.place(project) / "litellm"
    said = defaultdict(set)
    with serving(project, port=port), collecting(tmp_path / "inbox") as collector:
        with proxying(program, folder, collector.port) as proxy:
            for number in range(SESSIONS * CALLS):
                session = f"s{number % SESSIONS}"
                said[session].add(ask(proxy, session))
            theirs = {session for session in said if is_candidates(session, plan.salt, 0.3)}
            assert {session: {"delivery" if session in theirs else "refund"} for session in said} == said
            assert 5 <= len(theirs) <= 25, theirs
            assert ask(proxy, "", user=next(iter(theirs))) == "delivery" and ask(proxy, "") == "refund"
            assert ask(proxy, "", model="base") == "refund" and ask(proxy, "", model=plan.candidate_name) == "delivery"
            traced(tmp_path / "inbox", SESSIONS * CALLS + 4)
        canary.stop(project)
        with proxying(program, folder, collector.port) as proxy:
            assert {ask(proxy, session) for session in theirs} == {"refund"}
            traced(tmp_path / "inbox", SESSIONS * CALLS + 4 + len(theirs))
    of_litellm = shutil.copytree(tmp_path / "inbox", Path(tmp_path / "own" / ".trueup" / "inbox"))
    (tmp_path / "own" / "trueup.toml").write_text(CONFIG)
    for calls in (ingested(project), ingested(Project.open(config.load(of_litellm.parents[1])))):
        sides = Counter((call.session_id in theirs, Arms(plan).side(call)) for call in calls if call.session_id)
        wanted = {(True, "candidate"): CALLS * len(theirs) + 1, (False, "control"): CALLS * (SESSIONS - len(theirs))}
        assert sides == {**wanted, (True, "control"): len(theirs)}
        assert {call.session_id for call in calls} == {*said, ""}
