"""The dataset card and the page of failure clusters in a real Chromium, with a payload wherever a trace's text may come."""

import itertools

import pytest

from harness.core.plugins import helper
from harness.curate.card import about, sections
from harness.mine.cluster_history import Followed
from harness.mine.cluster_states import Life
from harness.sections import ProjectSection
from harness.types import Case, Cluster, Dataset, Neighbour
from tests.curate.traces import call, say
from tests.reports.conftest import Opened
from tests.reports.payloads import MARK, hostile
from tests.reports.test_page_safety import strange

pytestmark = pytest.mark.browser

STATES = ("new", "mined", "curated", "trained", "fixed", "broken again")


@pytest.fixture
def opened(chromium, tmp_path):
    """Write a page to disk and open it; its noise is all that it did beyond showing itself."""
    pages = []

    def open_(html):
        path = tmp_path / f"page-{len(pages)}.html"
        path.write_bytes(html)
        pages.append(Opened(chromium, path))
        return pages[-1]

    yield open_
    for one in pages:
        one.context.close()


@pytest.fixture
def text():
    """A payload after the other, all of them in turn."""
    return itertools.cycle(hostile()).__next__


def poisoned_clusters(text, count):
    for number in range(count):
        cluster = Cluster(
            id=f"{number}{text()}",
            label=text(),
            detector=text(),
            route=text(),
            call_ids=(f"t:{number}", text()),
            lever=text(),
            evidence=text(),
        )
        example = call(number, text(), text(), id=text())
        state = STATES[number % len(STATES)]
        yield Followed(
            life=Life(cluster=cluster, state=state, evidence=text(), trend=(0, number, 3)),
            examples=(example,),
            reasons={example.id: text()},
        )


def test_nothing_of_a_trace_acts_on_the_page_of_clusters(text, opened):
    """A hundred clusters poisoned in every field: no dialog, request, message or element of theirs; the text is shown."""
    followed = tuple(poisoned_clusters(text, 100))
    page = opened(helper("reports", "parts.clusters").render(ProjectSection(name=text()), followed))
    assert strange(page.page) == []
    assert page.noise == []
    assert page.page.locator("script").count() == 0
    assert page.page.locator("tbody tr").count() == 200
    assert MARK in page.page.locator("main").inner_text()


def poisoned_case(text, split, number):
    return Case(
        id=f"{number}",
        messages=(say("user", text()),),
        target=say("assistant", text()),
        rejected=text(),
        split=split,
        user_id=text(),
        cluster=f"c{number % 3}",
        day=text(),
    )


def test_nothing_of_a_trace_acts_on_the_dataset_card(text, opened):
    """Names, texts, clusters, fates, days, languages, licences: no dialog, request, message or element of theirs."""
    splits = {split: [poisoned_case(text, split, n) for n in range(40)] for split in ("train", "held_out")}
    clusters = tuple(Cluster(id=f"c{n}", label=text(), detector=text(), call_ids=("a",)) for n in range(3))
    named = {name: {text(): 1, text(): 2} for name in ("languages", "licences", "days", "hashes")}
    dataset = Dataset(
        id=text(),
        name=text(),
        counts={"train": 40, "held_out": 40, text(): 1},
        fates={text(): 2, "train": 40},
        calls=42,
        target_sources={text(): 1},
        clusters=clusters,
        leak_proof=tuple(
            Neighbour(case_id="1", train_id="2", similarity=0.5, text=text(), train_text=text()) for _ in range(10)
        ),
        parents=(text(),),
        notes=named,
    )
    page = opened(helper("reports", "parts.card").render(dataset, about(dataset), sections(dataset, splits)))
    assert strange(page.page) == []
    assert page.noise == []
    assert page.page.locator("script").count() == 0
    assert MARK in page.page.locator("main").inner_text()
    assert "0 of 40 judged texts are within 0.8" in page.page.locator("main").inner_text()
