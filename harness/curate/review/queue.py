"""Queue what a person should review, and turn the answers into corrections.

First the corrections that look wrong, since each teaches an error; then the failures that have no target, largest cluster first, since each answer there adds a row; then the targets that
nobody but a program stands behind. What was reviewed once is not shown again.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from harness.core.codec import canonical, digest, from_chat, to_chat
from harness.core.feedback_scale import REVIEW
from harness.core.replies import chat_message, json_object
from harness.curate.rows import CallRow
from harness.curate.targets import REJECTED
from harness.errors import InputError
from harness.mine.mined import Mined
from harness.types import Call, Doubt, Fate, Feedback, Message, Noun, ToolResultPart

MOST_CHARS = 200_000
"""Of a target."""


class Turn(Noun, frozen=True):
    role: str
    text: str


class Item(Noun, frozen=True):
    """One call to look at."""

    call_id: str
    conversation: tuple[Turn, ...]
    answer: str
    """What production answered: text, or a chat message as JSON when it called tools."""
    target: str
    """What would be learnt as it stands; empty: nothing yet."""
    source: str
    """Whose target it is: correction, retry, teacher, production; empty without one."""
    reasons: tuple[str, ...] = ()
    cluster: str = ""
    """Title of the failure cluster."""
    cluster_id: str = ""


def wanted(
    rows: Sequence[CallRow],
    fates: Mapping[str, Fate],
    mined: Mined,
    feedback: Iterable[Feedback],
    doubts: Sequence[Doubt] = (),
) -> list[str]:
    """Ids of the calls worth a look, most useful first. `doubts`: the surest first."""
    done = {item.call_id for item in feedback if item.name == REVIEW}
    cluster_of = {failure.call_id: failure.cluster for failure in mined.failures}
    sizes = {cluster.id: len(cluster.call_ids) for cluster in mined.clusters}
    programs = {row.call.id: row.target.source for row in rows if row.target.source != "correction"}
    order = {"": 0, "teacher": 1, "retry": 2, "production": 3}
    candidates = [*programs, *(call_id for call_id, fate in fates.items() if fate.fate == "no_target")]

    def rank(call_id: str) -> tuple[int, int, str, str]:
        cluster = cluster_of.get(call_id, "")
        return order[programs.get(call_id, "")], -sizes.get(cluster, 0), cluster, call_id

    doubted = dict.fromkeys(doubt.call_id for doubt in doubts if doubt.call_id not in done)
    return [*doubted, *sorted((call_id for call_id in candidates if call_id not in done), key=rank)]


def item(
    call: Call, conversation: Sequence[Message], row: CallRow | None, mined: Mined, doubts: Sequence[Doubt] = ()
) -> Item:
    """What the page shows of a call. `doubts`: those about its target."""
    failures = [failure for failure in mined.failures if failure.call_id == call.id]
    cluster = next((one for one in mined.clusters if failures and one.id == failures[0].cluster), None)
    return Item(
        call_id=call.id,
        conversation=tuple(map(turn, conversation)),
        answer=editable(call.output[0]) if call.output else "",
        target=editable(row.target.message) if row else "",
        source=row.target.source if row else "",
        reasons=tuple(
            dict.fromkeys([*(f"doubted: {doubt.reason}" for doubt in doubts), *(each.reason for each in failures)])
        ),
        cluster=cluster.title if cluster else "",
        cluster_id=cluster.id if cluster else "",
    )


def editable(message: Message) -> str:
    """A message as a person edits it: its text, or the whole chat message as indented JSON when it calls tools."""
    if not message.tool_calls:
        return message.text
    chat = to_chat(message)
    for made in chat["tool_calls"]:
        arguments = json_object(made["function"]["arguments"])
        made["function"]["arguments"] = made["function"]["arguments"] if arguments is None else arguments
    return json.dumps(chat, ensure_ascii=False, indent=2)


def verdict(shown: Item, action: Literal["accept", "edit", "reject"], text: str, by: str, at_ns: int) -> Feedback:
    """The person's answer as feedback on the call. Raises InputError when the text cannot be a target.

    `accept` takes the target as shown or, where there is none, says that production's own answer was right.
    """
    if action == "reject":
        correction, label = None, REJECTED
    else:
        correction, label = _target(text if action == "edit" else shown.target or shown.answer), f"{action}ed"
    told = [shown.call_id, label, correction, by, at_ns]
    return Feedback(
        id=digest(["review", *told]),
        call_id=shown.call_id,
        user_id=by,
        name=REVIEW,
        label=label,
        correction=correction,
        source_kind="human",
        at_ns=at_ns,
    )


def _target(text: str) -> str:
    if not text.strip() or len(text) > MOST_CHARS:
        raise InputError("a target must not be empty" if len(text) <= MOST_CHARS else "the target is too long")
    whole = chat_message(text)
    if whole is None:
        if text.lstrip().startswith('{"role"') or '"tool_calls"' in text:
            raise InputError("this looks like a tool call, but is not one JSON message of the assistant")
        return text.strip()
    message = from_chat(whole)
    for made in message.tool_calls:
        if not made.name or json_object(made.arguments or "{}") is None:
            raise InputError(f"the arguments of the tool call {made.name!r} are not a JSON object")
    return canonical(whole)


def turn(message: Message) -> Turn:
    """A message of the conversation as the page shows it: its text, its tool calls, or what tools gave back."""
    results = [part.content for part in message.parts if isinstance(part, ToolResultPart)]
    return Turn(role=message.role, text="\n".join(results) if results else editable(message))
