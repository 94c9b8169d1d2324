"""The docs are a site with search: every page is in it, every link leads somewhere, and every message has its page."""

import ast
import re
import subprocess
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_site_builds_without_a_warning(tmp_path):
    """In an environment of its own; every page has its place and the search knows the pages."""
    venv.create(tmp_path / "site", with_pip=True)
    python = tmp_path / "site" / "bin" / "python"
    wanted = ["-m", "pip", "install", "--quiet", "-r", str(DOCS / "site-requirements.txt")]
    if subprocess.run([python, *wanted], capture_output=True).returncode:
        pytest.skip("no package index here")
    command = [python, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "built")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    index = (tmp_path / "built" / "search" / "search_index.json").read_text(encoding="utf-8")
    assert "git has files of the store" in index and "log-file" in index
    pages = [page.relative_to(DOCS).with_suffix("") for page in DOCS.rglob("*.md")]
    missing = [page for page in pages if not (tmp_path / "built" / page.parent / page.name / "index.html").exists()]
    assert [page for page in missing if page.name not in ("README", "index")] == []


def spoken() -> tuple[str, list[re.Pattern[str]]]:
    """All plain strings of the code, and each f-string as a pattern: what it fills in may be anything."""
    plain, patterns = [], set()
    for path in (ROOT / "harness").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = [re.escape(p.value) if isinstance(p, ast.Constant) else ".+" for p in node.values]
                if sum(len(part) for part in parts if part != ".+") > 8:
                    patterns.add("".join(parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                plain.append(node.value)
    return "\n".join(plain), [re.compile(pattern) for pattern in patterns]


def test_every_message_of_the_troubleshooting_page_is_one():
    """A row quotes what the code says, so that a search for a message finds it."""
    rows = re.findall(r"^\| `([^`]+)` \|", (DOCS / "troubleshooting.md").read_text(encoding="utf-8"), re.MULTILINE)
    plain, patterns = spoken()
    assert len(rows) > 12
    for message in rows:
        assert message in plain or any(pattern.search(message) for pattern in patterns), message


def test_every_page_is_in_the_menu():
    """The strict build refuses a page that has no place; this tells it without building."""
    menu = set(re.findall(r"[\w/.-]+\.md", (ROOT / "mkdocs.yml").read_text(encoding="utf-8")))
    pages = {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")}
    assert not sorted(name for name in pages - menu if not name.startswith("examples/"))
