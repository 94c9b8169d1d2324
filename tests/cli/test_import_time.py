"""`trueup --help` answers at once, and the pytest plug-in costs other people's tests nothing."""

import os
import subprocess
import sys

HEAVY = ("torch", "transformers", "peft", "trl", "bitsandbytes", "datasets", "pandas", "jinja2", "deltalake", "ray")
HEAVY_TOO = ("scipy", "sklearn", "pyarrow", "opentelemetry", "rich", "numpy")
LIMIT_S = 0.150
QUIET_CLICK_S = 0.045
"""Processor time of `python -c "import click"` on a quiet machine; a busier or slower one moves the limit as it moves this."""


def loaded_after(code: str) -> set[str]:
    """Top-level modules that a fresh interpreter holds after `code`."""
    probe = f"import sys\n{code}\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    return set(subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout.split())


def test_the_command_line_loads_nothing_heavy():
    """Listing the commands imports neither torch nor pandas nor the store."""
    assert not loaded_after("import harness.cli.main") & {*HEAVY, *HEAVY_TOO}


def test_the_pytest_plugin_loads_nothing_heavy():
    """Every pytest in the environment loads the plug-in, so it must be light."""
    assert not loaded_after("import trueup.pytest_plugin") & {*HEAVY, *HEAVY_TOO}


def test_an_eval_file_loads_nothing_heavy():
    """`from harness import cases, score, suite, target` is what every eval file starts with."""
    assert not loaded_after("from harness import cases, score, suite, target") & {*HEAVY, *HEAVY_TOO}


def test_help_answers_within_the_limit():
    """Processor time of the whole process, best of seven, beside that of importing click, taken in turn."""
    command = [
        sys.executable,
        "-c",
        "import sys; sys.argv=['trueup','--help']; from harness.cli.main import main; main()",
    ]
    bare = [sys.executable, "-c", "import click"]
    ours, click = map(min, zip(*((_seconds(command), _seconds(bare)) for _ in range(7)), strict=True))
    assert ours < LIMIT_S * max(click / QUIET_CLICK_S, 1), f"{ours:.3f} s, and {click:.3f} s for click alone"


def _seconds(command: list[str]) -> float:
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0
    return used.ru_utime + used.ru_stime


def test_knowing_which_model_an_arm_is_loads_no_engine():
    """A run with nothing to answer asks only for digests: that imports neither transformers nor peft."""
    assert not loaded_after("import harness.evaluate.backends.hf") & {"transformers", "peft", "bitsandbytes"}
