"""Prose uses plain words: docs, messages, help texts and report templates avoid the words listed here."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CODE = ("harness", "reports", "trueup", "trainers")
TEMPLATES = ("reports/templates/*.j2", "harness/curate/*/pages/*.html")

PLAIN = {
    r"\b(?:stands?|stood)\b(?! for\b)(?!-ins?\b)": "is, are",
    r"\bmend(?:s|ed|ing)?\b": "fix",
    r"\btold\b": "shown, printed, distinguished",
    r"\bholds\b(?! the (?:lock|store)\b)": "has, contains, passes",
    r"\b(?:files?|folders?|calls?|cases?|rows?|records?|texts?|messages?|targets?) hold\b": "have, contain",
    r"\bgoes on\b": "continues",
    r"\bfor ever\b": "permanently",
    r"\bcommonest\b": "most common",
    r"\ball the same(?= *(?:[.;:,)]|$))": "anyway, still",
    r"\bnobody but\b": "only",
    r"\bwhatever it is\b": "any",
    r"\bfault of ours\b": "internal error",
    r"\bat the price of\b": "at a cost of",
    r"\bwants an? (?:token|GPU|environment)\b": "needs",
    r"\b1 (?:calls|cases|epochs|errors|findings|rows)\b(?! (?:an?|each|per)\b)": "the singular",
}
"""A pattern, and the word to use."""

MODEL_TEXTS = ("harness/evaluate/judging/prompt.py", "harness/curate/teacher/paraphrase.py")
"""Prompts: another wording changes what a model answers."""


def faults(text: str) -> list[str]:
    return [
        f"{match[0]!r}: use {word}" for pattern, word in PLAIN.items() for match in re.finditer(pattern, text, re.I)
    ]


def prose(markdown: str) -> str:
    """Markdown without fenced blocks, inline code and addresses of links, line for line."""
    kept, fenced = [], False
    for line in markdown.splitlines():
        fence = line.lstrip().startswith("```")
        kept.append("" if fenced or fence else re.sub(r"`[^`]*`|\]\([^)]*\)", "`code`", line))
        fenced ^= fence
    return "\n".join(kept)


def visible(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of the strings that are no docstrings and more than one word."""
    tree = ast.parse(source)
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) else None
        if isinstance(text, str) and id(node) not in docstrings and " " in text.strip():
            yield node.lineno, text


def listed(path: Path, line: int, text: str) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{line + n}: {fault}"
        for n, row in enumerate(text.split("\n"))
        for fault in faults(row)
    ]


def pages() -> list[Path]:
    """Pages that people write; the reference is made from the code, and the changelog's past stays as it was."""
    found = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("changelog.d/*.md")]
    return sorted(path for path in found if "reference" not in path.parts and path.name != "CHANGELOG.md")


def test_docs_use_plain_words():
    assert [fault for page in pages() for fault in listed(page, 1, prose(page.read_text(encoding="utf-8")))] == []


@pytest.mark.parametrize("folder", CODE)
def test_messages_use_plain_words(folder):
    """Errors, findings and help texts; docstrings are left aside."""
    paths = [
        path
        for path in sorted((ROOT / folder).rglob("*.py"))
        if not path.relative_to(ROOT).as_posix().startswith(MODEL_TEXTS)
    ]
    assert paths
    found = ((path, line, text) for path in paths for line, text in visible(path.read_text(encoding="utf-8")))
    assert [fault for path, line, text in found for fault in listed(path, line, text)] == []


def test_templates_use_plain_words():
    paths = sorted(path for pattern in TEMPLATES for path in ROOT.glob(pattern))
    assert paths
    read = ((path, re.sub(r"\{[{%#].*?[}%#]\}", "", path.read_text(encoding="utf-8"))) for path in paths)
    assert [fault for path, text in read for fault in listed(path, 1, text)] == []


@pytest.mark.parametrize(
    "text",
    [
        "a group stands on one side",
        "mend that line",
        "cases cannot be told apart",
        "the folder holds no shard",
        "two files hold it",
        "the same command goes on",
        "it is kept for ever",
        "1 cases failed",
        "it trains all the same.",
    ],
)
def test_each_kind_of_wording_is_noticed(text):
    assert faults(prose(text))


@pytest.mark.parametrize(
    "text",
    [
        "understand the standard",
        "a stand-in; it stands for the base",
        "another run holds the lock",
        "recommend, amend",
        "verdict: hold",
        "`told`",
        "see [it](told.md)",
        "```\nmend\n```",
        "the same for all cases, all the same length",
        "1 case failed, 11 cases passed",
    ],
)
def test_usual_wording_passes(text):
    assert faults(prose(text)) == []
