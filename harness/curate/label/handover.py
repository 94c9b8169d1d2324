"""Write the picks as files that Argilla and Label Studio import; what they export is read by `trueup ingest`.

Both ask two questions: `verdict` (right or wrong) and `corrected_response`, the answer that should have been given. Their
names are what the readers in `harness/ingest/formats/` know, and each task has the id of its call.

Sources: Label Studio's task format and its tags Paragraphs, Choices and TextArea; the fields of Argilla's `Record.to_dict`.
"""

from collections.abc import Callable, Mapping, Sequence

from harness.core.codec import encode
from harness.curate.label.picks import Pick
from harness.curate.review.queue import Item
from harness.errors import UsageError

CONFIG = """\
<View>
  <Header value="Why it is here" size="5"/>
  <Text name="reason" value="$reason"/>
  <Paragraphs name="conversation" value="$conversation" layout="dialogue" nameKey="role" textKey="text"/>
  <Header value="Production answered" size="5"/>
  <Text name="response" value="$response"/>
  <Choices name="verdict" toName="response" choice="single" required="true">
    <Choice value="right"/>
    <Choice value="wrong"/>
  </Choices>
  <TextArea name="corrected_response" toName="response" value="$response" rows="6" maxSubmissions="1" editable="true"/>
</View>
"""
"""Labeling interface of Label Studio (Settings, Labeling Interface, Code)."""


def files(tool: str, picks: Sequence[Pick], items: Sequence[Item]) -> dict[str, bytes]:
    """File name to content, for one tool. Raises UsageError for a tool that is not known."""
    if tool not in TOOLS:
        raise UsageError(f"there is no hand-over to {tool!r}", next=f"known: {', '.join(TOOLS)}")
    return TOOLS[tool](picks, items)


def _label_studio(picks: Sequence[Pick], items: Sequence[Item]) -> dict[str, bytes]:
    tasks = [
        {
            "data": {
                "call_id": item.call_id,
                "reason": pick.reason,
                "conversation": [{"role": turn.role, "text": turn.text} for turn in item.conversation],
                "response": item.answer,
            },
            "meta": {"call_id": item.call_id, "kind": pick.kind},
        }
        for pick, item in zip(picks, items, strict=True)
    ]
    return {"tasks.json": encode(tasks), "labeling-interface.xml": CONFIG.encode()}


def _argilla(picks: Sequence[Pick], items: Sequence[Item]) -> dict[str, bytes]:
    records = [
        {
            "id": item.call_id,
            "status": "pending",
            "fields": {
                "conversation": "\n\n".join(f"{turn.role}: {turn.text}" for turn in item.conversation),
                "response": item.answer,
            },
            "metadata": {"call_id": item.call_id, "kind": pick.kind, "reason": pick.reason},
            "suggestions": {"corrected_response": {"value": item.target or item.answer, "score": None, "agent": None}},
            "responses": {},
            "vectors": {},
        }
        for pick, item in zip(picks, items, strict=True)
    ]
    return {"records.json": encode(records)}


TOOLS: Mapping[str, Callable[[Sequence[Pick], Sequence[Item]], dict[str, bytes]]] = {
    "argilla": _argilla,
    "label-studio": _label_studio,
}
