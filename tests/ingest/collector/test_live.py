"""The real thing: the openai client, two real instrumentations, the SDK's own exporter, and the `trueup collect` command.

These packages clash with the versions that trueup pins, so they want an environment of their own, named by
TRUEUP_SDK_PYTHON; docs/how-to/collect.md says what to install there.
"""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness import config, loop
from harness.project import Project

ROOT = Path(__file__).parents[3]
SDK = os.environ.get("TRUEUP_SDK_PYTHON", "")
APP = Path(__file__).with_name("app.py")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        not SDK, reason="TRUEUP_SDK_PYTHON names no Python with the openai client and its instrumentation"
    ),
]


def project(folder):
    folder.mkdir()
    (folder / "trueup.toml").write_text('[project]\nname = "x"\n[privacy]\nsalt = "one for both"\n')
    return folder


@pytest.mark.parametrize("compression", ["gzip", "none"])
@pytest.mark.parametrize("instrumentation", ["openai_v2", "openinference"])
def test_what_was_received_is_what_a_file_of_the_same_spans_gives(tmp_path, instrumentation, compression):
    """Six calls of the openai client arrive by OTLP over HTTP and by day files; both tables hold the same, redacted."""
    live, filed = project(tmp_path / "live"), project(tmp_path / "filed")
    command = [sys.executable, "-m", "trueup", "collect", "--port", "0", "--config", str(live)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as collector:
        try:
            address = re.search(r"http://\S+?(?=;)", collector.stderr.readline()).group()
            environment = {**os.environ, "PYTHONPATH": str(ROOT), "OTEL_EXPORTER_OTLP_COMPRESSION": compression}
            app = [SDK, str(APP), instrumentation, address, str(tmp_path / "days")]
            subprocess.run(app, env=environment, check=True, timeout=600)
        finally:
            collector.send_signal(signal.SIGTERM)
        assert collector.wait(600) == 0
    received, read = (Project.open(config.load(folder)) for folder in (live, filed))
    loop.ingest(received)
    loop.ingest(read, [str(tmp_path / "days")])
    assert received.store.traces.counts()["usable"] == 6
    assert received.store.traces.version() == read.store.traces.version()
    stored = b"".join(path.read_bytes() for path in live.rglob("*") if path.is_file())
    assert b"ada@example.com" not in stored and b"4111 1111" not in stored
