"""A run that stops before training: the page says what is missing, which calls to label, and what else helps."""

import pytest
from msgspec.structs import replace

from harness import planning
from harness.core.codec import digest
from harness.core.plugins import helper
from harness.errors import UndecidedError
from harness.gate.power import plan as planned
from harness.gate.power_rules import least_margin
from harness.project import LATEST, Project
from harness.sections import Config, ProjectSection, ReportSection
from harness.tune.step import UnderpoweredError
from harness.types import DecisionPlan, Guard, PlannedCall, PlannedWay, Policy, Suite, Target, Verdict
from tests.curate.traces import restaurant

HELD = Suite(name="e::eval_mined", role=Target(min_gain=0.05), cases=20, mined="held_out", file="evals/e.py")
FIXED = Suite(name="e::eval_arc", role=Guard(margin=0.02), cases=120, file="evals/e.py")


@pytest.fixture
def work(tmp_path):
    config = Config(
        project=ProjectSection(name="waiter"), report=ReportSection(out=str(tmp_path / "out")), root=str(tmp_path)
    )
    opened = Project.open(config)
    opened.store.traces.merge(*restaurant(60), ())
    return opened


def stop_for(*suites):
    return UnderpoweredError([item for item in planned(suites, Policy()) if item.outcome == "unresolved"], suites)


def test_the_error_names_the_page_and_the_page_the_calls(work, tmp_path):
    """It stays an undecided error; the page and its Markdown are there, and no report."""
    with pytest.raises(UndecidedError) as caught, planning.paged(work):
        raise stop_for(HELD)
    page = tmp_path / "out" / "plan.html"
    assert str(page) in caught.value.next and "--train-anyway" in caught.value.next
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["plan.html", "plan.md"]
    made = planning.latest(work)
    assert all(call.call_id.replace(":", "&#58;") in page.with_suffix(".md").read_text() for call in made.calls)
    assert made.calls and all(call.asked in page.read_text() for call in made.calls)


def test_held_out_cases_come_from_labels_others_from_the_file(work):
    """Three labels in ten become held-out cases, so ten labels are needed for every three; a guard may have a larger margin."""
    ways = planning.plan(work, stop_for(HELD, FIXED)).ways
    needed = int(next(item for item in planned([HELD], Policy()) if item.suite == HELD.name).counts["needed"])
    mined = next(way for way in ways if way.command == planning.LABEL)
    assert f"about {-(-needed * 10 // 3):,} failures" in mined.what
    commands = [way.command for way in ways]
    assert "edit evals/e.py" in commands and "edit evals/e.py: guard(margin=0.09)" in commands
    assert commands[-1] == "trueup run --train-anyway"


def test_the_margin_that_is_offered_is_enough_and_half_a_point_less_is_not():
    """The same plan that stopped the run passes with it."""
    (weak,) = planned([FIXED], Policy())
    margin = least_margin(FIXED, Policy(), weak)
    assert planned([replace(FIXED, role=Guard(margin=margin))], Policy())[0].outcome == "pass"
    assert planned([replace(FIXED, role=Guard(margin=margin - 0.005))], Policy())[0].outcome == "unresolved"
    assert least_margin(replace(FIXED, cases=10), Policy(), weak) is None


def test_a_dataset_that_could_not_be_made_says_what_to_label(work):
    """There is no suite to speak of; failures without an answer are."""
    made = planning.plan(work, UndecidedError("too few corrected failures"))
    assert made.findings == () and made.sentence == "Too few corrected failures"
    assert [way.command for way in made.ways] == [planning.LABEL, "trueup ingest PATH", "trueup curate"]


def test_without_calls_there_is_no_page(tmp_path):
    """Nothing could be said on it."""
    empty = Project.open(Config(report=ReportSection(out=str(tmp_path / "out")), root=str(tmp_path)))
    with pytest.raises(UndecidedError), planning.paged(empty):
        raise UndecidedError("there are no calls to curate", next="trueup ingest exports/")
    assert not (tmp_path / "out").exists()


def test_a_later_verdict_ends_the_plan(work, tmp_path):
    """Neither the page nor `trueup label` speaks of it any more."""
    planning.write(work, planning.plan(work, stop_for(HELD)))
    verdict = Verdict(outcome="hold", sentence="No.", at_ns=planning.latest(work).at_ns + 1)
    work.store.memo.remember(LATEST, "verdict", work.store.artifacts.put("verdict", verdict))
    planning.clear(work)
    assert planning.latest(work) is None
    assert list((tmp_path / "out").iterdir()) == []


def test_the_pages_show_a_traces_text_as_text():
    """Markup and table marks of a message do nothing."""
    text = "<script>alert(1)</script> | [x](https://evil.example) \u202e"
    made = DecisionPlan(
        title=text,
        sentence=text,
        ways=(PlannedWay(what=text, command=text),),
        calls=(PlannedCall(call_id=digest(text), asked=text, reason=text),),
    )
    pages = helper("reports", "parts.plan")
    assert "<script>alert" not in pages.html(made).decode()
    written = pages.markdown(made).decode()
    assert "<script" not in written and "](https" not in written and "\u202e" not in written
