"""Render the page of failure clusters: what failed, how often on which day, which lever fits, what became of it."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from harness.types import Call, Cluster
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


class ClusterLife(Protocol):
    """What became of a cluster, which the template shows with its trend."""

    @property
    def cluster(self) -> Cluster: ...
    @property
    def state(self) -> str: ...
    @property
    def evidence(self) -> str: ...
    @property
    def trend(self) -> tuple[int, ...]: ...


class FollowedCluster(Protocol):
    """A cluster's life, with example calls and what the detector said of each."""

    @property
    def life(self) -> ClusterLife: ...
    @property
    def examples(self) -> tuple[Call, ...]: ...
    @property
    def reasons(self) -> Mapping[str, str]: ...


class Named(Protocol):
    """The project, as `[project]` names it."""

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...


def render(project: Named, followed: Sequence[FollowedCluster]) -> bytes:
    """One HTML file without any script. `followed`: clusters with their lives and example calls, largest first."""
    rows = [
        (entry.life, [_example(call, entry.reasons.get(call.id, "")) for call in entry.examples]) for entry in followed
    ]
    return page(
        "clusters.html.j2",
        title=project.title or project.name,
        rows=rows,
        failures=sum(len(life.cluster.call_ids) for life, _ in rows),
        tags=STATES,
    )


def _example(call: Call, reason: str) -> ClusterExample:
    users = [message.text for message in call.input if message.role == "user"]
    called = ", ".join(f"{part.name}({part.arguments})" for message in call.output[:1] for part in message.tool_calls)
    error = f"{call.error.type} {call.error.message}".strip() if call.error else ""
    answered = call.reply or called or error or "(nothing)"
    return ClusterExample(
        asked=line(users[-1] if users else "", LONGEST),
        answered=line(answered, LONGEST),
        call_id=call.id,
        reason=line(reason, LONGEST),
    )
