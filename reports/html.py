"""Render the report a reviewer decides from: one HTML file that opens from disk."""

from itertools import groupby

from msgspec.structs import replace

from harness.types import Adapter, Dataset, Json, Run, Story
from reports.parts import pack
from reports.parts.cases import CaseRow, candidate, case_rows, main_baseline
from reports.parts.changes import row_changes
from reports.parts.costs import arm_costs
from reports.parts.groups import clusters, slices
from reports.parts.judges import judges
from reports.parts.matrix import matrix
from reports.parts.page import page
from reports.parts.plots import Axis, Bar, axis, bar, loss_chart, score_chart
from reports.parts.summary import SuiteRow, Summary, summary, worst_first
from reports.parts.trend import trend
from reports.parts.turns import turn
from reports.parts.validity import in_force

SUFFIX = ".html"


def render(story: Story) -> bytes:
    """The whole report as one HTML file."""
    return whole_page(story, judged=True)


def whole_page(story: Story, *, judged: bool) -> bytes:
    """The page of a story; `judged` is False for two runs that no gate judged."""
    rows = case_rows(story)
    blocks, places = pack.blocks(story, rows)
    first = summary(story)
    if not judged:
        first.suites = [replace(row, bound=None) for row in first.suites]  # nobody asked anything of them
    return page(
        "report.html.j2",
        script="report.js",
        judged=judged,
        story=story,
        first=first,
        groups=_groups(first),
        clusters=clusters(story, rows),
        slices=slices(story, rows),
        matrix=matrix(story, rows),
        costs=arm_costs(story, rows),
        total=len(rows),
        left_out=sum(block < 0 for block, _ in places),
        trend=trend(story),
        loss=loss_chart(story.adapter.curve, _chosen(story.adapter)) if story.adapter else None,
        score=score_chart(story.adapter.curve, _chosen(story.adapter)) if story.adapter else None,
        chosen=_chosen(story.adapter),
        changes=_changes(story.previous, story.dataset),
        learnt=row_changes(story),
        findings=worst_first(story.verdict.findings),
        judges=judges(story),
        waivers=[(waiver, in_force(waiver, story)) for waiver in story.waivers],
        baseline=main_baseline(story),
        judged_arm=candidate(story),
        facts=_facts(story),
        index=pack.squeeze(pack.index(story, rows, places)),
        lineage=pack.squeeze(_lineage(story, rows)),
        blocks=blocks,
    )


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


def _facts(story: Story) -> dict[str, Json]:
    """What the page's script needs beside the cases."""
    return {
        "title": story.title,
        "verdict": story.verdict.id,
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
