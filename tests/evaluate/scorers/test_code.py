"""Code that a model wrote is run only when asked for, only confined, and judged by its tests."""

import socket
import sys

import pytest

from harness.errors import UsageError
from harness.evaluate import score
from harness.evaluate.scorers import _confined
from harness.evaluate.scorers.code import run

TESTS = "assert add(2, 2) == 4\nassert add(-1, 1) == 0"
GOOD = "Here you are:\n```python\ndef add(a, b):\n    return a + b\n```\nDone."
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="code is confined by Linux only")


@pytest.fixture
def allowed(monkeypatch):
    monkeypatch.setenv("TRUEUP_RUN_CODE", "1")
    try:
        run("pass", "", 5, 2**29)
    except UsageError as error:
        pytest.skip(str(error))


def test_nothing_is_run_unless_it_is_switched_on(monkeypatch):
    """Without the switch the case is an error that names it."""
    monkeypatch.delenv("TRUEUP_RUN_CODE", raising=False)
    with pytest.raises(UsageError, match="switched off") as caught:
        score.code(GOOD, TESTS)
    assert "TRUEUP_RUN_CODE=1" in caught.value.next


def test_code_that_passes_its_tests_is_right_and_other_code_says_why(allowed):
    """The fenced block is run, or the whole reply; the last line of the traceback is the reason."""
    assert score.code(GOOD, TESTS).value == 1
    assert score.code("def add(a, b): return a + b", TESTS).value == 1
    wrong = score.code("def add(a, b): return a - b", TESTS)
    assert (wrong.value, wrong.explanation) == (0, "AssertionError")
    assert "SyntaxError" in score.code("def add(", TESTS).explanation
    assert "no code" in score.code("", TESTS).explanation


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("import sys; sys.exit(0)", "ended before its tests"),
        ("import os; os._exit(0)", "ended before its tests"),
        ("print('0' * 32)\nraise SystemExit", "ended before its tests"),
        ("while True: pass", "did not end within 1 s"),
        ("x = 'a' * 10**9", "MemoryError"),
        ("open('big', 'w').write('x' * 3_000_000)", "File too large"),
    ],
)
def test_code_that_does_not_get_to_its_tests_is_wrong(allowed, written, why):
    """Leaving early, never ending, eating memory or disk: a wrong answer with its reason, and no harm done."""
    assert why in run(written, "", 1, 2**28)


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("open('/etc/passwd').read()", "PermissionError"),
        ("import os; os.listdir('/')", "PermissionError"),
        ("import os; os.remove({file!r})", "PermissionError"),
        ("open({file!r}, 'a')", "PermissionError"),
        ("import os; os.kill({parent}, 9)", "PermissionError"),
        ("import os; os.fork()", "BlockingIOError"),
        ("import subprocess; subprocess.run(['/bin/true'])", "BlockingIOError|PermissionError"),
        ("import socket; socket.create_connection(('127.0.0.1', {port}), 2)", "PermissionError|unreachable|refused"),
        ("import socket; socket.socket(2, 2).sendto(b'x', ('127.0.0.1', {port}))", "unreachable"),
        ("import os; os.setuid(0)", "PermissionError|Invalid argument"),
    ],
)
def test_code_cannot_reach_out(allowed, tmp_path, written, why):
    """Files, processes and the network of the machine are out of reach."""
    import os
    import re

    file = tmp_path / "precious"
    file.write_text("kept")
    tmp_path.chmod(0o777)
    file.chmod(0o666)
    with socket.create_server(("127.0.0.1", 0)) as server:
        said = run(written.format(file=str(file), parent=os.getpid(), port=server.getsockname()[1]), "", 5, 2**29)
    assert re.search(why, said), said
    assert file.read_text() == "kept"


def test_nothing_of_the_environment_is_seen(allowed, monkeypatch):
    """A secret in a variable stays with the parent."""
    monkeypatch.setenv("API_KEY", "secret")
    assert run("import os", "assert 'API_KEY' not in os.environ", 5, 2**29) == ""


def test_what_cannot_be_confined_is_not_run(monkeypatch, tmp_path):
    """A machine without the means makes the case an error, never a run in the open."""
    broken = tmp_path / "unconfined.py"
    broken.write_text(f"import sys; print('no Landlock', file=sys.stderr); sys.exit({_confined.UNCONFINED})")
    monkeypatch.setattr(_confined, "__file__", str(broken))
    with pytest.raises(UsageError, match="cannot be confined on this machine: no Landlock"):
        run("pass", "", 5, 2**29)
