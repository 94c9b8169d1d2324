"""Find and order cases: by words in replies, by scores and columns, in a real Chromium."""

import pytest
from msgspec.structs import replace

from harness.gate import described
from harness.types import Budget, Score
from reports import html
from reports.parts.cases import case_rows
from reports.parts.columns import columns
from tests.reports.story import CHOICES, PARCEL
from tests.reports.transcripts import make_agent_story

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def scored(story):
    """The night, with a second score `polite` on each result of the tuned arm: 0.25 for a wrong answer, 1 for a right one."""
    tuned = story.runs[2]
    results = tuple(
        replace(one, scores=(*one.scores, *(Score(name="polite", value=0.25 + 0.75 * s.value) for s in one.scores)))
        for one in tuned.results
    )
    return replace(story, runs=(*story.runs[:2], replace(tuned, results=results)))


@pytest.fixture(scope="module")
def page_bytes(scored):
    return html.render(scored)


def found(page, text):
    page.locator("#q").fill(text)
    page.wait_for_function("text => location.hash.includes(new URLSearchParams({q: text}).toString())", arg=text)
    page.wait_for_timeout(80)
    return int(page.locator("#found").inner_text().split(" ")[0])


def test_conditions_on_scores_and_columns_narrow_the_list(scored, page_bytes, opened):
    """`name=value`, `<`, `>=` and `!=` filter by any arm's score, a further score, or a column, together with words."""
    page = opened(page_bytes).at("#cases")
    rows = case_rows(scored)
    channel = [row for row in rows if row.case.fields.get("channel") == "mail"]
    assert found(page, "case.channel=mail") == len(channel) > 0
    below = [row for row in rows if row.scores["tuned"] is not None and row.scores["tuned"] < 1]
    assert found(page, "tuned<1") == len(below) > 0
    assert found(page, "case.channel=mail tuned<1") == sum(row in below for row in channel)
    polite = next(each["values"] for each in columns(scored, rows) if each["name"] == "tuned.polite")
    assert found(page, "tuned.polite<=0.25") == sum(value is not None and value <= 0.25 for value in polite)
    fell = [
        r for r in rows if None not in (r.scores["base"], r.scores["tuned"]) and r.scores["tuned"] < r.scores["base"]
    ]
    assert found(page, "change<0") == len(fell) > 0
    assert found(page, "case.channel!=mail courier") == sum(
        row.case.fields.get("channel", "mail") != "mail" and "courier" in row.case.text[:140] for row in rows
    )
    assert found(page, "nothing<3") == 0


def test_the_list_can_be_ordered_by_any_column(scored, page_bytes, opened):
    """From the smallest or the largest; what has no value comes last; the order is part of the address."""
    page = opened(page_bytes).at("#cases?sort=-tuned.tokens")
    values = next(each["values"] for each in columns(scored, case_rows(scored)) if each["name"] == "tuned.tokens")
    texts = page.locator(".row .meta").all_inner_texts()
    assert f"tuned.tokens {max(values):g}" in texts[0]
    page.locator("#turn").click()
    page.wait_for_function("location.hash.includes('sort=tuned.tokens')")
    page.wait_for_timeout(80)
    assert f"tuned.tokens {min(values):g}" in page.locator(".row .meta").first.inner_text()
    page.locator("#sort").select_option("change")
    page.wait_for_timeout(80)
    both = [(row.scores["base"], row.scores["tuned"]) for row in case_rows(scored)]
    least = min(after - before for before, after in both if None not in (before, after))
    assert f"change {round(least, 3):g}" in page.locator(".row .meta").first.inner_text()


def test_a_budget_is_listed_in_its_own_units(story, opened):
    """A score of a budget is a number of seconds or tokens, in the list and in the case."""
    suites = tuple(replace(one, role=Budget(limit=0.5)) for one in story.runs[0].suites)
    spent = replace(story, runs=tuple(replace(run, suites=suites) for run in story.runs))
    page = opened(html.render(spent)).at("#cases")
    page.keyboard.press("j")
    page.locator(".answers").wait_for()
    assert "%" not in page.locator("#list").inner_text()
    assert "%" not in page.locator(".answer ul").first.inner_text()


def test_replies_are_searched_on_demand(opened):
    """A word that only a reply or a tool's result has is found when replies are searched too, and shown around the hit."""
    report = opened(html.render(make_agent_story(5)))
    page = report.at("#cases")
    assert found(page, "refunded") == 0
    page.locator("#deep").check()
    page.locator("#found", has_text="1 of 4").wait_for()
    assert "refunded" in page.locator(".row p").inner_text()
    assert found(page, "no such order") == 1
    assert found(page, "asked") == 0
    assert report.noise == []


def test_a_column_is_offered_and_put_into_the_search(page_bytes, opened):
    """Choosing a column writes the start of its condition."""
    page = opened(page_bytes).at("#cases")
    page.locator("#column").select_option("case.channel")
    assert page.locator("#q").input_value() == "case.channel="
    assert page.evaluate("document.activeElement.id") == "q"
    assert {"base", "tuned", "change", "tuned.polite", "case.channel"} <= set(
        page.locator("#sort option").evaluate_all("nodes => nodes.map(node => node.value)")
    )


def test_all_arms_stand_in_one_matrix(story, opened):
    """Each suite under each arm: its mean with the interval, and the level is said once."""
    known = replace(story, arm_means=described.arm_means(story.runs, story.comparisons))
    page = opened(html.render(known), java_script_enabled=False).page
    table = page.locator("#matrix table")
    assert table.locator("thead th").all_inner_texts() == ["Suite", "base", "prompted", "tuned"]
    mean = next(each for each in known.arm_means if (each.suite, each.arm) == (PARCEL, "tuned"))
    cell = table.locator("tbody tr", has_text="parcel").locator("td").nth(2).inner_text()
    assert cell.split() == [f"{mean.mean:.1%}", f"{mean.interval.low:.1%}", "to", f"{mean.interval.high:.1%}"]
    assert page.locator("#matrix").inner_text().count("95 %") == 1
    assert opened(html.render(story)).page.locator("#matrix tbody td").count() == 9


def test_columns_leave_out_what_no_case_has(story):
    """Long texts, missing values and the suites' own metrics are no columns of their own."""
    rows = case_rows(story)
    names = [each["name"] for each in columns(story, rows)]
    assert "tuned.exact" not in names and "case.channel" in names and "tuned.turns" not in names
    channel = next(each["values"] for each in columns(story, rows) if each["name"] == "case.channel")
    assert all((value is None) == (row.suite != PARCEL) for value, row in zip(channel, rows, strict=True))
    assert any(row.suite == CHOICES for row in rows)
