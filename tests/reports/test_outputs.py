"""The formats beside HTML: Markdown, JUnit, JSON, CSV, the terminal, the tables."""

import io
import json
from xml.etree import ElementTree

import pandas as pd
import pytest
from msgspec.structs import replace
from rich.console import Console

from harness.core import codec
from harness.core.plugins import load, names
from harness.gate import described
from harness.gate.stage import judge
from harness.gate.step import VerdictFile
from harness.types import CostSettings, Judgement, Spent
from reports import github, html, junit, markdown, verdict
from reports import json as reports_json
from reports.parts import tables, terminal
from reports.parts.cases import case_rows, main_baseline
from reports.parts.costs import arm_costs, break_even, pays_off
from reports.parts.summary import suite_rows
from tests.reports.story import make_story


def test_each_format_renders_the_same_bytes_twice(story):
    """A report depends on its story only."""
    for name in names("reports"):
        module = load("reports", name)
        assert module.render(story) == module.render(story)
        assert module.SUFFIX.startswith(".")


def test_each_format_renders_a_bare_story(story):
    """An invalid night without runs, data or adapter still has its report."""
    bare = replace(
        story, runs=(), comparisons=(), dataset=None, adapter=None, previous=None, history=(), calls={}, training=()
    )
    for name in names("reports"):
        assert load("reports", name).render(bare)


def held(story):
    """The same night, on hold because of its first suite, whatever its numbers."""
    first, *others = story.verdict.findings
    others = [replace(each, outcome="unresolved" if number == 0 else "pass") for number, each in enumerate(others)]
    findings = (replace(first, outcome="fail"), *(each for each in others if each.suite != first.suite))
    return replace(story, verdict=replace(story.verdict, outcome="hold", findings=findings)), first.suite


def outcomes(story) -> dict[str, dict[str, int]]:
    """Suite to the counts of its `testsuite`."""
    root = ElementTree.fromstring(junit.render(story))
    counts = ("failures", "errors", "skipped")
    assert all(int(root.get(name)) == sum(int(suite.get(name)) for suite in root) for name in counts)
    return {suite.get("name"): {name: int(suite.get(name)) for name in counts} for suite in root}


def test_what_blocks_is_a_failure_in_junit_and_nothing_else(story):
    """On hold: the failed finding and the broken cases of its suite; broken cases of other suites are only told."""
    story, suite = held(make_story(60, decay=0.5))
    against = main_baseline(story)
    broken = [r for r in case_rows(story) if r.status[against] == "broken" and "tuned" not in r.errors]
    assert {row.suite for row in broken} - {suite}, "broken cases elsewhere, or the test shows nothing"
    found = outcomes(story)
    assert found[suite]["failures"] == sum(row.suite == suite for row in broken)
    assert not any(found[row.suite]["failures"] for row in broken if row.suite != suite)
    assert found["gate"]["failures"] == 2, "the verdict and its failed finding"
    shown = junit.render(story).decode()
    assert shown.count("<system-out>") >= sum(row.suite != suite for row in broken)


@pytest.mark.parametrize("outcome", ["promote", "undecided"])
def test_what_does_not_block_is_no_failure(outcome):
    """A promoted night is green though a case broke; an undecided one is skipped, with the reason."""
    story = make_story(60, decay=0.5)
    story = replace(story, verdict=replace(story.verdict, outcome=outcome))
    found = outcomes(story)
    assert not any(suite["failures"] or suite["errors"] for suite in found.values())
    verdict = ElementTree.fromstring(junit.render(story)).find(".//testcase[@name='verdict']")
    assert (verdict.find("skipped") is not None) == (outcome == "undecided")


def test_a_held_verdict_fails_the_gate_suite():
    """A run that is not promoted is red in CI even when no single case broke."""
    root = ElementTree.fromstring(junit.render(make_story(40, outcome="hold", decay=0.0)))
    gate = next(suite for suite in root if suite.get("name") == "gate")
    assert gate.find("testcase/failure").get("message").startswith("hold: ")


def test_markdown_fits_a_job_page():
    """However many cases there are, the summary stays under 60 kB, and its first line is the verdict."""
    page = markdown.render(make_story(3000, decay=0.5))
    assert len(page) < 60_000
    assert page.decode().startswith("## ✓ Promote")


def test_json_has_every_case_and_the_verdict(story):
    """The machine's report is complete."""
    read = json.loads(reports_json.render(story))
    assert len(read["cases"]) == len(case_rows(story))
    assert read["verdict"]["outcome"] == "promote"
    assert read["schema"] == 1


def test_the_terminal_cuts_no_number(story):
    """In a log of 120 columns every count stands whole; where room is short, the words of what was asked fold."""
    console = Console(width=120, record=True, file=io.StringIO(), color_system=None)
    console.print(terminal.first_screen(story))
    shown = console.export_text()
    assert "…" not in shown
    assert all(f" {row.n:,} " in shown for row in suite_rows(story))


def test_the_terminal_screen_is_one_screen(story):
    """Verdict, suites and validity fit 24 lines of 130 columns."""
    console = Console(width=130, file=io.StringIO(), color_system=None)
    console.print(terminal.first_screen(story))
    lines = console.file.getvalue().splitlines()
    assert len(lines) <= 24
    assert "PROMOTE" in lines[0]
    assert max(map(len, lines)) <= 130


def test_every_table_is_a_documented_frame(story):
    """Each function gives a DataFrame with columns, also where it has no rows, and says in its docstring which."""
    bare = replace(
        story, verdict=replace(story.verdict, findings=()), comparisons=(), dataset=None, adapter=None, training=(),
        history=(), promotions=(), waivers=(), runs=(), ingest={}, seconds={},
    )  # fmt: skip
    for name, table in tables.ALL.items():
        for told in (story, bare):
            frame = table(told)
            assert isinstance(frame, pd.DataFrame) and len(frame.columns), name
        assert len(table.__doc__) > 20, name


def test_the_fates_add_up(story):
    """The table of fates accounts for every call."""
    assert tables.fates(story)["calls"].sum() == story.dataset.calls


def test_pairs_give_the_estimate_again(story):
    """What the gate said can be computed again from the tables."""
    frame = tables.pairs(story).dropna()
    chosen = frame[(frame.suite == story.comparisons[0].suite.name) & (frame.baseline_arm == "base")]
    estimate = (chosen.candidate.astype(float) - chosen.baseline.astype(float)).mean()
    assert abs(estimate - story.verdict.findings[0].estimate) < 1e-9


def test_github_gets_one_command_a_line(story):
    """The verdict comes first, broken cases stand beside their eval file, and no text of a trace starts a command."""
    hostile = "::error::owned\n::set-output name=x::y\r\n%0A::stop-commands::t \x1b[31m"
    results = tuple(
        replace(one, replies=tuple(replace(reply, text=hostile) for reply in one.replies))
        for one in story.runs[-1].results
    )
    story = replace(story, runs=(*story.runs[:-1], replace(story.runs[-1], results=results)))
    lines = github.render(story).decode().splitlines()
    assert lines[0].startswith("::notice title=trueup%3A promote::")
    kinds = {line.split("::")[1].split(" ")[0] for line in lines}
    assert kinds <= {"notice", "warning", "error"}
    broken = [line for line in lines if "title=broken%3A " in line]
    assert broken and all("%250A" in line and "file=" in line and "\x1b" not in line for line in broken)
    assert len(broken) <= github.SHOWN


def test_an_annotation_is_at_the_line_of_its_case(story):
    """Where the row of the case is known; else at its eval function, else at the top of the eval file."""
    row = next(each for each in case_rows(story) if each.status[main_baseline(story)] == "broken")
    placed = {row.suite: {"": "evals/eval_x.py:7", row.id: "evals/rows.jsonl:41"}}
    for places, where in (
        (placed, "file=evals/rows.jsonl,line=41,"),
        ({row.suite: {"": "evals/eval_x.py:7"}}, ",line=7,"),
    ):
        lines = github.render(replace(story, places=places)).decode().splitlines()
        assert where in next(line for line in lines if f"title=broken%3A {row.id}::" in line)
    lines = github.render(story).decode().splitlines()
    assert ",line=1," in next(line for line in lines if f"title=broken%3A {row.id}::" in line)


def test_the_verdict_file_holds_what_it_was_computed_from(story):
    """Read back, the judgement gives the verdict again."""
    judgement = Judgement(comparisons=story.comparisons, policy=story.policy, candidate="x", today="2026-01-01")
    story = replace(story, judgement=judgement, verdict=judge(judgement))
    kept = codec.decode(verdict.render(story), VerdictFile)
    assert judge(kept.judgement) == kept.verdict


def test_what_an_endpoint_asks_stands_beside_its_tokens(story):
    """The price that replies carry is that of 1,000 calls in the table and in Markdown; without prices there is none."""
    assert tables.arms(story).price.isna().all()
    results = tuple(
        replace(one, replies=tuple(replace(reply, cost=0.0021) for reply in one.replies))
        for one in story.runs[1].results
    )
    priced = replace(story, runs=(story.runs[0], replace(story.runs[1], results=results), story.runs[2]))
    assert abs(tables.arms(priced).set_index("arm").price["prompted"] - 2.1) < 1e-9
    assert "2.10 for 1,000 calls" in markdown.render(priced).decode()


def test_the_adapter_is_held_against_the_long_prompt_at_this_traffic():
    """Training and seconds at the price of the machine; the days follow from the calls a day. Without a price there is none."""
    plain = make_story(40)
    took = {"base": 1.0, "prompted": 4.0, "tuned": 1.0}
    runs = tuple(
        replace(
            run,
            results=tuple(
                replace(
                    one, replies=tuple(replace(r, seconds=took.get(run.arm.name, 1.0), cost=None) for r in one.replies)
                )
                for one in run.results
            ),
        )
        for run in plain.runs
    )
    cost = CostSettings(machine_hour=3.6, currency="EUR")
    means = described.arm_means(runs, plain.comparisons)
    adapter = replace(plain.adapter, seconds=6000.0)
    story = replace(plain, runs=runs, cost=cost, calls_a_day=500.0, adapter=adapter, arm_means=means)
    costs = arm_costs(story, case_rows(story))
    even = break_even(story, costs)
    assert (even.training, even.saved, even.calls, even.days) == pytest.approx((6.0, 3.0, 2000.0, 4.0))
    said = "paid off after 2,000 calls, 4.0 days of production&#39;s traffic"
    page = html.render(story).decode()
    assert said in page and "What to expect per 1,000 calls" in page and "4.00 EUR" in page
    assert "saves 3.00 EUR of 1,000 calls" in markdown.render(story).decode()
    turned = [replace(one, price={"tuned": 9.0}.get(one.arm, one.price)) for one in costs]
    assert "never pays off" in pays_off(break_even(story, turned), cost)
    assert break_even(replace(story, cost=CostSettings()), costs) is None
    assert sum(one.right is not None for one in costs) == 3


def test_what_a_judge_took_stands_apart_from_the_arm_that_it_judged():
    """Its calls and tokens are said for each arm, on the page and in Markdown; without a judge nothing is said."""
    plain = make_story(20)
    judged = replace(plain, runs=tuple(replace(run, judged=(Spent("judge tone", 2, 0, 30, 9),)) for run in plain.runs))
    name = plain.runs[0].arm.name
    assert f"- judge tone, for {name}: 2 calls, 30 tokens in, 9 out" in markdown.render(judged).decode()
    assert f"the judge tone was asked 2 times for {name}: 30 tokens in, 9 out" in html.render(judged).decode()
    assert "judge tone" not in markdown.render(plain).decode() + html.render(plain).decode()
