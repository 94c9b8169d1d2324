"""The page of one run that no gate judged."""

import pytest
from msgspec.structs import replace

from reports import run
from reports.parts.cases import case_rows
from tests.reports.story import PARCEL

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def alone(story):
    return replace(story, runs=story.runs[:1], comparisons=(), waivers=())


def test_one_run_counts_what_passed_failed_and_broke(alone, opened):
    """Each number leads to its cases; nothing of another arm, a verdict or a waiver is shown."""
    report = opened(run.render(alone))
    rows = case_rows(alone)
    counts = {name: sum(row.status[""] == name for row in rows) for name in ("passed", "failed", "error")}
    assert sum(counts.values()) == len(rows) == 60 and all(counts.values())
    shown = report.page.locator(".flips dd").all_inner_texts()
    assert shown == [str(counts["passed"]), str(counts["failed"]), str(counts["error"])]
    assert report.page.locator("#clusters, #training, #history, table.suites").count() == 0
    report.page.locator(".flips a").nth(1).click()
    report.page.locator("#found", has_text=f"{counts['failed']} of 60").wait_for()
    page = report.at(f"#cases?case=parcel-00003&in={PARCEL.replace('/', '%2F')}")
    page.locator("#case .answers").wait_for()
    assert page.locator(".answer").count() == 1
    assert report.noise == []


def test_several_runs_without_a_gate_stand_side_by_side(story, opened):
    """As two that are compared, without a word of promotion."""
    page = opened(run.render(story)).page
    assert page.locator("#word").inner_text() == "tuned against base"
    assert "3 runs side by side" in page.locator("#verdict").inner_text()
