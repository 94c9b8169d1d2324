"""Every candidate is in the report; those that nothing beats are marked."""

import pytest
from msgspec.structs import replace

from harness.types import CandidateResult, Story, Tournament, Verdict
from reports import html
from reports.parts.pareto import beats, pareto

BEST = CandidateResult(name="large", adapter="a", quality=0.9, seconds=0.4, cost=0.002, bytes=900_000_000, epochs=3.0)
SMALL = CandidateResult(name="small", adapter="b", quality=0.8, seconds=0.1, cost=0.001, bytes=270_000_000, epochs=3.0)
BEATEN = replace(SMALL, name="beaten", adapter="c", quality=0.7, seconds=0.2)
ENDED = CandidateResult(name="<b>weak", ended=1, validation=0.25, epochs=1.0)


def story(*results: CandidateResult) -> Story:
    told = Tournament(winner="large", results=results) if results else None
    return Story(title="t", verdict=Verdict(outcome="hold", sentence="s"), runs=(), tournament=told)


def test_the_front_is_what_nothing_beats_in_everything():
    """The best and the small one are on it; one that is as small, slower and worse is not, nor one that ended early."""
    found = pareto(story(BEST, SMALL, BEATEN, ENDED))
    assert {result.name: front for result, front in found.rows} == {
        "large": True, "small": True, "beaten": False, "<b>weak": False,
    }  # fmt: skip
    assert [panel.title for panel in found.panels] == ["Cost of 1,000 replies", "Seconds a reply", "Size, MB"]
    assert {dot.name: dot.kind for dot in found.panels[0].dots} == {
        "large": "winner",
        "small": "front",
        "beaten": "beaten",
    }


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, False),
        ({"seconds": 0.5}, True),
        ({"quality": 0.95}, False),
        ({"cost": None}, False),
        ({"broken_guards": 1}, True),
    ],
)
def test_one_beats_another_that_is_worse_in_something_and_better_in_nothing(change, expected):
    """Equal ones beat neither, and what is not known of one decides nothing."""
    assert beats(BEST, replace(BEST, **change)) is expected


def test_dots_stay_inside_their_panel_and_better_is_higher():
    """Whatever the values: equal ones, none known, and far apart."""
    for results in ((BEST, SMALL, BEATEN), (BEST, replace(BEST, name="twin")), (BEST, replace(SMALL, bytes=1))):
        for panel in pareto(story(*results)).panels:
            assert all(40 <= dot.x <= 286 and 14 <= dot.y <= 164 for dot in panel.dots)
    dots = {dot.name: dot for dot in pareto(story(BEST, SMALL)).panels[1].dots}
    assert dots["large"].y < dots["small"].y and dots["large"].x > dots["small"].x
    assert not pareto(
        story(replace(BEST, seconds=0, bytes=0, cost=None), replace(SMALL, seconds=0, bytes=0, cost=None))
    ).panels


def test_the_page_shows_each_candidate_as_text_and_nothing_without_a_tournament():
    """Names are escaped; one that ended early says so."""
    page = html.render(story(BEST, SMALL, BEATEN, ENDED)).decode()
    assert all(name in page for name in ("large", "small", "beaten", "&lt;b&gt;weak")) and "<b>weak" not in page
    assert "ended early after round 1, at 25" in page
    assert 'id="candidates"' not in html.render(story()).decode()
