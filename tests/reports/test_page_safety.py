"""What stands in a trace never runs, loads or becomes an element of the page: tried in a real Chromium."""

import pytest

from reports import compare, history, html
from tests.reports.hostile import poison
from tests.reports.payloads import hostile
from tests.reports.story import make_story
from tests.reports.transcripts import make_agent_story

OUR_NAMES = """
html head meta title link style body a header p strong span nav button main div section h1 h2 h3 ul ol li b
code table caption thead tbody tr th td small svg rect line path circle text i dl dt dd figure figcaption bdi
footer script form input select option aside article kbd noscript pre details summary ins del label
ol em strong s hr br blockquote
"""
OURS = frozenset(OUR_NAMES.split())
"""Element names that our templates and script make."""

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def poisoned():
    """A story of 500 cases with a payload in every text field, every key and every id."""
    return poison(make_story(500, repeats=2), hostile())


def strange(page) -> list[str]:
    """Elements and attributes on the page that we did not make."""
    found = page.evaluate(
        """() => [...document.querySelectorAll('*')].flatMap(e => [
            e.localName,
            ...[...e.attributes].filter(a => a.name.startsWith('on') || ['style', 'srcset', 'src', 'srcdoc', 'ping'].includes(a.name)).map(a => '@' + a.name),
            ...(e.localName === 'a' && !/^(#|[^:]*$)/.test(e.getAttribute('href') || '') && !e.download ? ['href ' + e.getAttribute('href')] : []),
        ])"""
    )
    return sorted(set(found) - OURS - {"@style"})


def test_nothing_of_a_trace_acts_on_the_first_screen(poisoned, opened):
    """With a payload in every field the overview makes no dialog, request, message or extra element."""
    report = opened(html.render(poisoned))
    assert strange(report.page) == []
    assert report.page.locator("#word").inner_text().strip()[1:].strip() == "Promote"
    assert report.noise == []


def test_nothing_of_a_trace_acts_in_the_cases(poisoned, opened):
    """Listing, filtering, opening and stepping through 25 poisoned cases does nothing but show text."""
    report = opened(html.render(poisoned))
    page = report.at("#cases")
    page.locator("#row-0").click()
    for _ in range(25):
        page.keyboard.press("j")
        page.locator("#case .answers").wait_for()
        page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
    for control in ("suite", "cluster", "slice", "against"):
        for place in range(1, min(4, page.locator(f"#{control} option").count())):
            page.locator(f"#{control}").select_option(index=place)
    page.locator("#q").fill("<script>")
    page.wait_for_timeout(200)
    assert strange(page) == []
    assert report.noise == []


@pytest.mark.parametrize("start", range(0, 344, 43))
def test_nothing_of_a_transcript_acts(opened, start):
    """Sessions with a payload in every text, tool name, argument, result, address of a picture and reasoning only show them."""
    payloads = hostile()
    report = opened(html.render(poison(make_agent_story(12), payloads[start:] + payloads[:start])))
    page = report.at("#cases")
    page.locator("#row-0").click()
    for _ in range(4):
        page.locator("#case .answers").wait_for()
        page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
        page.wait_for_timeout(30)
        assert strange(page) == []
        page.keyboard.press("j")
    page.locator("#raw").click()
    page.locator("#case .answers").wait_for()
    assert strange(page) == []
    assert report.noise == []


@pytest.mark.parametrize("payload", hostile()[::122])
def test_a_hostile_address_only_filters(story, opened, payload):
    """A link whose filters hold a payload shows a list, and nothing else."""
    report = opened(html.render(story))
    page = report.at("#cases")
    page.evaluate(
        "text => { location.hash = '#cases?' + ['status', 'suite', 'cluster', 'q', 'case', 'in'].map(n => n + '=' + encodeURIComponent(text)).join('&') }",
        payload,
    )
    page.wait_for_timeout(50)
    page.evaluate("text => { location.hash = '#' + text }", payload)
    page.wait_for_timeout(50)
    assert strange(page) == []
    assert report.noise == []


def test_the_other_pages_are_as_safe(poisoned, opened):
    """The compare page and the index over all nights show payloads as text too."""
    for module in (compare, history):
        report = opened(module.render(poisoned))
        assert strange(report.page) == []
        assert report.noise == []


def test_no_script_from_outside_could_run(story, opened):
    """Were markup to get through after all, the page's own policy stops it: scripts, handlers, images and innerHTML."""
    report = opened(html.render(story))
    refused = report.page.evaluate(
        """async () => {
            const refused = new Set();
            addEventListener('securitypolicyviolation', event => refused.add(event.effectiveDirective));
            const script = document.createElement('script');
            try { script.textContent = 'window.ran = 1'; } catch { refused.add('text of a script'); }
            try { document.body.innerHTML += '<b>x</b>'; } catch { refused.add('innerHTML'); }
            const image = document.createElement('img');
            image.src = 'https://outside.example/x.png';
            document.body.append(script, image);
            await new Promise(done => setTimeout(done, 100));
            return [window.ran === undefined, refused.has('innerHTML'), refused.has('img-src')];
        }"""
    )
    assert refused == [True, True, True]
