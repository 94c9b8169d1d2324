"""The transcript of a case, in a real Chromium."""

import json
import re

import pytest
from msgspec.structs import replace

from harness.types import Reply
from reports import html
from reports.parts import pictures
from reports.parts.rich_text import tree
from tests.reports.transcripts import DOT, SUITE, call, make_agent_story, with_replies

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def agent():
    return html.render(make_agent_story())


def case(opened, page_bytes, ident, address="", **options):
    report = opened(page_bytes, **options)
    page = report.at(f"#cases?case={ident}&in={SUITE.replace('/', '%2F')}{address}")
    page.locator("#case .answers").wait_for()
    return report, page


def test_a_session_shows_calls_with_results_as_trees_and_reasoning_folded(agent, opened):
    """Each turn in order; a call with its arguments, the result under the tool's name; reasoning opens on demand."""
    _, page = case(opened, agent, "tools")
    answer = page.locator(".answer").nth(1)
    heads = answer.locator(".tool > summary").all_inner_texts()
    assert [head.split()[1] for head in heads] == ["find_order", "find_order", "refund", "refund"]
    assert "12" in answer.locator(".leaf", has_text="days").first.inner_text()
    deep = answer.locator("details.tree", has_text="a: [1]").last
    assert deep.locator(".leaf").count() == 0
    deep.locator("summary").first.click()
    deep.locator("details.tree summary").first.click()
    deep.locator(".leaf").wait_for()
    assert deep.locator(".leaf").inner_text() == "b: 1"
    assert not answer.get_by_text("Look it up first.").is_visible()
    answer.locator(".reasoning summary").click()
    assert answer.get_by_text("Look it up first.").is_visible()


def test_base_and_tuned_are_compared_step_by_step(agent, opened):
    """A changed argument is a row of its own, a changed word is marked on its side, equal steps are one line that opens;
    the first step that differs is marked, with what it cost."""
    _, page = case(opened, agent, "tools")
    shown = page.locator(".versus")
    assert "2 of 3 steps differ" in page.locator("#case").inner_text()
    assert shown.locator("tbody tr").all_inner_texts() == ["→ 1 refund.id\t8\t7"]
    assert shown.locator(".two del").all_inner_texts() == ["could not refund", "8", "not"]
    assert shown.locator(".two ins").all_inner_texts() == ["refunded", "7", "12 days"]
    first = shown.locator(".first-difference")
    assert first.count() == 1 and first.locator(".mark").inner_text() == "First step that differs"
    heads = first.locator(".heads .head").all_inner_texts()
    assert heads == ["base step 2 of 3 130 + 12 tokens · cost 0.25", "tuned step 2 of 3 130 + 12 tokens"]
    equal = shown.locator("details.equal")
    assert equal.inner_text() == "step 1: the same"
    equal.locator("summary").click()
    equal.locator(".tool summary code").first.wait_for()  # filled once it is open
    assert equal.locator(".tool summary code").all_inner_texts() == ["find_order"]


def test_what_came_after_the_last_answer_is_shown(agent, opened):
    """A result that no further request sent stands at the end of the transcript, under its tool's name."""
    _, page = case(opened, agent, "tools")
    last = page.locator(".answer").first.locator(".said").last
    assert last.locator("summary code").inner_text() == "refund" and "queue: 3" in last.inner_text()
    assert page.locator(".answer").nth(1).get_by_text("queue").count() == 0


@pytest.mark.parametrize(
    ("base", "tuned", "shown"),
    [
        ("find refund:8 done", "find check refund:7 done", ["1", "- 2", "2 3", "3=4"]),
        ("find find find done", "find done", ["1", "2 -", "3 -", "4=2"]),
        ("a b c", "x y", ["1 1", "2 2", "3 -"]),
        ("refund:1 find", "find refund:1", ["1 -", "2=1", "- 2"]),
    ],
)
def test_steps_are_aligned_whatever_one_run_does_in_between(base, tuned, shown, opened):
    """Equal steps pair first, then those that call the same tool; a step that only one run takes is beside none."""
    story = with_replies(make_agent_story(3), "tools", base=steps(base), tuned=steps(tuned))
    _, page = case(opened, html.render(story), "tools")
    turns = page.locator(".versus .lazy").first.locator("> .turn").all_inner_texts()
    assert [numbers(text) for text in turns] == shown


def steps(text: str) -> tuple[Reply, ...]:
    """`find refund:7`: two replies that call a tool; a last `done` is an answer in words."""
    made = (word.partition(":") for word in text.split())
    return tuple(
        Reply(text=name) if name == "done" else Reply(text="", tool_calls=(call("", name, id=of or "1"),))
        for name, _, of in made
    )


def numbers(text: str) -> str:
    """Numbers of the steps of a row as it names them: `2 3`, `- 2` where base takes no such step, `4=2` of equal steps."""
    if "the same" in text:
        return "=".join(reversed(re.findall(r"\d+", text)))
    return " ".join(found or "-" for found in re.findall(r"(?:base|tuned) (?:step (\d+)|takes no such step)", text))


@pytest.mark.parametrize(("arm", "number"), [("tuned", 150), ("base", 2)])
def test_a_step_has_an_address(agent, opened, arm, number):
    """The address names an arm and a step; it is made, marked and in sight, however far down. Another case drops it."""
    _, page = case(opened, agent, "long", address=f"&step={arm}:{number}")
    marked = page.locator(".asked-for")
    assert marked.count() == 1 and f"step {number} of 200" in marked.inner_text()
    box = marked.bounding_box()
    assert box is not None and 0 < box["y"] < 800
    marked.locator("a.step").click()
    assert f"step={arm}%3A{number}" in page.url
    page.keyboard.press("k")
    page.locator("#case h2", has_text="picture").wait_for()
    assert "step=" not in page.url


@pytest.mark.parametrize(
    "address", ["tuned:0", "tuned:9999999999", "nobody:3", ":", "tuned:-1", "tuned:1e9", "tuned:x"]
)
def test_an_address_of_no_step_shows_the_case(agent, opened, address):
    """A step that is not there is not marked, and costs nothing."""
    report, page = case(opened, agent, "tools", address=f"&step={address}")
    assert page.locator(".asked-for").count() == 0 and report.noise == []


def test_two_json_answers_are_compared_field_by_field(agent, opened):
    """Only what differs is listed, in objects and in lists of objects; the rest is counted."""
    _, page = case(opened, agent, "picture")
    rows = page.locator(".versus tbody tr").all_inner_texts()
    assert rows == ['colour\t"blue"\t"red"', "tags[0].n\t1\t2"]
    assert "1 more field is the same" in page.locator(".versus").inner_text()


def test_markdown_and_code_are_rendered_and_raw_text_is_one_click_away(agent, opened):
    """Headings, lists, code and tables have their form; HTML stays text; a link says where it leads and is none."""
    report, page = case(opened, agent, "markdown")
    answer = page.locator(".answer").first
    assert answer.locator(".rich ol li").count() == 2 and answer.locator(".rich table td").count() == 2
    assert answer.locator("pre.code").inner_text().strip() == 'print("hello")'
    text = answer.locator(".rich").inner_text()
    assert "<b>this</b>" in text and "(https://track.example/PX-77)" in text and "**" not in text
    assert answer.locator("a").count() == 0 and answer.locator("img").count() == 0
    page.locator("#raw").click()
    page.locator(".answer pre", has_text="**PX-77**").first.wait_for()
    assert report.noise == []


def test_pictures_that_the_case_carries_are_shown_and_no_other(agent, opened):
    """Data addresses of pictures in two forms, and in a column; an address elsewhere and SVG are named only."""
    report, page = case(opened, agent, "picture")
    sources = page.locator("#case img").evaluate_all("nodes => nodes.map(node => [node.src, node.naturalWidth])")
    assert sources == [[DOT, 10]] * 3
    assert page.locator(".unloaded").count() == 2
    assert report.noise == []


@pytest.mark.parametrize(
    "address",
    [
        "https://elsewhere.example/x.png",
        "data:image/svg+xml;base64,PHN2Zy8+",
        "data:text/html;base64,PHN2Zy8+",
        'data:image/png;base64,AA" onerror="x',
        "data:image/png;base64," + "A" * pictures.LARGEST,
        "javascript:alert(1)",
        None,
        {"url": DOT},
    ],
)
def test_what_is_no_picture_of_the_case_is_not_shown(address):
    """Only inline pictures up to a size, in formats that hold no program."""
    assert not pictures.shown(address)
    assert pictures.inline({"image_url": {"url": address}}) == "" and pictures.shown(DOT)


def test_two_hundred_turns_stay_usable(agent, opened):
    """A long session makes a few turns at first, the rest as they come into sight; equal turns are one line."""
    _, page = case(opened, agent, "long")
    assert page.locator(".versus .turn").all_inner_texts()[0] == "steps 1 to 197: the same"
    assert page.locator(".versus del").inner_text() == "lost"
    made = page.locator(".answer").first.locator(".said").count()
    assert made < 120
    page.locator(".answer").first.locator("button.next").scroll_into_view_if_needed()
    page.wait_for_timeout(200)
    assert page.locator(".answer").first.locator(".said").count() > made


def test_an_answer_nested_too_deep_is_text(opened):
    """Thousands of brackets are no tree, and end no stack."""
    story = make_agent_story(3)
    deep = Reply(text="[" * 20_000 + "]" * 20_000)
    runs = tuple(
        replace(run, results=tuple(replace(one, replies=(deep,), asked=(), closing=()) for one in run.results))
        for run in story.runs
    )
    report, page = case(opened, html.render(replace(story, runs=runs)), "tools")
    assert page.locator(".answer .tree").count() == 0
    assert report.noise == []


@pytest.mark.parametrize("text", ["plain", "3 * 4 = 12", "a_b_c", '{"a": "**b**"}', "[" * 5000, "**a** " * 10_000])
def test_text_without_markdown_is_not_parsed(text):
    """Plain text, JSON, and what would take long stay as they are."""
    assert tree(text) is None


def test_markdown_becomes_a_tree_of_allowed_elements():
    """HTML is text, attributes are those of links, lists and pictures, nothing else."""
    nodes = tree('<script>x</script> **b** [l](javascript:x) [m](https://m.example "t")\n\n3. c\n')
    assert json.loads(json.dumps(nodes)) == [
        ["p", "<script>x</script> ", ["strong", "b"], " [l](javascript:x) ", ["a", {"href": "https://m.example"}, "m"]],
        ["ol", {"start": "3"}, ["li", "c"]],
    ]


def test_a_case_links_to_its_trace_where_the_project_says_where(opened):
    """The id is part of the path only, whatever it holds; without an address it is text."""
    story = replace(make_agent_story(3), trace_url="https://traces.example/{trace_id}?team=a")
    report, page = case(opened, html.render(story), "picture")
    assert page.locator("a.trace").get_attribute("href") == "https://traces.example/trace%207%2Fx?team=a"
    assert page.locator("a.trace").get_attribute("rel") == "noopener noreferrer"
    for other in ("", "javascript:alert(1)//{trace_id}"):
        _, page = case(opened, html.render(replace(story, trace_url=other)), "picture")
        assert page.locator("a.trace").count() == 0 and "trace 7/x" in page.locator("#case").inner_text()
