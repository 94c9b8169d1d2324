"""Every `next:` is followed until the command works: no hint is a riddle, and no two refusals point at each other.

A hint is followed as a person would: the command that it names is typed, with a real export for `PATH`, or the file is edited as it
says. What has been refused with the same words before must not be refused again.
"""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from harness.project import Project
from tests.cli.inside import trueup
from tests.cli.test_cli import CONFIG, EVAL, TRACES
from tests.curate.traces import restaurant
from tests.tiny import tiny_model

STEPS = 12
SMALL = CONFIG.replace("train_anyway = true", "").replace('paths = ["traces"]', "paths = []")
GOOD_ENOUGH = (0, 1)
"""Exit codes of a command that worked: done, promote or hold. A run may also end undecided, once it has judged something."""


class Walker:
    """Types a command and follows what is said until it works."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.typed: list[str] = []
        self.said: set[tuple[str, str]] = set()

    def walk(self, goal: str) -> None:
        """Follow hints until `goal` works. Fails on a riddle, on the same refusal twice, and after too many steps."""
        waiting = [goal]
        while waiting:
            assert len(self.typed) < STEPS, f"no end: {self.typed}"
            command = waiting[-1]
            self.typed.append(command)
            done = trueup(*command.split(), cwd=self.folder)
            output = f"{done.stdout}\n{done.stderr}"
            if done.returncode in GOOD_ENOUGH or self._judged(done.returncode):
                waiting.pop()
                continue
            what, hint = refusal(output)
            assert (command, what) not in self.said, f"a circle: {self.typed} ends in {what!r} again"
            self.said.add((command, what))
            followed = self.follow(hint)
            if followed:
                assert followed not in waiting, f"a circle: {waiting} and then {followed}"
                waiting.append(followed)

    def _judged(self, code: int) -> bool:
        """Whether an undecided end has a verdict with a report, not only a plan."""
        return code == 3 and (self.folder / "out" / "report.html").exists()

    def follow(self, hint: str) -> str:
        """The command that the hint names, or empty once the edit that it asks for is made."""
        for pattern, edit in EDITS.items():
            if re.search(pattern, hint):
                edit(self.folder)
                return ""
        named = re.search(r"trueup (?:[a-z]+)(?: (?:--[a-z-]+|PATH|[a-z]+(?=$|[ ;,])))*", hint)
        assert named, f"nobody can follow this: {hint!r}"
        return named[0].removeprefix("trueup ").replace("PATH", str(self.folder / "exports"))


def refusal(output: str) -> tuple[str, str]:
    """What was refused and the hint: the last of each that was printed."""
    lines = output.splitlines()
    hints = [line.partition("next:")[2].strip() for line in lines if "next:" in line]
    refused = [line.removeprefix("trueup: ") for line in lines if line.startswith("trueup: ")]
    assert hints and refused, f"no hint: {output}"
    return re.sub(r"\d+", "N", refused[-1]), hints[-1]


def set_model(folder: Path) -> None:
    """What `set [model] base` asks for."""
    tiny_model(folder / "model")
    text = (folder / "trueup.toml").read_text()
    (folder / "trueup.toml").write_text(re.sub(r'base = "[^"]*"', 'base = "model"', text, count=1))


def label(folder: Path) -> None:
    """What an evening of `trueup label` leaves behind: corrections for the calls of the waiter."""
    store(folder, 120)


EDITS: dict[str, Callable[[Path], None]] = {
    r"set \[model\] base": set_model,
    r"^trueup label|trueup review": label,
}


def exports(folder: Path) -> None:
    """An export lies about, as everybody has one."""
    (folder / "exports").mkdir(parents=True)
    for name in ("calls-2026-10-26.otlp.jsonl.gz", "calls-2026-10-27.otlp.jsonl.gz", "feedback.jsonl"):
        (folder / "exports" / name).symlink_to(TRACES / name)


def store(folder: Path, size: int, change=lambda calls, feedback: (calls, feedback)) -> None:
    """Calls of the bad waiter are stored, as an ingest by hand leaves them."""
    Project.open(folder).store.traces.merge(*change(*restaurant(size)), ())


def small(folder: Path, config: str = SMALL) -> Path:
    """A project with a tiny model and one suite of twelve cases."""
    (folder / "evals").mkdir(parents=True)
    (folder / "trueup.toml").write_text(config)
    (folder / "evals" / "eval_tiny.py").write_text(EVAL)
    tiny_model(folder / "model")
    exports(folder)
    return folder


@pytest.mark.parametrize("goal", ["mine", "curate", "export out", "diff"])
def test_an_empty_folder_leads_to_the_first_calls(tmp_path, goal):
    """From nothing at all: `init`, an ingest, and on to what was asked for. There is no second dataset to compare with yet."""
    exports(tmp_path)
    walker = Walker(tmp_path)
    walker.walk("curate" if goal == "diff" else goal)
    assert walker.typed[:2] == [walker.typed[2], "init"]
    done = trueup(*goal.split(), cwd=tmp_path)
    assert (done.returncode == 0) == (goal != "diff")


def only_praise(calls, feedback):
    praise = [item for item in feedback if item.value == 1]
    return [call for call in calls if call.id in {item.call_id for item in praise}], praise


STARTS: dict[str, Callable[[Path], object]] = {
    "no calls": lambda folder: None,
    "too few labels": lambda folder: store(folder, 20),
    "only praise": lambda folder: store(folder, 120, only_praise),
    "one conversation": lambda folder: store(
        folder, 60, lambda calls, feedback: ([replace(call, session_id="one") for call in calls], feedback)
    ),
    "no eval files": lambda folder: (store(folder, 120), shutil.rmtree(folder / "evals")),
    "an empty folder of exports": lambda folder: (
        store(folder, 120),
        (folder / "traces").mkdir(),
        (folder / "trueup.toml").write_text(SMALL.replace("paths = []", 'paths = ["traces"]')),
    ),
}


@pytest.mark.parametrize("start", STARTS)
def test_a_wrong_start_leads_to_a_dataset(tmp_path, start):
    """Whatever is missing, the hints of `curate` end in a dataset."""
    folder = small(tmp_path / "p")
    STARTS[start](folder)
    Walker(folder).walk("curate")
    assert trueup("export", "out", cwd=folder).returncode == 0


@pytest.mark.slow
def test_the_hints_after_the_data_lead_to_a_verdict(tmp_path):
    """`report`, `gate` and `run` once pointed at each other. From stored calls, without a model and with too few cases, the
    hints of `report` end in a verdict with its report; for the cases, the hint's other way is taken: --train-anyway."""
    folder = small(tmp_path / "p", SMALL.replace('base = "model"', 'base = "nowhere"'))
    store(folder, 120)
    Walker(folder).walk("report")
    assert (folder / "out" / "report.html").exists()


@pytest.mark.parametrize(
    ("goal", "first"),
    [
        ("promote", "run"),
        ("monitor", "promote"),
        ("rollback", "promote"),
        ("eval --model tuned", "tune"),
        ("export out", "curate"),
    ],
)
def test_what_waits_for_another_step_names_it(tmp_path, goal, first):
    """The command that makes what is missing, and no other one that waits for the same."""
    folder = small(tmp_path / "p")
    store(folder, 120)
    done = trueup(*goal.split(), cwd=folder)
    assert done.returncode not in GOOD_ENOUGH
    assert Walker(folder).follow(refusal(f"{done.stdout}\n{done.stderr}")[1]).split()[0] == first
