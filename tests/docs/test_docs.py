"""The docs say what the code does: reference pages are current, links lead somewhere, examples run."""

import ast
import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from harness import config
from harness.cli.main import all_commands

ROOT = Path(__file__).parents[2]
COMMANDS = all_commands()
PAGES = sorted(path for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")])
FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(#[^)]*)?\)")


def fences(language: str) -> list:
    found = []
    for page in PAGES:
        for number, match in enumerate(FENCE.finditer(page.read_text(encoding="utf-8"))):
            if match[1] == language:
                found.append(pytest.param(match[3], match[2], id=f"{page.relative_to(ROOT)}#{number}"))
    return found


def generator():
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["commands.md", "config.md", "plugins.md", "nouns.md", "api.md", "trueup.schema.json"])
def test_reference_pages_are_current(name):
    """A reference page is exactly what the code says now; `make docs` writes it."""
    assert (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8") == generator().PAGES[name]()


def test_the_stub_of_the_scorers_is_current():
    """Type checkers know each scorer file; `make docs` writes the stub."""
    made = generator()
    assert made.STUB.read_text(encoding="utf-8") == made.scorers()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    """Every relative link and picture in a page is a file of the project."""
    for target, _ in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        if "://" not in target and not target.startswith("mailto:"):
            assert (page.parent / target).exists(), f"{page}: {target}"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_shows_an_example(name):
    """The help of each command holds an example to copy."""
    assert "Example:" in (COMMANDS[name].help or "")


@pytest.mark.parametrize("code,info", fences("python"))
def test_python_examples_are_valid(code, info):
    """Each Python example parses, and each eval file among them imports and declares its suites."""
    ast.parse(code)
    if "from trueup import" in code and "norun" not in info:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("text,info", fences("toml"))
def test_toml_examples_are_accepted(text, info):
    """Each trueup.toml example is read without an unknown key."""
    raw = tomllib.loads(text)
    raw.pop("waiver", None)  # waivers.toml, which has a test of its own
    assert config.section(raw, config.Config, where="docs")


@pytest.mark.parametrize("text,info", fences("console"))
def test_console_examples_use_commands_that_exist(text, info):
    """Each `$ trueup ...` line names a real command with real options."""
    for line in re.findall(r"^\$ (?:.*/)?trueup (.+)$", text, re.MULTILINE):
        words = line.split("#")[0].split("&&")[0].split(";")[0].split()
        name = next((name for name in (words[0], " ".join(words[:2])) if name in COMMANDS), "")
        assert name or words[0].startswith("-"), line
        if name:
            known = {option for parameter in COMMANDS[name].params for option in parameter.opts} | {
                "--help",
                "-h",
            }
            assert {word.split("=")[0] for word in words if word.startswith("-")} <= known, line


def test_no_page_or_file_names_a_place_of_this_machine():
    """Nothing in the project holds a path of the machine it was written on."""
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    for name in tracked.stdout.split("\n"):
        path = ROOT / name
        if (
            name
            and path.suffix in (".md", ".py", ".toml", ".yml", "")
            and path.is_file()
            and path.name != Path(__file__).name
        ):
            assert not re.search(r"/(?:work|root|home)/\w", path.read_text(encoding="utf-8", errors="replace")), name
