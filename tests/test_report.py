"""What one night leaves for the next, and which pages become of it."""

from harness.gate.history import night
from tests.reports.story import make_story


def test_a_night_counts_what_the_candidate_still_fails_by_cluster():
    """Each case counts once, however many arms it was compared with, and a solved cluster counts nothing."""
    story = make_story(120)
    point = night(story.verdict, story.comparisons, story.runs)
    failing: dict[str, int] = {}
    tuned = story.runs[-1]
    metric = {suite.name: suite.metric for suite in tuned.suites}
    for name, cases in tuned.cases.items():
        for case in cases:
            if case.cluster:
                scores = [r.score(metric[name]) for r in tuned.results if (r.suite, r.case_id) == (name, case.id)]
                known = [score for score in scores if score is not None]
                failing[case.cluster] = failing.get(case.cluster, 0) + (not known or sum(known) / len(known) < 1)
    assert point.clusters == failing
    assert point.dataset == story.verdict.dataset and point.means
