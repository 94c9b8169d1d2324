"""Render the report a reviewer decides from: one HTML file that opens from disk."""

from collections import Counter
from itertools import groupby

from msgspec.structs import replace

from harness.core import codec
from harness.types import Adapter, Dataset, Json, Run, Story, Target
from reports.parts import pack
from reports.parts.cases import CaseRow, candidate, case_rows, main_baseline
from reports.parts.changes import row_changes
from reports.parts.costs import arm_costs, break_even, pays_off, targets
from reports.parts.distributions import seconds_chart, suite_plots
from reports.parts.found_prompts import found_prompts
from reports.parts.groups import clusters, slices
from reports.parts.judges import judges
from reports.parts.matrix import matrix, suites_of
from reports.parts.nearness import nearness
from reports.parts.next_steps import next_steps
from reports.parts.page import page
from reports.parts.pareto import pareto
from reports.parts.plots import Axis, Bar, axis, bar, loss_chart, score_chart
from reports.parts.still_wrong import still_wrong
from reports.parts.summary import SuiteRow, Summary, summary, worst_first
from reports.parts.trend import trend
from reports.parts.turns import turn
from reports.parts.validity import in_force, longest_waiver
from reports.parts.words import level, role_name

SUFFIX = ".html"


def render(story: Story) -> bytes:
    """The whole report as one HTML file."""
    return whole_page(story, judged=True)


def whole_page(story: Story, *, judged: bool) -> bytes:
    """The page of a story; `judged` is False for runs that no gate judged: some side by side, or one alone."""
    rows = case_rows(story)
    blocks, places = pack.blocks(story, rows)
    first, costs = summary(story), arm_costs(story, rows)
    if not judged:
        first.suites = [replace(row, bound=None) for row in first.suites]  # nobody asked anything of them
    return page(
        "report.html.j2",
        script="report.js",
        judged=judged,
        alone=not judged and bool(story.runs) and not story.comparisons,
        tally=Counter(row.status.get(main_baseline(story), "missing") for row in rows),
        story=story,
        first=first,
        groups=_groups(first),
        clusters=clusters(story, rows),
        slices=slices(story, rows),
        matrix=matrix(story, rows),
        steps=next_steps(story) if judged else [],
        wrong=still_wrong(story, rows),
        near_targets=any(isinstance(suite.role, Target) for suite in suites_of(story.runs).values()),
        nearness=nearness(story, rows) if story.comparisons else [],
        plots=suite_plots(story, rows),
        seconds=seconds_chart(story.runs, {name for run in story.runs for name in targets(run)}),
        machine=_machine(story),
        costs=costs,
        pays=pays_off(even, story.cost) if (even := break_even(story, costs)) else "",
        total=len(rows),
        left_out=sum(block < 0 for block, _ in places),
        trend=trend(story, rows),
        loss=loss_chart(story.adapter.curve, _chosen(story.adapter)) if story.adapter else None,
        score=score_chart(story.adapter.curve, _chosen(story.adapter)) if story.adapter else None,
        chosen=_chosen(story.adapter),
        changes=_changes(story.previous, story.dataset),
        learnt=row_changes(story),
        interval_level=_level(first),
        findings=worst_first(story.verdict.findings),
        judges=judges(story),
        found_prompts=found_prompts(story),
        pareto=pareto(story),
        waivers=[(waiver, in_force(waiver, story)) for waiver in story.waivers],
        baseline=main_baseline(story),
        judged_arm=candidate(story),
        facts=_facts(story, judged),
        index=pack.squeeze(pack.index(story, rows, places)),
        lineage=pack.squeeze(_lineage(story, rows)),
        blocks=blocks,
    )


def _level(first: Summary) -> str:
    """The level of all intervals of the first screen, where they have one."""
    levels = {row.level for row in first.suites if row.level}
    return level(levels.pop()) if len(levels) == 1 else ""


def _machine(story: Story) -> str:
    """What seconds are of, so that nobody takes them for production's."""
    found = story.runs[-1].environment if story.runs else {}
    cpus = found.get("cpus") or found.get("threads")
    where = f" ({cpus} processors, torch {found.get('torch', 'none')})" if cpus else ""
    return f"Seconds are of the machine that evaluated{where}, each a reply's share of its batch: they compare arms, and are not production's."


def _groups(first: Summary) -> list[tuple[str, Axis, list[tuple[SuiteRow, Bar]]]]:
    """Suites by role, each role with the axis that its plots share."""
    groups = []
    for role, members in groupby(first.suites, key=lambda row: row.role):
        rows = list(members)
        scale = axis(rows)
        groups.append((role, scale, [(row, bar(row, scale)) for row in rows]))
    return groups


def _chosen(adapter: Adapter | None) -> float | None:
    """Step of the checkpoint that was kept, where the trainer recorded it."""
    step = adapter.checks.get("chosen_step") if adapter else None
    return float(step) if isinstance(step, (int, float)) else None


def _changes(before: Dataset | None, after: Dataset | None) -> list[tuple[str, int, int]]:
    """Split or fate, rows the night before, rows now; only what changed."""
    if before is None or after is None:
        return []
    names = dict.fromkeys([*after.fates, *before.fates])
    both = [(name, before.fates.get(name, 0), after.fates.get(name, 0)) for name in names]
    return [(name, old, new) for name, old, new in both if old != new]


def _facts(story: Story, judged: bool) -> dict[str, Json]:
    """What the page's script needs beside the cases."""
    return {
        "title": story.title,
        "verdict": story.verdict.id,
        "trace_url": story.trace_url,
        "roles": {suite.name: role_name(suite.role) for suite in suites_of(story.runs).values()},
        "waivable": longest_waiver(story) if judged else 0,
        "waivers": [codec.decode(codec.encode(waiver), Json) for waiver in story.saved_waivers],
        "against": main_baseline(story),
        "candidate": candidate(story),
        "arms": {run.arm.name: _arm(run) for run in story.runs},
        "files": {suite.name: suite.file for run in story.runs for suite in run.suites},
        "adapter": story.adapter.id[:12] if story.adapter else "",
        "dataset": story.dataset.id[:12] if story.dataset else "",
    }


def _arm(run: Run) -> dict[str, Json]:
    return {
        "digest": run.model_digest[:12],
        "prompt": run.arm.prompt.name,
        "settings": run.arm.options | run.environment,
        "messages": [turn(message) for message in run.arm.prompt.messages],
    }


def _lineage(story: Story, rows: list[CaseRow]) -> dict[str, Json]:
    """Training rows by id, and which of them stand in each failure cluster."""
    held: dict[str, list[str]] = {}
    for case in story.training:
        held.setdefault(case.cluster, []).append(case.id)
    return {
        "rows": {
            case.id: {
                "text": case.text,
                "target": case.target.text if case.target else "",
                "source": case.target_source,
                "call_id": case.call_id,
                "day": case.day,
                "cluster": case.cluster,
            }
            for case in story.training
        },
        "clusters": held,
        "touched": _touched(story, rows),
    }


def _touched(story: Story, rows: list[CaseRow]) -> dict[str, list[list[str]]]:
    """Training row to the cases it is the nearest one of: suite and case id."""
    suites = {row.id: row.suite for row in rows}
    touched: dict[str, list[list[str]]] = {}
    for neighbour in story.dataset.leak_proof if story.dataset else ():
        if neighbour.case_id in suites:
            touched.setdefault(neighbour.train_id, []).append([suites[neighbour.case_id], neighbour.case_id])
    return touched
