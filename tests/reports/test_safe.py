"""Text of a trace on its way to a terminal, Markdown, XML or a spreadsheet."""

import csv
import io
import re
from xml.etree import ElementTree

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from reports import csv as reports_csv
from reports import junit, markdown
from reports.parts import tables
from reports.parts.safe import cell, line, plain
from reports.parts.safe import markdown as safe_markdown
from reports.parts.terminal import first_screen
from tests.reports.hostile import poison
from tests.reports.payloads import FORMULAS, MARK, hostile
from tests.reports.story import make_story

CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
STARTS = re.compile("^[\\s\u200b\ufeff\ufffd]*[=+\\-@\uff1d\t\r|]")


@pytest.fixture(scope="module")
def poisoned():
    """A story with a payload in every text field."""
    return poison(make_story(400), hostile())


@given(st.text(st.characters(codec=None)))
def test_plain_text_can_always_be_encoded_and_acts_on_nothing(text):
    """No control, override or lone surrogate is left, and nothing else is lost."""
    shown = plain(text)
    assert not CONTROL.search(shown)
    assert shown.encode().decode() == shown
    assert len(shown) == len(text.replace("\r\n", "\n"))


@given(st.text(st.characters(codec=None)), st.integers(1, 40))
def test_a_line_is_one_line(text, limit):
    """No newline is left and the limit holds."""
    assert "\n" not in line(text, limit)
    assert len(line(text, limit)) <= limit


@given(st.text(st.characters(codec="utf-8")))
def test_markdown_text_holds_no_active_sign(text):
    """Nothing is left that starts a link, image, tag, table cell, code, heading, list, address or mention."""
    escaped = safe_markdown(text)
    assert not re.search(r"[\\`*_\[\]()<>+!|~$:=]|@(?!\u2060)", re.sub(r"&#\d+;", "", escaped))


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_becomes_text(text):
    """A cell that a spreadsheet would compute starts with an apostrophe."""
    assert cell(text).startswith("'")


def test_numbers_stay_numbers():
    """A negative number is data, not a formula."""
    assert cell(-0.5) == -0.5
    assert cell("a-b") == "a-b"


def test_no_cell_of_the_csv_is_a_formula(poisoned):
    """Read back, no cell and no header of the whole file starts one."""
    rows = list(csv.reader(io.StringIO(reports_csv.render(poisoned).decode("utf-8-sig"))))
    numbers = [n for n, name in enumerate(rows[0]) if name.startswith("score ")]
    assert len({len(row) for row in rows}) == 1
    assert not [text for row in rows for n, text in enumerate(row) if n not in numbers and STARTS.match(text)]


def test_csv_headers_are_safe_too():
    """A column name from an eval file is a cell like any other."""
    frame = pd.DataFrame({"=cmd|x": ["+1"], "ok": [-1.0]})
    assert tables.to_csv(frame) == "'=cmd|x,ok\n'+1,-1.0\n"


def test_junit_is_xml_whatever_stands_in_it(poisoned):
    """The file parses, and its counts are those of its elements."""
    root = ElementTree.fromstring(junit.render(poisoned))
    assert int(root.get("tests")) == len(root.findall(".//testcase"))
    assert int(root.get("failures")) == len(root.findall(".//failure"))


def test_no_line_of_the_summary_starts_with_text_of_a_trace(poisoned):
    """CI systems read commands at the start of a line; every line starts with a sign of ours."""
    lines = markdown.render(poisoned).decode().splitlines()
    assert [
        one
        for one in lines
        if one and not one.startswith(("## ", "**", "Fixed ", "| ", "|-", "- ", "<details>", "</details>"))
    ] == []
    assert not CONTROL.search("".join(lines))
    assert "::error" not in "".join(lines)
    assert f"https://{MARK}" not in "".join(lines)


def test_the_terminal_shows_no_code_of_a_trace(poisoned):
    """Colour codes, links and rich markup in a trace come out as text."""
    console = Console(width=200, record=True, file=io.StringIO(), force_terminal=True, color_system=None)
    console.print(first_screen(poisoned))
    printed = console.export_text(styles=False)
    assert not CONTROL.search(printed)
    assert "\x1b]8" not in console.file.getvalue()
