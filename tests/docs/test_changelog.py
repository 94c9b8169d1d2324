"""The fragments of changelog.d are ones that towncrier reads."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FRAGMENTS = sorted(path for path in (ROOT / "changelog.d").iterdir() if path.name != "README.md")
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["towncrier"]


@pytest.mark.parametrize("path", FRAGMENTS, ids=lambda path: path.name)
def test_a_fragment_is_well_named_and_says_something(path):
    """`short-name.kind.md`, with a kind of pyproject.toml, and one or two sentences."""
    kinds = "|".join(kind["directory"] for kind in SETTINGS["type"])
    assert re.fullmatch(rf"[a-z0-9-]+\.({kinds})\.md", path.name)
    text = path.read_text(encoding="utf-8").strip()
    assert text.endswith(".") and len(text) <= 600 and not text.startswith(("#", "-", "*"))


def test_the_readme_names_every_kind():
    """Whoever writes a fragment finds the kinds beside it."""
    readme = (ROOT / "changelog.d" / "README.md").read_text(encoding="utf-8")
    assert all(f"`{kind['directory']}`" in readme for kind in SETTINGS["type"])
