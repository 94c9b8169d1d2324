"""Pack case data into the HTML: deflated, written as base64, inflated by the browser when it is opened.

The index (one short row a case, enough to list, filter and search) is one block. Bodies (the conversation, every
answer) stand in blocks of about 192 kB, in the order of the index: flips first. When a file would grow over its cap,
the bodies at the end of that order are left out and counted, so what is lost is what a reviewer needs least.
"""

import base64
import zlib
from collections.abc import Iterator

from harness.core import codec
from harness.types import Case, Feedback, Json, Message, Story, ToolCallPart, ToolResultPart
from reports.parts.cases import STATUSES, CaseRow
from reports.parts.cluster_names import cluster_names
from reports.parts.columns import columns
from reports.parts.safe import line
from reports.parts.turns import plain, result, turn

BLOCK = 192_000
"""Bytes of JSON in one block before compression."""
CAP = 18_000_000
"""Characters of base64 that bodies may take; with the index and the training rows the file stays under 25 MB at 50,000
cases."""
SNIPPET = 140


def squeeze(value: Json) -> str:
    """Base64 of the deflated canonical JSON of a value."""
    return _squeeze(codec.encode(value))


def _squeeze(data: bytes) -> str:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return base64.b64encode(packer.compress(data) + packer.flush()).decode()


def index(story: Story, rows: list[CaseRow], places: list[tuple[int, int]]) -> dict[str, Json]:
    """Columns over all cases. `places` says where each body stands: block and position in it."""
    arms = [run.arm.name for run in story.runs]
    suites = sorted({row.suite for row in rows})
    groups = sorted({row.case.cluster for row in rows})
    slices = sorted({name for row in rows for name in row.slices})
    baselines = list(dict.fromkeys(comparison.baseline for comparison in story.comparisons)) or [""]
    labels = cluster_names(story, rows)
    numbers = [{name: place for place, name in enumerate(names)} for names in (suites, groups, slices)]
    return {
        "arms": arms,
        "baselines": baselines,
        "suites": suites,
        "clusters": [{"id": group, "label": labels.get(group, group)} for group in groups],
        "slices": slices,
        "statuses": list(STATUSES),
        "id": [row.id for row in rows],
        "text": [line(row.case.text, SNIPPET) for row in rows],
        "suite": [numbers[0][row.suite] for row in rows],
        "cluster": [numbers[1][row.case.cluster] for row in rows],
        "slice": [[numbers[2][name] for name in row.slices] for row in rows],
        "status": [[STATUSES.index(row.status.get(name, "missing")) for row in rows] for name in baselines],
        "flaky": [int(bool(row.flaky)) for row in rows],
        "error": [int(bool(row.errors)) for row in rows],
        "columns": columns(story, rows),
        "scores": [[_rounded(row.scores.get(arm)) for row in rows] for arm in arms],
        "block": [block for block, _ in places],
        "at": [at for _, at in places],
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def blocks(story: Story, rows: list[CaseRow], cap: int = CAP) -> tuple[list[str], list[tuple[int, int]]]:
    """The bodies' blocks, and for each row its block and position in it; block -1 where the cap cut the body off."""
    closed: list[str] = []
    places: list[tuple[int, int]] = []
    bodies: list[bytes] = []
    waiting = spent = 0
    for data in _bodies(story, rows):
        places.append((len(closed), len(bodies)))
        bodies.append(data)
        waiting += len(data)
        if waiting < BLOCK:
            continue
        block, waiting = _close(bodies), 0
        if spent + len(block) > cap:
            places = places[: len(places) - len(bodies)]
            bodies = []
            break
        closed.append(block)
        spent, bodies = spent + len(block), []
    if bodies:
        closed.append(_close(bodies))
    return closed, places + [(-1, 0)] * (len(rows) - len(places))


def _close(bodies: list[bytes]) -> str:
    return _squeeze(b"[" + b",".join(bodies) + b"]")


def _bodies(story: Story, rows: list[CaseRow]) -> Iterator[bytes]:
    feedback_on: dict[str, list[Feedback]] = {}
    for feedback in story.feedback:
        feedback_on.setdefault(feedback.call_id, []).append(feedback)
    near = {neighbour.case_id: neighbour for neighbour in story.dataset.leak_proof} if story.dataset else {}
    for row in rows:
        case = row.case
        body = {
            "messages": [turn(message) for message in case.messages],
            "expected": case.expected,
            "answers": {arm: [result(one) for one in results] for arm, results in row.results.items() if results},
            **_origin(case),
        }
        if call := story.calls.get(case.call_id):
            where = f"{call.source.file}:{call.source.line}" if call.source.file else ""
            body["call"] = {"model": call.model_served or call.model_requested, "reply": call.reply, "where": where}
        if case.call_id in feedback_on:
            body["feedback"] = [
                plain(
                    name=f.name,
                    value=f.value,
                    label=f.label,
                    reading=f.reading,
                    linked=f.linked,
                    comment=f.comment,
                    correction=f.correction,
                )
                for f in feedback_on[case.call_id]
            ]
        if neighbour := near.get(row.id):
            body["nearest"] = {
                "id": neighbour.train_id,
                "similarity": neighbour.similarity,
                "text": neighbour.train_text,
            }
        yield codec.encode(body)


def _origin(case: Case) -> dict[str, Json]:
    return plain(
        split=case.split,
        call_id=case.call_id,
        trace_id=case.trace_id,
        session=case.session_id,
        group=case.group,
        day=case.day,
        source=case.target_source,
        rejected=case.rejected,
        fields=case.fields or None,
    )


def said(message: Message) -> list[str]:
    """Role and text; tool calls, tool results and media as text that names them."""
    return [message.role, "\n".join(_part(part) for part in message.parts)]


def _part(part: object) -> str:
    if isinstance(part, ToolCallPart):
        return f"→ {part.name}({part.arguments})"
    if isinstance(part, ToolResultPart):
        return f"← {part.content}"
    return getattr(part, "text", "") or codec.canonical(part)
