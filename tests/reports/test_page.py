"""The HTML report as its reader meets it, in a real Chromium."""

import re
import time

import pytest
from axe_playwright_python.sync_playwright import Axe
from msgspec.structs import replace

from harness.core.codec import read_lines
from harness.types import Waiver
from reports import compare, history, html
from reports.parts.cases import case_rows
from reports.parts.validity import in_force
from tests.reports.story import CHOICES, PARCEL, make_story
from tests.reports.transcripts import make_agent_story

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page_bytes(story):
    """The small night's page."""
    return html.render(story)


def counted(story, status: str) -> int:
    return sum(row.status["base"] == status for row in case_rows(story))


def test_the_first_screen_needs_no_javascript_and_no_scrolling(page_bytes, opened):
    """Verdict, why, arms, one row a suite and the validity strip stand above the fold with scripts switched off."""
    page = opened(page_bytes, java_script_enabled=False).page
    for text in (
        "Promote",
        "both guards hold",
        "9be04d719be0",
        "parcel",
        "instructions",
        "choices",
        "leaks",
        "4 of 20",
    ):
        box = page.locator("main").get_by_text(text).first.bounding_box()
        assert box and box["y"] + box["height"] < 800, text
    assert page.locator("svg.plot").count() == 3


@pytest.mark.parametrize("width", [390, 768, 900, 1020, 1280])
def test_the_first_screen_is_readable_at_every_width(page_bytes, opened, width):
    """Nothing is wider than the window, and the numbers of an axis are 8 pixels high or more, and 24 at most."""
    page = opened(page_bytes, viewport={"width": width, "height": 900}).page
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    heights = [text.bounding_box()["height"] for text in page.locator(".scale text").all()]
    assert heights and min(heights) >= 8 and max(heights) <= 24, heights


def test_a_file_of_a_bare_story_opens(story, opened):
    """Without runs, data, adapter or history there is still a page that says what it can."""
    bare = replace(
        story, runs=(), comparisons=(), dataset=None, adapter=None, previous=None, history=(), calls={}, training=()
    )
    report = opened(html.render(bare))
    report.at("#cases")
    assert report.page.locator("#found").inner_text() == "0 cases"
    assert report.noise == []


def test_filters_narrow_the_list_and_stand_in_the_address(story, page_bytes, opened):
    """Choosing a status and a suite filters the list, writes the address, and the same address shows the same list."""
    page = opened(page_bytes).at("#cases")
    page.locator("#statuses button", has_text="broken").click()
    assert page.locator("#found").inner_text().startswith(f"{counted(story, 'broken')} of 60")
    page.locator("#suite").select_option(label="instructions")
    page.wait_for_timeout(50)
    shown, address = page.locator("#found").inner_text(), page.evaluate("location.href")
    page.goto("about:blank")
    page.goto(address)
    page.locator("#found:not(:empty)").wait_for()
    assert page.locator("#found").inner_text() == shown
    assert page.locator("#suite").input_value().endswith("eval_instructions")


def test_search_finds_by_text_and_by_id(story, page_bytes, opened):
    """Every word must stand in the message or the id, whatever the case of its letters."""
    page = opened(page_bytes).at("#cases")
    row = next(row for row in case_rows(story) if row.suite == PARCEL)
    page.locator("#q").fill(row.id.upper())
    page.locator("#found", has_text="1 of 60").wait_for()
    assert row.case.text[:20] in page.locator("#list").inner_text()
    first, second = [word.lower() for word in re.findall(r"[A-Za-z]{4,}", row.case.text[:100])][:2]
    page.locator("#q").fill(f"{second.upper()} {first}")
    texts = [other.case.text[:140].lower() for other in case_rows(story)]
    expected = sum(first in text and second in text for text in texts)
    page.locator("#found", has_text=f"{expected} of 60").wait_for()
    assert 0 < expected < 60


def test_links_of_the_overview_lead_to_the_cases_they_count(story, page_bytes, opened):
    """The number of broken cases on the first screen opens exactly these."""
    page = opened(page_bytes).page
    page.locator(".flips .broken a").click()
    page.locator("#found:not(:empty)").wait_for()
    assert page.locator("#found").inner_text().startswith(f"{counted(story, 'broken')} of")


def test_the_keyboard_walks_through_the_cases(page_bytes, opened):
    """j and k step, / searches, Escape closes; each step shows that case and changes the address."""
    page = opened(page_bytes).at("#cases")
    seen = []
    for key in "jjjk":
        page.keyboard.press(key)
        page.wait_for_timeout(80)
        seen.append(page.locator(".case-head h2").inner_text())
        assert page.evaluate("location.hash").find(f"case={seen[-1]}") > 0
    assert len(set(seen)) == 3 and seen[3] == seen[1]
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "q"
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.locator(".empty").wait_for()


def test_a_case_shows_what_was_asked_said_and_where_it_comes_from(story, page_bytes, opened):
    """A deep link opens one case with its message, expectation, answers, reasons, trace, split and nearest training row."""
    case = story.runs[0].cases[PARCEL][3]
    near = next(one for one in story.dataset.leak_proof if one.case_id == case.id)
    page = opened(page_bytes).at(f"#cases?case={case.id}&in={PARCEL.replace('/', '%2F')}")
    shown = page.locator("#case")
    shown.locator(".answers").wait_for()
    text = shown.inner_text()
    for part in (
        case.text,
        "order_number",
        "repeat 3",
        case.trace_id,
        "exports/2026-10-30.jsonl.gz",
        "held_out",
        near.train_id,
    ):
        assert part in text, part
    assert "corrected to" in text and "-k 'eval_parcel and parcel-00003' --model" in text
    assert shown.locator(".answer").count() == 3


def test_a_training_row_leads_to_the_cases_it_touched(story, page_bytes, opened):
    """From a case to its nearest training row, and from that row back to every case it is nearest to."""
    case = story.runs[0].cases[PARCEL][0]
    page = opened(page_bytes).at(f"#cases?case={case.id}&in={PARCEL.replace('/', '%2F')}")
    page.locator("#case .answers").wait_for()
    row = page.locator("#case details", has_text="nearest to").first
    row.evaluate("node => { node.open = true }")
    assert row.locator("a", has_text=case.id).count() == 1
    assert "[object" not in page.locator("#case").inner_text()


def test_a_case_without_lineage_shows_no_empty_parts(page_bytes, opened):
    """A case of an eval file has no trace and no JSON to compare; nothing stands in for what is not there."""
    page = opened(page_bytes).at("#cases?q=choice-00001")
    page.keyboard.press("j")
    page.locator(".answers").wait_for()
    text = page.locator("#case").inner_text()
    assert "null" not in text and "undefined" not in text and "[object" not in text
    assert "Where it comes from" not in text


def test_differences_are_marked_by_word_and_by_field(story, opened):
    """A text answer is compared word by word with what was expected; a JSON answer field by field."""
    suite = story.runs[0].suites[0].name
    cases = {suite: (replace(story.runs[0].cases[suite][0], expected="the parcel is late"),)}
    results = tuple(
        replace(one, replies=(replace(one.replies[0], text="the parcel is lost"),))
        for one in story.runs[2].results
        if one.suite == suite and one.case_id == cases[suite][0].id and one.replies
    )[:1]
    runs = tuple(replace(run, cases=cases, results=results if run is story.runs[2] else ()) for run in story.runs)
    page = opened(html.render(replace(story, runs=runs))).at("#cases")
    page.keyboard.press("j")
    page.locator(".answers").wait_for()
    assert page.locator(".answer del").all_inner_texts() == ["late"]
    assert page.locator(".answer ins").all_inner_texts() == ["lost"]


def open_broken_guard(page):
    """Open the first broken case of a guard; its id."""
    page.locator("#found:not(:empty)").wait_for()
    page.locator(".row", has_text="choices").first.click()
    page.locator(".answers").wait_for()
    return page.locator(".case-head h2").inner_text()


def waive(page, reason):
    page.keyboard.press("a")
    page.locator("[name=reason]").fill(reason)
    page.locator("[name=owner]").fill("mira")
    page.locator(".accept button").first.click()


def test_waived_cases_are_added_to_the_waiver_file_and_survive_a_reload(story, opened, tmp_path):
    """The saved file has the lines of waivers.jsonl and the new one; each reads as a Waiver; a reload loses nothing."""
    kept = Waiver(suite=CHOICES, case_id="other", reason="r", owner="o", expires="2026-11-20")
    page = opened(html.render(replace(story, saved_waivers=(kept,)))).at("#cases?status=broken")
    case = open_broken_guard(page)
    waive(page, "the correction is wrong")
    page.reload()
    assert open_broken_guard(page) == case
    assert "Waived" in page.locator("#accept").inner_text() and "1 waived" in page.locator("#waived").inner_text()
    page.keyboard.press("a")
    assert page.locator("[name=reason]").input_value() == "the correction is wrong"
    with page.expect_download() as download:
        page.locator("#export").click()
    path = tmp_path / "waivers.jsonl"
    download.value.save_as(path)
    before, waiver = read_lines(path, Waiver)
    assert before == kept
    assert (waiver.suite, waiver.case_id, waiver.reason, waiver.owner) == (
        CHOICES,
        case,
        "the correction is wrong",
        "mira",
    )
    assert in_force(waiver, replace(story, verdict=replace(story.verdict, at_ns=time.time_ns()), runs=()))
    page.get_by_text("Take it back").click()
    page.reload()
    assert page.locator("#waived").is_hidden()


@pytest.mark.parametrize(
    ("filters", "offered"),
    [
        ("status=broken&suite=guards%2Feval_choices%3A%3Aeval_choices", True),
        ("status=both_fail&suite=guards%2Feval_choices%3A%3Aeval_choices", True),
        ("status=fixed&suite=guards%2Feval_choices%3A%3Aeval_choices", False),
        ("status=both_pass&suite=guards%2Feval_choices%3A%3Aeval_choices", False),
        ("status=both_fail&suite=parcel_desk%2Feval_parcel%3A%3Aeval_parcel", False),
    ],
)
def test_waiving_is_offered_on_failing_cases_of_guards_only(page_bytes, opened, filters, offered):
    """As the gate has it: what is fixed or passes needs none, and a target takes none."""
    page = opened(page_bytes).at(f"#cases?{filters}")
    page.keyboard.press("j")
    page.locator(".answers").wait_for()
    assert page.locator("#accept").count() == offered


def test_only_rows_in_sight_exist(opened):
    """A list of 1,200 cases makes a few dozen rows, and scrolling to the end shows the last one."""
    page = opened(html.render(make_story(1200))).at("#cases")
    assert page.locator(".row").count() < 40
    page.locator("#list").evaluate("list => { list.scrollTop = list.scrollHeight }")
    page.locator("#row-1199").wait_for()
    assert page.locator(".row").count() < 40


@pytest.mark.parametrize("width", [390, 820, 1280])
def test_no_page_is_wider_than_its_screen(story, opened, width):
    """From a phone to a desktop nothing scrolls sideways, whatever the name of a cluster is long."""
    named = tuple(replace(one, label=one.label + " and so on" * 12) for one in story.dataset.clusters)
    page = opened(html.render(replace(story, dataset=replace(story.dataset, clusters=named)))).page
    page.set_viewport_size({"width": width, "height": 844})
    for address in ("#verdict", "#cases", f"#cases?case=parcel-00003&in={PARCEL.replace('/', '%2F')}"):
        page.evaluate("hash => { location.hash = hash }", address)
        page.wait_for_timeout(200)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, address


def test_print_keeps_the_report_and_drops_the_controls(page_bytes, opened):
    """On paper the verdict and all sections stand, in dark ink, without navigation."""
    page = opened(page_bytes, color_scheme="dark").page
    page.emulate_media(media="print")
    assert page.locator("#verdict").is_visible() and page.locator("#history").is_visible()
    assert not page.locator("nav").is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_print_keeps_what_is_folded(page_bytes, opened):
    """On paper a table that is folded on the screen is there, without a script too, and one more case turn by turn."""
    page = opened(page_bytes, java_script_enabled=False).page
    table = page.locator("details.rest table").first
    assert not table.is_visible()
    page.emulate_media(media="print")
    assert table.is_visible() and table.bounding_box()["height"] > 100
    report = opened(html.render(make_agent_story(60)))
    page = report.at("#cases?case=long&in=desk%2Feval_agent%3A%3Aeval_agent")
    page.locator(".answers").wait_for()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator(".answer").first.locator(".said.assistant").count() == 60
    assert page.locator("#case details:not([open])").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("#case details:not([open])").count() > 0


def test_everything_can_be_done_by_keyboard(opened):
    """Tab reaches the filters, the list and the folds of a case; Enter and arrows work them; the focus can be seen."""
    page = opened(html.render(make_agent_story(5))).at("#cases")
    page.locator("#q").focus()
    reached = []
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id"))
    assert {"deep", "column", "sort", "clear", "list"} <= set(reached)
    page.locator("#list").focus()
    page.keyboard.press("ArrowDown")
    page.locator(".answers").wait_for()
    fold = page.locator(".reasoning summary").first
    fold.focus()
    page.keyboard.press("Enter")
    assert page.locator(".reasoning").first.evaluate("node => node.open")
    assert fold.evaluate("node => getComputedStyle(node).outlineStyle") == "solid"
    page.keyboard.press("r")
    page.locator("#raw[aria-pressed=true]").wait_for()


def test_dark_follows_the_system_and_can_be_switched(page_bytes, opened):
    """The page is dark where the system is, and the button turns it."""
    page = opened(page_bytes, color_scheme="dark").page
    colour = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(colour)
    page.locator("#theme").click()
    assert page.evaluate(colour) != dark


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize(
    ("address", "scheme"),
    [
        ("#verdict", "light"),
        ("#verdict", "dark"),
        (f"#cases?case=parcel-00003&in={PARCEL.replace('/', '%2F')}", "dark"),
        ("#cases", "light"),
    ],
)
def test_axe_finds_nothing_serious(page_bytes, opened, address, scheme, width):
    """No accessibility finding of weight serious or critical, in either colour scheme, on a desktop and on a phone."""
    page = opened(page_bytes, color_scheme=scheme, bypass_csp=True).at(address)
    page.set_viewport_size({"width": width, "height": 844})
    page.wait_for_timeout(200)
    assert serious(page) == {}


@pytest.mark.parametrize("ident", ["tools", "markdown", "picture", "long"])
@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_axe_finds_nothing_serious_in_transcripts(opened, ident, width, scheme):
    """Nor in trees, tables, code, pictures and differences."""
    report = opened(html.render(make_agent_story(30)), color_scheme=scheme, bypass_csp=True)
    page = report.at(f"#cases?case={ident}&in=desk%2Feval_agent%3A%3Aeval_agent")
    page.set_viewport_size({"width": width, "height": 844})
    page.locator(".answers").wait_for()
    page.wait_for_timeout(100)
    assert serious(page) == {}
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def serious(page):
    """What axe finds of weight serious or critical: rule to the elements."""
    found = Axe().run(page).response["violations"]
    return {
        one["id"]: [node["html"][:120] for node in one["nodes"]]
        for one in found
        if one["impact"] in ("serious", "critical")
    }


def test_the_index_of_nights_links_to_each_report(story, opened):
    """One line a night, newest first, with a relative link; a link that leads elsewhere is shown as text."""
    away = replace(story.history[0], at_ns=story.history[0].at_ns - 1, report="https://elsewhere.example/x")
    report = opened(history.render(replace(story, history=(*story.history, away))), java_script_enabled=False)
    links = report.page.locator("tbody th a").evaluate_all("nodes => nodes.map(node => node.getAttribute('href'))")
    assert links == [f"{number:04d}/report.html" for number in reversed(range(10))]


def test_compare_shows_two_runs_without_a_verdict(story, opened):
    """The page of two runs has their difference, and no word of promotion."""
    page = opened(compare.render(story)).page
    assert page.locator("#word").inner_text() == "tuned against base"
    assert page.get_by_text("Promote", exact=True).count() == 0
    assert page.locator(".zone, .bound, #training, #history").count() == 0


def test_one_night_alone_draws_no_trend(story, opened):
    """The first night has its mark, and no line of one point."""
    page = opened(html.render(replace(story, history=story.history[:1])), java_script_enabled=False).page
    assert page.locator(".nights li").count() == 1
    assert page.locator(".spark").count() == 0


def test_what_training_data_changed_is_listed(story, opened):
    """Rows that were added and dropped since the dataset before are counted, and named with their targets."""
    page = opened(html.render(story), java_script_enabled=False).page
    added = page.locator("summary", has_text="8 added")
    added.click()
    assert story.training[0].text in page.locator("details", has=added).inner_text()
    gone = replace(story, previous_training=(*story.training, replace(story.training[0], id="gone")))
    assert opened(html.render(gone)).page.locator("summary", has_text="1 dropped").count() == 1


def test_the_command_of_a_case_holds_only_what_pytest_can_pick_by(story, opened):
    """`-k` takes words: values of parametrize, quotes and operators of an id do not reach it."""
    case = replace(story.runs[0].cases[PARCEL][0], id="sea or 'x'; rm -rf[ending= a]")
    runs = tuple(replace(run, cases={PARCEL: (case,)}, results=()) for run in story.runs)
    page = opened(html.render(replace(story, runs=runs))).at("#cases")
    page.locator(".row").click()
    command = page.locator(".command pre").inner_text()
    assert "-k 'eval_parcel and sea and x and rm and -rf' --model tuned" in command


def test_the_cases_open_at_their_top_wherever_the_verdict_was_left(page_bytes, opened):
    """The search field is in sight, not above the window."""
    report = opened(page_bytes)
    report.page.evaluate("scrollTo(0, 1200)")
    report.at("#cases")
    assert report.page.evaluate("scrollY") == 0
