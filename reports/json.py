"""Write the report for machines: the first screen, every group, and one object a case, as one JSON document."""

from harness.core import codec
from harness.types import Json, Story
from reports.parts.cases import CaseRow, case_rows
from reports.parts.costs import arm_costs, break_even
from reports.parts.groups import clusters, slices
from reports.parts.judges import judges
from reports.parts.summary import summary

SUFFIX = ".json"


def render(story: Story) -> bytes:
    """UTF-8 JSON with sorted keys. `schema` rises when a key changes its meaning."""
    rows = case_rows(story)
    costs = arm_costs(story, rows)
    return codec.encode(
        {
            "schema": codec.SCHEMA,
            "summary": summary(story),
            "verdict": story.verdict,
            "clusters": clusters(story, rows),
            "slices": slices(story, rows),
            "arms": costs,
            "break_even": break_even(story, costs),
            "judges": judges(story),
            "seconds": story.seconds,
            "ingest": story.ingest,
            "fates": story.dataset.fates if story.dataset else {},
            "history": story.history,
            "promotions": story.promotions,
            "waivers": story.waivers,
            "cases": [_case(row) for row in rows],
        }
    )


def _case(row: CaseRow) -> dict[str, Json]:
    return {
        "suite": row.suite,
        "id": row.id,
        "status": row.status,
        "scores": row.scores,
        "cluster": row.case.cluster,
        "split": row.case.split,
        "call_id": row.case.call_id,
        "slices": row.slices,
        "flaky": row.flaky,
        "errors": row.errors,
        "text": row.case.text,
        "expected": row.case.expected,
        "replies": {
            arm: [reply.text for result in results for reply in result.replies] for arm, results in row.results.items()
        },
        "reasoning": {
            arm: thoughts
            for arm, results in row.results.items()
            if any(thoughts := [reply.reasoning for result in results for reply in result.replies])
        },
    }
