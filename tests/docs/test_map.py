"""The map is the tree: ARCHITECTURE.md, and the pages that name files of the project."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

from harness.core.plugins import PACKAGES

ROOT = Path(__file__).parents[2]
MAP = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")])
CODE = ("trueup", "harness", "trainers", "reports", "tests", "benchmarks", "examples", "docs")
WORDS = re.compile(r"`([^`\s]+)`")
WRITTEN_LATER = re.compile(r"\b[A-Z]\b|NAME|[*<{…]")
"""Names with a placeholder, such as harness/redact/redactors/NAME.py."""
MADE_BY_A_COMMAND = re.compile(r"/out/|^benchmarks/\w+\.jsonl$")
"""What git ignores: reports and results that a command writes."""


def table(heading: str) -> list[list[str]]:
    """Cells of the table under a heading of the map, without its header; a cell of one name only loses its backticks."""
    part = MAP.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in part.splitlines() if line.startswith("|")]
    return [[re.sub(r"^`([^`]*)`$", r"\1", cell.strip()) for cell in row] for row in rows[2:]]


def tracked() -> list[str]:
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("no git checkout")
    return [name for name in done.stdout.splitlines() if (ROOT / name).exists()]


def test_the_map_lists_every_root_entry_and_no_other():
    """Each file and folder at the root has a line, and each line an entry."""
    entries = {name.split("/")[0] + "/" if "/" in name else name for name in tracked()}
    assert sorted(row[0] for row in table("The tree")) == sorted(entries)


def test_the_map_lists_every_room_and_no_other():
    """Each room of harness/ has a line."""
    rooms = {path.stem for path in (ROOT / "harness").iterdir() if path.is_dir() or path.suffix == ".py"}
    rooms -= {"__init__", "__main__", "__pycache__", "py"}
    assert sorted(row[1] for row in table("The rooms of harness/")) == sorted(rooms)


def test_the_map_has_the_floors_that_the_walls_hold():
    """The floors of the map are those of tests/test_architecture.py."""
    tree = ast.parse((ROOT / "tests" / "test_architecture.py").read_text(encoding="utf-8"))
    (floors,) = (
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "FLOORS"
    )
    mapped = {row[1]: int(row[0]) for row in table("The rooms of harness/")}
    assert mapped == {room: number for number, rooms in enumerate(floors, 1) for room in rooms}


def test_the_map_names_the_folders_of_each_room():
    """Each folder in a room is named on the room's line."""
    lines = {row[1]: row[2] for row in table("The rooms of harness/")}
    for room, line in lines.items():
        for folder in (ROOT / "harness" / room).glob("*/__init__.py"):
            assert f"`{folder.parent.name}/`" in line, folder


def test_the_map_lists_every_kind_of_plugin():
    """Each kind of plug-in has a line with its folder."""
    assert {row[0]: row[1].strip("/").replace("/", ".") for row in table("The seams")} == PACKAGES


def test_every_room_is_in_a_page_of_the_docs():
    """Each room of harness/ is named in a page under docs/."""
    text = "\n".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs").rglob("*.md"))
    for _, room, _ in table("The rooms of harness/"):
        assert re.search(rf"\bharness[./]{room}\b|`{room}[`/]", text), room


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_and_modules_that_a_page_names_are_there(page):
    """A page names `harness/core/codec.py` or `harness.core.codec` only if there is one."""
    prose = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for name in WORDS.findall(prose):
        if not WRITTEN_LATER.search(name):
            assert (page.parent / name).exists() or is_there(name), f"{page.relative_to(ROOT)} names {name}"


def is_there(name: str) -> bool:
    """Whether a path or a dotted name of ours leads to something; whatever else stands in backticks is not asked about."""
    if re.fullmatch(rf"(?:{'|'.join(CODE)})/[\w./-]*", name):
        return (ROOT / name).exists() or bool(MADE_BY_A_COMMAND.search(name))
    if name.removeprefix("trueup.") in PACKAGES:
        return True  # an entry point group
    if re.fullmatch(r"(?:trueup|harness|trainers|reports|benchmarks)(?:\.\w+)+", name) and not name.endswith(".toml"):
        return dotted(name.split(".")) or is_attribute(name)
    return True


def is_attribute(name: str) -> bool:
    """Whether a name stands in our source as a text: the attribute of a span, or a metric."""
    sources = (
        path.read_text(encoding="utf-8") for room in ("harness", "trueup") for path in (ROOT / room).rglob("*.py")
    )
    return any(f'"{name}"' in source for source in sources)


def dotted(parts: list[str]) -> bool:
    """Whether a.b.c is a module, or c a name in the source of the module a.b."""
    for length in range(len(parts), 0, -1):
        place = ROOT.joinpath(*parts[:length])
        for file in (place.with_suffix(".py"), place / "__init__.py"):
            if file.is_file():
                return length == len(parts) or parts[length] in file.read_text(encoding="utf-8")
    return False
