"""Each page on adding a plug-in works as it is written: its template is installed, and its test is run."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from harness.core.plugins import PACKAGES
from tests.core.distribution import install

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs" / "develop").glob("adding-a-*.md"))
PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
PROJECT = re.compile(r"^```text\n(.*?)^```", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"^`([\w/]+\.py)`:$", re.MULTILINE)


def test_there_is_a_page_for_each_kind_that_people_add():
    """Six pages, each linked from the list of plug-ins and from the README."""
    names = {page.stem.removeprefix("adding-a-") for page in PAGES}
    assert names == {"format", "detector", "scorer", "rule", "recipe", "backend"}
    for where in ("README.md", "docs/reference/plugins.md"):
        text = (ROOT / where).read_text(encoding="utf-8")
        assert all(f"develop/{page.name}" in text for page in PAGES), where


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_template_passes_its_test(page, tmp_path):
    """The plug-in of a distribution with the page's entry point passes the page's test, in a process of its own."""
    text = page.read_text(encoding="utf-8")
    code, test = PYTHON.findall(text)
    (group, points), *others = tomllib.loads(PROJECT.search(text)[1])["project"]["entry-points"].items()
    ((name, target),) = points.items()
    kind = group.removeprefix("trueup.")
    assert (
        not others and kind in PACKAGES and FILE.findall(text) == [f"{target.replace('.', '/')}.py", f"test_{name}.py"]
    )
    folder = install(tmp_path / "site", {(kind, name): code})
    (tmp_path / f"test_{name}.py").write_text(test)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"test_{name}.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
