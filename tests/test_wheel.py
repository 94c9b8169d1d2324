"""What is published: the wheel holds every file that trueup needs, and works outside of the source tree."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.cli.test_cli import TRACES, project

ROOT = Path(__file__).parents[1]
PACKAGES = ("trueup", "harness", "trainers", "reports")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def checked(command: list[str], codes: tuple[int, ...] = (0,), **extra) -> str:
    """Standard output of a command that has to end with one of these exit codes."""
    done = subprocess.run(command, capture_output=True, text=True, **extra)
    assert done.returncode in codes, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from a copy of the sources, so that nothing is left in the tree."""
    copy, out = tmp_path_factory.mktemp("sources"), tmp_path_factory.mktemp("wheel")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    checked(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--quiet",
            "--no-deps",
            "--no-build-isolation",
            "-w",
            str(out),
            str(copy),
        ]
    )
    (file,) = out.glob("trueup-*.whl")
    return file


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> dict[str, str]:
    """Environment in which the wheel, unpacked elsewhere, is the only trueup that Python can import."""
    target = tmp_path_factory.mktemp("installed")
    checked([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target), str(wheel)])
    return {**os.environ, "PYTHONPATH": str(target), "OMP_NUM_THREADS": "1"}


def trueup(environment: dict[str, str], folder: Path, *words: str, codes: tuple[int, ...] = (0,)) -> str:
    return checked([sys.executable, "-P", "-m", "trueup", *words], codes, cwd=folder, env=environment)


def test_the_wheel_holds_every_file_of_the_packages(wheel):
    """Modules, pages, templates and markers of types; nothing of the tests."""
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    files = {
        path.relative_to(ROOT).as_posix() for name in PACKAGES for path in (ROOT / name).rglob("*") if path.is_file()
    }
    assert inside == {name for name in files if "__pycache__" not in name}


def test_the_wheel_is_what_runs(installed, tmp_path):
    """Python takes all four packages from the installation, not from the source tree."""
    code = f"import {', '.join(PACKAGES)}\nprint(*(each.__path__[0] for each in ({', '.join(PACKAGES)})))"
    places = checked([sys.executable, "-P", "-c", code], cwd=tmp_path, env=installed).split()
    assert places == [str(Path(installed["PYTHONPATH"]) / name) for name in PACKAGES]


def test_an_installed_trueup_starts_a_project(installed, tmp_path):
    """`trueup init` writes a project with settings and an eval file."""
    trueup(installed, tmp_path, "init", "desk", "--model", str(tmp_path / "model"))
    assert (tmp_path / "desk" / "trueup.toml").is_file()
    assert list((tmp_path / "desk").rglob("eval_*.py"))


def test_an_installed_trueup_runs_an_example_of_the_docs(installed, tmp_path):
    """`trueup eval` on a worked example of the docs gives full marks to the right answers."""
    shutil.copytree(ROOT / "docs" / "examples", tmp_path / "examples")
    answer = json.loads(trueup(installed, tmp_path / "examples", "eval", "invoices", "--model", "right", "--json"))
    (mean,) = answer["means"]
    assert (mean["mean"], mean["errors"], answer["problems"]) == (1, 0, [])


def test_an_installed_trueup_walks_the_whole_loop(installed, tmp_path):
    """`trueup run` on a tiny model ends with a verdict and writes the reports, whose templates come from the wheel."""
    folder = project(tmp_path / "tiny")
    (folder / "traces").symlink_to(TRACES)
    answer = json.loads(trueup(installed, folder, "run", "--json", codes=(1, 3)))
    assert answer["verdict"] in ("hold", "undecided")
    assert "<html" in (folder / "out" / "report.html").read_text(encoding="utf-8")
