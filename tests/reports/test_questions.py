"""What a reviewer asks: what is still wrong, is it learnt by heart, what to type now, how scores and seconds are spread."""

import pytest
from msgspec.structs import replace

from harness.types import Budget, Finding, Target, Usage
from reports import html
from reports.parts.cases import case_rows
from reports.parts.costs import arm_costs
from reports.parts.distributions import seconds_chart, suite_plots
from reports.parts.nearness import nearness
from reports.parts.next_steps import next_steps
from reports.parts.still_wrong import still_wrong
from reports.parts.trend import trend
from tests.reports.story import CHOICES, PARCEL, make_story
from tests.reports.texts import say


def test_the_commonest_failures_that_are_left_have_one_case_each(story):
    """Every case is of a target and fails under the judged arm; the groups' counts add up to all that fail."""
    rows = [row for row in case_rows(story) if row.suite == PARCEL and row.case.expected.get("order_number")]
    wrong = still_wrong(story, rows, most=99)
    failing = {row.id for row in rows if row.suite == PARCEL and row.scores["tuned"] < 1}
    assert sum(case.alike for case in wrong) == len(failing)
    assert {case.id for case in wrong} <= failing
    assert [case.alike for case in wrong] == sorted((case.alike for case in wrong), reverse=True)
    assert len({case.group for case in wrong}) == len(wrong)
    told = next(case for case in wrong if case.told)
    assert "nothing instead of" in told.answer


def test_groups_that_fail_alike_are_told_apart_by_their_clusters_names(story):
    """Mining may have named both clusters by the very field that is still wrong: the name then says it once."""
    first, second = story.dataset.clusters[:2]
    rows = [row for row in case_rows(story) if row.suite == PARCEL and row.case.expected.get("order_number")]
    (alike,) = {case.group for case in still_wrong(story, in_cluster(rows, first), most=99)}
    clusters = tuple(replace(each, name=f"{alike} (kind {number})") for number, each in enumerate((first, second)))
    story = replace(story, dataset=replace(story.dataset, clusters=clusters))
    cases = still_wrong(story, [*in_cluster(rows, first), *in_cluster(rows, second)], most=99)
    assert [case.group for case in cases] == [alike, f"{alike} (kind 1)"]


def in_cluster(rows, cluster):
    """The rows, as if each case were of this cluster."""
    return [replace(row, case=replace(row.case, cluster=cluster.id)) for row in rows]


def test_cases_without_a_cluster_are_grouped_by_the_field_that_is_wrong(story):
    """What the judged arm gets wrong names the group, with the value where most share it."""
    bare = tuple(replace(case, cluster="") for case in story.runs[0].cases[PARCEL])
    runs = tuple(replace(run, cases={**run.cases, PARCEL: bare}) for run in story.runs)
    wrong = still_wrong(replace(story, runs=runs), case_rows(replace(story, runs=runs)), most=99)
    assert {case.group for case in wrong} <= {
        "days_waiting: missing",
        "order_number: missing",
        "text instead of JSON",
    } | {case.group for case in wrong if "nothing instead of" in case.group}
    assert len(wrong) > 1
    for case in wrong:
        field = case.group.split(":")[0]
        assert not case.told or field in case.answer  # the example is one that the name tells of


def test_a_budget_is_wrong_above_its_limit(story):
    """Low is right there, so the cheapest case is never shown as the worst."""
    cheap = tuple(replace(suite, role=Budget(limit=0.5)) for suite in story.runs[0].suites)
    runs = tuple(replace(run, suites=cheap) for run in story.runs)
    rows = case_rows(replace(story, runs=runs))
    wrong = still_wrong(replace(story, runs=runs), rows, most=99)
    assert wrong and all(next(r for r in rows if r.id == case.id).scores["tuned"] == 1 for case in wrong)


def near_story(story, held, training):
    """The night with other messages in its held-out cases and its training rows."""
    cases = tuple(
        replace(case, messages=(say("user", text),))
        for case, text in zip(story.runs[0].cases[PARCEL], held, strict=False)
    )
    runs = tuple(replace(run, cases={**run.cases, PARCEL: cases}) for run in story.runs)
    rows = tuple(
        replace(case, messages=(say("user", text),)) for case, text in zip(story.training, training, strict=False)
    )
    return replace(story, runs=runs, training=rows)


@pytest.mark.parametrize(
    ("held", "near"),
    [
        ("Hello, where is my parcel PX-77 now?", True),
        ("Where is MY parcel px-77?", True),
        ("is my parcel px-77", True),
        ("is my parcel px", True),
        ("where is my parcel PX-7", False),
        ("my parcel", False),
        ("something else that is long", False),
    ],
)
def test_a_message_is_near_when_it_holds_a_training_message_or_stands_in_one(story, held, near):
    """By words, whatever their case and punctuation; a greeting of few words is near to nothing."""
    texts = [held, "where is my parcel PX-77", "a message that is near to nothing"]
    groups = {g.label: g for g in nearness(*rows_of(near_story(story, texts, ["Where is my parcel PX-77?", "thanks"])))}
    assert {label.split()[0]: group.cases for label, group in groups.items()} == {
        "contains": 1 + near,
        "elsewhere": 2 - near,
    }


def rows_of(story):
    return story, case_rows(story)


def test_the_gain_near_training_is_told_apart_from_the_gain_elsewhere(story):
    """Shares that pass under both arms, with an interval that holds the judged arm's."""
    texts = [f"where is my parcel number {place}" if place % 2 else f"the lamp broke {place}" for place in range(20)]
    near = near_story(story, texts, [f"hi, where is my parcel number {place}" for place in range(20)])
    rows = case_rows(near)
    groups = nearness(near, rows)
    assert [group.cases for group in groups] == [10, 10]
    for group, odd in zip(groups, (1, 0), strict=True):
        own = [row for row in rows if row.suite == PARCEL and int(row.id[-5:]) % 2 == odd]
        assert group.candidate == pytest.approx(sum(row.scores["tuned"] >= 1 for row in own) / 10)
        assert group.low <= group.candidate <= group.high
    assert nearness(replace(near, training=()), rows) == []


def test_what_to_type_now_follows_the_outcome(story):
    """A promotion is one command; else the worst findings say what to do, each step once, with the rule that asks for it."""
    assert [step.text for step in next_steps(story)] == ["trueup promote"]
    lost = Finding(rule="guard", suite=CHOICES, outcome="fail", sentence="", next="trueup report --open")
    few = Finding(rule="planned", suite=PARCEL, outcome="unresolved", sentence="", next="add cases to evals/x.py")
    run = Finding(rule="evidence", suite="", outcome="invalid", sentence="", next="trueup eval")
    held = lambda *findings: replace(story, verdict=replace(story.verdict, outcome="hold", findings=findings))  # noqa: E731
    steps = next_steps(held(lost, few, run, run))
    assert [(step.text, step.command) for step in steps] == [("trueup eval", True), ("add cases to evals/x.py", False)]
    assert steps[1].why == "planned eval_parcel"
    assert "trueup run" in next_steps(held(lost))[0].text


def test_slow_replies_have_a_percentile_and_the_machine_is_named(story):
    """The 95th percentile is beyond the median; of a few replies there is none."""
    runs = tuple(
        replace(
            run,
            results=tuple(
                replace(
                    one,
                    replies=tuple(
                        replace(r, seconds=0.1 + 0.9 * (at % 10 == 0), usage=Usage(1, 1)) for r in one.replies
                    ),
                )
                for at, one in enumerate(run.results)
            ),
            environment={"cpus": "2", "torch": "2.13.0"},
        )
        for run in story.runs
    )
    timed = replace(story, runs=runs)
    cost = arm_costs(timed, case_rows(timed))[2]
    assert (cost.seconds, cost.slow) == pytest.approx((0.1, 1.0))
    page = html.render(timed).decode()
    assert "2 processors, torch 2.13.0" in page and "not production" in page
    few = replace(timed, runs=tuple(replace(run, results=run.results[:9]) for run in runs))
    assert arm_costs(few, case_rows(few))[2].slow is None


def test_plots_count_every_case_once():
    """A histogram's bars add up to the cases of each arm, the dots of a scatter to the pairs, on the right side of the diagonal."""
    story = make_story(200)
    rows = [row for row in case_rows(story) if row.suite == PARCEL and row.case.expected.get("order_number")]
    for plot in suite_plots(story, rows):
        own = [row for row in rows if row.suite == plot.suite]
        told = [bar.label.split(": ")[1].split(", ")[0].split(" of ") for bar in plot.histogram.bars if bar.judged]
        assert sum(int(count) for count, _ in told) == len(own) == plot.n
        counts = dict.fromkeys(("fixed", "broken", "same"), 0)
        for dot in plot.scatter.dots:
            counts[dot.status] += int(dot.label.split(" ")[0])
        assert counts["fixed"] == sum(row.status["base"] in ("fixed", "better") for row in own)
        assert counts["broken"] == sum(row.status["base"] in ("broken", "worse") for row in own)


def test_a_budget_is_plotted_in_its_own_units_and_less_is_better(story):
    """Seconds and tokens are numbers, and a case that got cheaper lies on the good side."""
    suites = tuple(replace(s, role=Budget(limit=90.0)) if s.name == CHOICES else s for s in story.runs[0].suites)
    runs = tuple(
        replace(
            run,
            suites=suites,
            results=tuple(
                replace(one, scores=tuple(replace(s, value=120.0 - 40 * (run.arm.name == "tuned")) for s in one.scores))
                if one.suite == CHOICES
                else one
                for one in run.results
            ),
        )
        for run in story.runs
    )
    spent = replace(story, runs=runs)
    plot = next(each for each in suite_plots(spent, case_rows(spent)) if each.suite == CHOICES)
    assert {dot.status for dot in plot.scatter.dots} == {"fixed"}
    assert not any("%" in tick.label for tick in plot.histogram.x_ticks + plot.scatter.ticks)


def test_seconds_rise_to_all_calls(story):
    """Each arm's line ends at the whole, at its slowest reply."""
    drawn = seconds_chart(story.runs, {suite.name for suite in story.runs[0].suites if isinstance(suite.role, Target)})
    assert [line.name for line in drawn.lines] == ["base", "prompted", "tuned"]
    for line in drawn.lines:
        heights = [y for _, y in line.points]
        assert heights == sorted(heights, reverse=True) and heights[-1] == pytest.approx(10.0)
        assert line.points[0] == pytest.approx((40.0, 128.0))  # no call takes no time


def test_the_trend_has_dates_and_a_scale(story):
    """A chart a suite, with the first and the last night named."""
    charts = trend(story).charts
    assert [chart.title for chart in charts] == ["parcel", "instructions", "choices"]
    labels = [tick.label for tick in charts[0].drawn.x_ticks]
    assert (labels[0], labels[-1]) == ("10-24", "11-02") and len(labels) == 4
    assert "100%" in [tick.label for tick in charts[0].drawn.y_ticks]
    assert charts[0].drawn.lines[0].name == "tuned"


def test_a_suite_says_what_it_is_whose_and_what_for(story):
    """Docstring, role, owner and tags stand beside its means."""
    suite = replace(story.runs[0].suites[0], about="Parcels are found.", owner="ann", tags=("money", "slow"))
    runs = (replace(story.runs[0], suites=(suite, *story.runs[0].suites[1:])), *story.runs[1:])
    page = html.render(replace(story, runs=runs)).decode()
    assert "Parcels are found." in page and "target · owner ann · money, slow" in page
