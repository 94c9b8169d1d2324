"""Render the page of failure clusters: what failed, how often on which day, which lever fits, what became of it."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from reports.parts.page import page
from reports.parts.safe import line

LONGEST = 600
"""Characters of a message or an answer."""
STATES = {"fixed": "pass", "broken again": "fail", "trained": "unresolved", "new": "invalid"}
"""State to the colour of its tag; the others are plain."""


class ClusterExample(Struct, frozen=True):
    asked: str
    answered: str
    call_id: str
    reason: str


def render(project: Any, followed: Sequence[Any]) -> bytes:
    """One HTML file without any script. `followed`: clusters with their lives and example calls, largest first."""
    rows = [(one.life, [_example(call, one.reasons.get(call.id, "")) for call in one.examples]) for one in followed]
    return page(
        "clusters.html.j2",
        title=project.title or project.name,
        rows=rows,
        failures=sum(len(life.cluster.call_ids) for life, _ in rows),
        tags=STATES,
    )


def _example(call: Any, reason: str) -> ClusterExample:
    users = [message.text for message in call.input if message.role == "user"]
    called = ", ".join(f"{part.name}({part.arguments})" for said in call.output[:1] for part in said.tool_calls)
    error = f"{call.error.type} {call.error.message}".strip() if call.error else ""
    answered = call.reply or called or error or "(nothing)"
    return ClusterExample(
        asked=line(users[-1] if users else "", LONGEST),
        answered=line(answered, LONGEST),
        call_id=call.id,
        reason=line(reason, LONGEST),
    )
