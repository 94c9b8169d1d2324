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


EQUAL = "class Same(int):\n    def __eq__(self, other): return True\n    def __hash__(self): return 0\n"
TRICKS = {
    "leaves before the tests": "import sys; sys.exit(0)",
    "leaves hard": "import os; os._exit(0)",
    "leaves in the function": "import os\ndef add(a, b): os._exit(0)",
    "leaves softly in the function": "import sys\ndef add(a, b): sys.exit(0)",
    "is equal to everything": f"{EQUAL}def add(a, b): return Same(7)",
    "is an object that is equal to everything": f"{EQUAL.replace('int', 'object')}def add(a, b): return Same()",
    "registers what runs at the end": "import atexit, os\natexit.register(lambda: os._exit(0))\ndef add(a, b): return 0",
    "replaces print, exec and compile": "import builtins\nbuiltins.exec = builtins.compile = builtins.print = lambda *a, **k: None\ndef add(a, b): return 0",
    "replaces AssertionError": "import builtins\nbuiltins.AssertionError = type('A', (BaseException,), {})\ndef add(a, b): return 0",
    "reads its callers": "import sys\ndef add(a, b):\n    frame = sys._getframe()\n    while frame:\n        for value in [*frame.f_locals.values(), *frame.f_globals.values()]:\n            if isinstance(value, str) and 'assert add' in value: raise SystemExit(value)\n        frame = frame.f_back\n    return 0",
    "reads the heap": "import gc\ndef add(a, b):\n    return 4 if any('assert add' in str(o)[:999] for o in gc.get_objects() if isinstance(o, dict)) else 0",
    "says that it passed": "import os, json\nfor fd in range(3, 32):\n    try: os.write(fd, json.dumps({'passed': True, 'why': ''}).encode() + b'\\n')\n    except OSError: pass\nos._exit(0)",
    "answers for the judge": "import os, json\nfor fd in range(3, 32):\n    try: os.write(fd, (json.dumps({'ok': {'add': None}}) + '\\n').encode() * 9)\n    except OSError: pass",
    "raises what ends a test": "def add(a, b): raise StopIteration",
    "makes its names a fake": "__name__ = 'tests'\nassert_ = None\nclass add:\n    def __new__(cls, a, b): return cls\n    def __eq__(self, other): return True",
}  # fmt: skip


@pytest.mark.parametrize("trick", TRICKS)
def test_a_trick_is_worth_nothing(allowed, trick):
    """Wrong code scores 0, whatever it does to the process in which it runs."""
    assert score.code(TRICKS[trick], TESTS).value == 0


RIGHT = {
    "changes a list": ("def sort(items): items.sort()", "a = [2, 1]\nsort(a)\nassert a == [1, 2]"),
    "raises": (
        "def f(x):\n    if x < 0: raise ValueError('no')",
        "try: f(-1)\nexcept ValueError as e: assert 'no' in str(e)\nelse: assert False",
    ),
    "raises its own": (
        "class Full(ValueError): pass\ndef f(): raise Full('no')",
        "try: f()\nexcept Full: pass\nelse: assert False",
    ),
    "calls back": ("def twice(f, x): return f(f(x))", "assert twice(lambda x: x + 1, 1) == 3"),
    "has a class": (
        "class Stack:\n    def __init__(self): self.items = []\n    def push(self, x): self.items.append(x)\n    def __len__(self): return len(self.items)",
        "s = Stack()\ns.push(5)\nassert len(s) == 1 and s.items == [5] and isinstance(s, Stack)",
    ),
    "yields": ("def count(n):\n    yield from range(n)", "assert list(count(3)) == [0, 1, 2]"),
    "gives a named tuple": (
        "from collections import namedtuple\nP = namedtuple('P', 'x y')\ndef p(): return P(1, 2)",
        "assert p() == (1, 2) and p().x == 1",
    ),
    "gives a decimal": ("from decimal import Decimal\ndef d(): return Decimal('1.5')", "from decimal import Decimal\nassert d() == Decimal('1.5')"),
    "gives floats": ("def f(): return [0.1 + 0.2, float('inf')]", "assert f() == [0.1 + 0.2, float('inf')]"),
    "gives a large number": ("def f(): return 10 ** 5000", "assert f() == 10 ** 5000"),
    "gives a counter": ("from collections import Counter\ndef c(s): return Counter(s)", "assert c('aab') == {'a': 2, 'b': 1}"),
    "has names": ("LIMIT = 3", "assert LIMIT == 3"),
}  # fmt: skip


@pytest.mark.parametrize("what", RIGHT)
def test_right_code_passes_over_the_wire(allowed, what):
    """What tests usually do with a model's code works as if both were in one process."""
    assert run(*RIGHT[what], 5, 2**29) == ""


def test_a_link_or_a_pipe_in_its_folder_gives_nothing_away(allowed, tmp_path):
    """The parent reads no path that the code controls: no file is quoted, and nothing hangs."""
    secret = tmp_path / "secret"
    secret.write_text("hidden words")
    for written in (
        f"import os\nfor n in ('out', 'err'):\n    os.symlink({str(secret)!r}, n)\nraise ValueError",
        "import os\nfor n in ('out', 'err'):\n    os.mkfifo(n)\nraise ValueError",
    ):
        assert "hidden" not in run(written, "", 5, 2**29)
