"""The first screen."""

import pytest
from msgspec.structs import replace

from harness.types import Arm, Budget, Calibration, Finding, Interval, Neighbour, PairMean
from reports import history, html
from reports.parts.cases import case_rows
from reports.parts.matrix import matrix
from reports.parts.plots import axis, bar
from reports.parts.summary import suite_rows, summary
from reports.parts.trend import trend
from reports.parts.validity import in_force
from reports.parts.words import basis
from tests.reports.story import INSTRUCTIONS, PARCEL, make_story


def test_one_row_a_suite_targets_first(story):
    """Each suite has one row, with the counts of its own pairs."""
    rows = suite_rows(story)
    assert [row.role for row in rows] == ["target", "guard", "guard"]
    assert sorted(row.suite for row in rows) == sorted(suite.name for suite in story.runs[0].suites)


def test_counts_agree_with_the_gate():
    """Fixed, broken and n of a row are the c, b and n that the gate counted."""
    story = make_story(300)
    counts = {(f.suite, f.baseline): f.counts for f in story.verdict.findings if f.suite}
    for row in suite_rows(story):
        held = counts[row.suite, row.baseline]
        assert (row.fixed, row.broken, row.n) == (held["c"], held["b"], held["n"])


def test_the_worst_finding_of_a_suite_is_the_one_shown(story):
    """A suite that fails against any baseline shows the failure, not the pass against another."""
    bad = Finding(
        rule="guard",
        suite=INSTRUCTIONS,
        outcome="fail",
        sentence="lost",
        baseline="prompted",
        candidate="tuned",
        estimate=-0.2,
        bound=-0.05,
        interval=Interval(-0.3, -0.1, 0.9, "newcombe10"),
    )
    spoiled = replace(story, verdict=replace(story.verdict, findings=(*story.verdict.findings, bad)))
    row = next(row for row in suite_rows(spoiled) if row.suite == INSTRUCTIONS)
    assert (row.outcome, row.baseline, row.low, row.high) == ("fail", "prompted", -0.3, -0.1)


def test_a_leak_is_never_shown_as_fine(story):
    """One held-out case that is nearly a training row turns the leak check to fail."""
    near = Neighbour(case_id="c", train_id="t", similarity=0.93)
    leaky = replace(story, dataset=replace(story.dataset, leak_proof=(near,)))
    checks = {check.name: check for check in summary(leaky).checks}
    assert (checks["leaks"].value, checks["leaks"].outcome) == ("1", "fail")
    assert {check.name: check for check in summary(story).checks}["leaks"].outcome == "pass"


def test_no_held_out_set_is_said_not_passed(story):
    """Without a mined set the leak check says that nothing was checked."""
    checks = {check.name: check for check in summary(replace(story, dataset=None)).checks}
    assert checks["leaks"].outcome == "info"


def test_errors_and_problems_are_counted(story):
    """An arm's errors and a run's problems both stand in the strip, and neither looks like a pass."""
    run = replace(story.runs[0], problems=("evals/x.py did not import",))
    checks = {check.name: check for check in summary(replace(story, runs=(run, *story.runs[1:]))).checks}
    errors = sum(bool(result.error) for one in story.runs for result in one.results)
    assert checks["errors"].value == str(errors)
    assert checks["problems"].outcome == "invalid"


def test_an_expired_waiver_counts_as_none(story):
    """The waiver whose day has passed is not in force; one without a date never is."""
    live, expired = story.waivers
    assert in_force(live, story)
    assert not in_force(expired, story)
    assert not in_force(replace(live, expires="some day"), story)


def test_a_clock_set_back_wakes_no_waiver_in_the_report(story):
    """The verdict is dated before its runs; the page shows what the gate did."""
    _, expired = story.waivers
    august = 1_787_788_800_000_000_000  # 2026-08-27
    early = replace(story, verdict=replace(story.verdict, at_ns=august))
    assert not in_force(expired, early)
    assert in_force(expired, replace(early, runs=()))


def test_an_effect_that_nothing_asks_for_is_no_headline(story):
    """Without suites from traffic the net effect decides nothing, so it does not come before the reason of the verdict."""
    unknown = Finding(rule="net_effect", suite="", outcome="info", sentence="The net effect is not known.")
    assert summary(replace(story, verdict=replace(story.verdict, findings=(unknown,), sentence="Hold: x"))).net == ""
    asked = replace(unknown, outcome="unresolved")
    assert summary(replace(story, verdict=replace(story.verdict, findings=(asked,), sentence="Hold: x"))).net


def test_a_check_says_what_is_missing_and_says_it_once(story):
    """No guards is "0 guards", not "0 unguarded", and six files that did not load are one check."""
    unguarded = Finding(rule="unguarded", suite="", outcome="info", sentence="No guard.", counts={"guards": 0})
    empty = [Finding(rule="evidence", suite="", outcome="invalid", sentence=f"{n}", counts={"n": 0}) for n in range(6)]
    shown = summary(replace(story, verdict=replace(story.verdict, findings=(unguarded, *empty)))).checks
    assert [(check.value, check.name) for check in shown if check.name in ("guards", "unguarded", "evidence")] == [
        ("0", "guards"),
        ("0", "evidence"),
    ]


def test_a_story_without_comparisons_still_has_a_first_screen(story):
    """A report of an invalid night shows its verdict and says that nothing was compared."""
    bare = replace(story, comparisons=(), dataset=None, adapter=None, runs=())
    first = summary(bare)
    assert (first.suites, first.identities) == ([], [])
    assert first.outcome == "promote"


def test_waivers_count_for_their_guard_while_they_are_in_force(story):
    """A waiver of a case marks its guard until it expires; one of a whole suite is none, nor one of a target, as for the gate."""
    live = replace(story.waivers[0], suite=INSTRUCTIONS)
    waived = lambda *waivers: {row.suite: row.waivers for row in suite_rows(replace(story, waivers=waivers))}  # noqa: E731
    assert (waived(live)[INSTRUCTIONS], waived(*story.waivers)[PARCEL]) == (1, 0)
    assert not any(waived(replace(live, case_id="")).values())
    assert not any(waived(replace(live, expires="2026-10-31")).values())


def test_a_waiver_for_longer_than_is_allowed_is_not_in_force(story):
    """The page counts what the gate counts: 90 days by default, and what the policy says."""
    long = replace(story.waivers[0], expires="2027-06-01")
    assert not in_force(long, story)
    assert in_force(long, replace(story, policy=replace(story.policy, options={"waiver_days": 400})))


def test_the_means_of_a_row_differ_by_what_its_finding_says(story):
    """Where a waiver takes cases out, the means are of the cases that were judged."""
    row = next(row for row in suite_rows(story) if row.suite == INSTRUCTIONS)
    judged = PairMean(
        suite=INSTRUCTIONS, baseline=row.baseline, candidate=row.candidate, n=17, before=0.5, after=0.5 + row.estimate
    )
    shown = next(each for each in suite_rows(replace(story, pair_means=(judged,))) if each.suite == INSTRUCTIONS)
    assert shown.candidate_mean - shown.baseline_mean == pytest.approx(shown.estimate)
    assert shown.baseline_mean == 0.5


def test_noise_stands_beside_its_suite_and_never_for_it(story):
    """What the baseline flips against itself is shown in the suite's row, and does not replace its finding."""
    alarm = Finding(
        rule="noise",
        suite=PARCEL,
        outcome="invalid",
        sentence="noisy",
        baseline="base",
        candidate="base",
        estimate=0.4,
        bound=0.0,
        counts={"n": 30, "flips": 3},
    )
    noisy = replace(story, verdict=replace(story.verdict, findings=(*story.verdict.findings, alarm)))
    row = next(row for row in suite_rows(noisy) if row.suite == PARCEL)
    assert row.noise == 0.1
    assert (row.outcome, row.bound) == ("pass", 0.05)


def test_a_budget_is_drawn_against_its_limit(story):
    """The finding of a budget is of a mean, which must lie below its limit: shown as a number, shaded on the left."""
    comparison = story.comparisons[0]
    slow = Finding(
        rule="budget",
        suite=comparison.suite.name,
        outcome="pass",
        sentence="fast",
        baseline="base",
        candidate="tuned",
        estimate=1.2,
        bound=2.0,
        interval=Interval(1.1, 1.3, 0.9, "t"),
    )
    suite = replace(comparison.suite, role=Budget(limit=2.0))
    pairs = tuple(replace(pair, baseline=3.0, candidate=1.2) for pair in comparison.pairs)
    timed = replace(
        story,
        comparisons=(replace(comparison, suite=suite, pairs=pairs),),
        verdict=replace(story.verdict, findings=(slow,)),
    )
    row = suite_rows(timed)[0]
    assert (row.change(row.estimate), row.change(row.bound), row.mean(row.baseline_mean)) == ("1.2", "2", "3")
    drawn = bar(row, axis([row]))
    assert drawn.below and drawn.high < drawn.bound


def test_an_arm_without_model_and_prompt_is_named_by_its_backend(story):
    """The constant arm reads `constant · no prompt`, not as a gap."""
    floor = replace(story.runs[0], arm=Arm(name="constant", backend="constant"))
    found = summary(replace(story, runs=(*story.runs, floor))).identities[-1]
    assert (found.model, found.prompt) == ("constant", "no prompt")


def test_a_target_shows_what_the_other_arms_reach(story):
    """The prompted arm stands beside base and tuned on a target, and on no guard."""
    rows = {row.suite: row.others for row in suite_rows(story)}
    assert set(rows[PARCEL]) == {"prompted"}
    assert rows[INSTRUCTIONS] == {}


def test_unmeasured_noise_is_said(story):
    """Without an A/A finding the strip says that noise was not measured; with one it does not."""
    named = lambda told: {check.name for check in summary(told).checks}  # noqa: E731
    assert "noise (A/A)" in named(story)
    finding = Finding(
        rule="noise", suite=PARCEL, outcome="info", sentence="", baseline="base", counts={"flips": 1, "n": 9}
    )
    measured = replace(story, verdict=replace(story.verdict, findings=(*story.verdict.findings, finding)))
    assert "noise (A/A)" not in named(measured)


def test_fixed_and_broken_are_counted_against_one_baseline(story):
    """Where a row shows its worst finding, against another arm, the total still counts against the main baseline."""
    floor = Finding(
        rule="floor",
        suite=PARCEL,
        outcome="fail",
        sentence="",
        baseline="prompted",
        interval=Interval(low=-0.02, high=0.02, level=0.9, method="t"),
        bound=0.0,
    )
    found = summary(replace(story, verdict=replace(story.verdict, findings=(*story.verdict.findings, floor))))
    row = next(row for row in found.suites if row.suite == PARCEL)
    assert (row.baseline, row.asked) == ("prompted", "beat the most common answer")
    before = summary(story)
    assert (found.fixed, found.broken, found.baseline) == (before.fixed, before.broken, "base")


@pytest.mark.parametrize(
    ("judge", "value", "outcome"),
    [
        (Calibration(name="tone", judge="ab", kappa=0.71, true_pass=6, true_fail=6, attacks=64), "0.71", "pass"),
        (Calibration(name="tone", judge="ab"), "unlabelled", "unresolved"),
        (Calibration(name="tone", judge="ab", kappa=0.2, true_pass=6, problem="agrees too little"), "0.20", "invalid"),
    ],
)
def test_a_judge_says_how_far_it_agrees_with_people(story, judge, value, outcome):
    """The strip shows the judge's kappa, and a judge that does not count never as fine."""
    alone = tuple(replace(run, suites=tuple(replace(one, judge=None) for one in run.suites)) for run in story.runs)
    runs = tuple(replace(run, suites=(replace(run.suites[0], judge=judge), *run.suites[1:])) for run in alone)
    judged = replace(story, runs=runs)
    check = next(one for one in summary(judged).checks if one.name == "judge kappa")
    assert (check.value, check.outcome) == (value, outcome)
    assert b"Models that graded" in html.render(judged)
    assert not any(one.name == "judge kappa" for one in summary(replace(story, runs=alone)).checks)


def test_the_level_of_the_intervals_is_said_once(story):
    """In the head of the table where all have one; and a finding whose sentence says it does not say it again."""
    head = "90 % interval<span> (shaded: the range that passes)"
    assert html.render(story).decode().count(head) == 1
    first, *others = story.verdict.findings
    assert "level 0.9" in basis(first)[0]
    told = replace(first, sentence="parcel improved by 81 points over base (90 % interval +70.7 to +91.5).")
    assert "level" not in basis(told)[0]
    mixed = replace(first, interval=replace(first.interval, level=0.98))
    page = html.render(replace(story, verdict=replace(story.verdict, findings=(mixed, *others)))).decode()
    assert "Interval<span>" in page and head not in page


def test_a_budget_is_never_told_in_points_or_percent(story):
    """Over the nights as on the first screen: seconds and tokens keep their unit, though they may lie in 0 to 1."""
    suites = tuple(
        replace(one, role=Budget(limit=90.0)) if one.name == INSTRUCTIONS else one for one in story.runs[0].suites
    )
    spent = replace(story, runs=tuple(replace(run, suites=suites) for run in story.runs))
    drawn = trend(spent)
    assert {spark.title: spark.share for spark in drawn.suites} == {
        "parcel": True,
        "instructions": False,
        "choices": True,
    }
    charts = {chart.title: [tick.label for tick in chart.drawn.y_ticks] for chart in drawn.charts}
    assert "100%" in charts["parcel"] and not any("%" in label for label in charts["instructions"])
    rows = matrix(spent, case_rows(spent)).rows
    cells = {row.suite: row.cells[0].mean for row in rows}
    assert "%" in cells[PARCEL] and "%" not in cells[INSTRUCTIONS]
    nights = history.render(spent).decode()
    assert "46.0%" in history.render(story).decode() and "46.0%" not in nights and ">0.46<" in nights
