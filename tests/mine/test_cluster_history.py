"""Clusters and datasets over two nights, through the store."""

from html.parser import HTMLParser

import pytest

from harness.core.plugins import helper
from harness.curate import datasets
from harness.curate import stage as curate_stage
from harness.errors import UsageError
from harness.mine import step as mine_step
from harness.mine.cluster_history import follow, with_examples
from harness.project import LATEST, Project
from harness.sections import Config, ProjectSection
from tests.curate.traces import call, restaurant, thumb
from tests.reports.payloads import MARK, hostile


@pytest.fixture
def work(tmp_path):
    calls, feedback = restaurant(120)
    opened = Project.open(Config(project=ProjectSection(name="waiter"), root=str(tmp_path)))
    opened.store.traces.merge(calls, feedback, ())
    return opened


def curated(work, parents=()):
    """What `loop.curate` does, without an eval file."""
    options = curate_stage.CurateOptions(parents=parents)
    made = curate_stage.curate(
        work.calls(),
        work.feedback(),
        mine_step.mine(work),
        sticky=work.store.ledger.splits(),
        options=options,
    )
    folder = work.store.artifacts.scratch("dataset")
    curate_stage.write(made, folder)
    work.store.artifacts.add_folder("dataset", made.dataset.id, folder)
    work.store.ledger.add(made.sticky)
    work.store.memo.remember(LATEST, "dataset", made.dataset.id)
    return made.dataset


def test_a_cluster_goes_from_mined_to_curated_under_one_id(work):
    """The next night brings more of the same: the ids stay, and the rows are seen."""
    before = {life.cluster.id: life.state for life in follow(work)}
    assert "mined" in before.values()
    curated(work)
    more = [call(n, f"is there soup for {n} people with a dog", '{"dish": "x"}') for n in range(300, 330)]
    work.store.traces.merge(more, [thumb(one.id, -1) for one in more], ())
    after = {life.cluster.id: life.state for life in follow(work)}
    assert before.keys() <= after.keys()
    assert "curated" in {after[ident] for ident in before}


def test_two_nights_are_compared_row_by_row(work):
    """The latest with its parent by default; a correction more is a row more or another target."""
    first = curated(work)
    work.store.traces.merge((), [thumb("t:2", -1, {"dish": "stew", "table": "9"}, id="new")], ())
    second = curated(work, parents=(first.id,))
    old, new = datasets.pair(work)
    assert (old.id, new.id) == (first.id, second.id)
    found = datasets.compare(work, old, new)
    assert len(found.changes) >= 1
    assert datasets.compare(work, new, new).changes == ()


def test_a_dataset_is_found_by_the_start_of_its_id(work):
    """An unknown or too short start names those that are there."""
    made = curated(work)
    assert datasets.find(work, made.id[:6]).id == made.id
    with pytest.raises(UsageError, match="no dataset") as error:
        datasets.find(work, "zz")
    assert made.id[:12] in error.value.next
    with pytest.raises(UsageError, match="no earlier dataset"):
        datasets.pair(work)


class Elements(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = set()

    def handle_starttag(self, tag, attrs):
        self.found |= {tag, *(name for name, _ in attrs if name.startswith("on") or name in ("src", "srcdoc"))}


def test_the_cluster_page_shows_examples_and_runs_nothing(work):
    """Payloads in messages, answers and comments stay text."""
    texts = hostile()[:40]
    calls = [call(600 + at, f"soup {text}", f"x {text}") for at, text in enumerate(texts)]
    work.store.traces.merge(calls, [thumb(one.id, -1, comment=one.reply) for one in calls], ())
    html = helper("reports", "parts.clusters").render(work.config.project, with_examples(work)).decode()
    parsed = Elements()
    parsed.feed(html)
    assert MARK in html
    assert not parsed.found & {"script", "img", "iframe", "object", "src", "srcdoc"}
    assert not any(name.startswith("on") for name in parsed.found)
