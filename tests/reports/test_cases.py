"""What became of a case."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from harness.types import Budget, Guard, Interval, Pair, PairMean
from reports.parts.cases import STATUSES, case_rows, main_baseline, status
from reports.parts.groups import slices
from tests.reports.story import PARCEL, make_story


def test_each_kind_of_pair_has_its_status():
    """Passing at full score, errors and gaps are told apart, and a number that changes below the mark is no flip."""
    given_ = {
        "fixed": Pair("a", 0.0, 1.0),
        "broken": Pair("a", 1.0, 0.5),
        "better": Pair("a", 0.2, 0.5),
        "worse": Pair("a", 0.5, 0.2),
        "both_pass": Pair("a", 1.0, 1.0),
        "both_fail": Pair("a", 0.0, 0.0),
        "missing": Pair("a", None, 1.0),
        "error": Pair("a", None, 1.0, baseline_error="timeout"),
    }
    assert {name: status(Guard(), pair) for name, pair in given_.items()} == {name: name for name in given_}


def test_a_budget_passes_below_its_limit():
    """For seconds and tokens less is better: rising over the limit breaks, a change below it is nothing."""
    assert status(Budget(limit=2.0), Pair("a", 1.0, 3.0)) == "broken"
    assert status(Budget(limit=2.0), Pair("a", 3.0, 1.0)) == "fixed"
    assert status(Budget(limit=2.0), Pair("a", 1.0, 1.5)) == "both_pass"


@given(st.none() | st.floats(0, 1), st.none() | st.floats(0, 1))
def test_turning_a_pair_round_turns_its_status_round(before, after):
    """Fixed and broken, better and worse are mirror images; everything else stays."""
    mirror = {"fixed": "broken", "broken": "fixed", "better": "worse", "worse": "better"}
    one, other = status(Guard(), Pair("a", before, after)), status(Guard(), Pair("a", after, before))
    assert other == mirror.get(one, one)


def test_every_case_of_every_suite_is_listed_once(story):
    """The rows are the cases of all suites, no more and no less."""
    asked = [(name, case.id) for name, cases in story.runs[0].cases.items() for case in cases]
    assert sorted((row.suite, row.id) for row in case_rows(story)) == sorted(asked)


def test_the_worst_cases_come_first(story):
    """Broken before fixed before unchanged."""
    against = main_baseline(story)
    places = [STATUSES.index(row.status[against]) for row in case_rows(story)]
    assert places == sorted(places)
    assert places[0] == 0


def test_a_champion_is_what_tuned_is_held_against():
    """With a champion among the arms the first screen compares with it."""
    story = make_story(40)
    renamed = tuple(
        replace(one, baseline="champion") if one.baseline == "prompted" else one for one in story.comparisons
    )
    assert main_baseline(story) == "base"
    assert main_baseline(replace(story, comparisons=renamed)) == "champion"


def test_repeats_that_disagree_are_flaky(story):
    """A case is flaky under an arm when its repeats both pass and fail, and only then."""
    for row in case_rows(story):
        for arm, results in row.results.items():
            seen = {score.value for result in results for score in result.scores}
            assert (arm in row.flaky) == (len(seen) > 1)


def test_slices_come_from_the_columns_the_suite_names(story):
    """A case of the target suite carries its channel; one of another suite carries none."""
    for row in case_rows(story):
        assert list(row.slices) == ([f"channel={row.case.fields['channel']}"] if row.suite == PARCEL else [])


def test_a_slice_has_the_interval_of_its_difference(story):
    """The ends come from the gate's own statistics; a slice without them has none."""
    mean = PairMean(
        suite=PARCEL,
        baseline="base",
        candidate="tuned",
        n=9,
        before=0.1,
        after=0.9,
        part="channel=mail",
        interval=Interval(0.5, 0.95, 0.9, "t"),
    )
    groups = {group.label: group for group in slices(replace(story, pair_means=(mean,)), case_rows(story))}
    assert (groups["channel=mail"].low, groups["channel=mail"].high) == (0.5, 0.95)
    assert groups["channel=chat"].low is None
