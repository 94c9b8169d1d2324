"""Read messages of chats on AI SDK 3.3 to 4 as messages of later versions: `tool-invocation` parts, reasoning, sources.

Before 4.2 a message had no parts: its text is `content`, beside `reasoning` and `toolInvocations`, whose `step` tells which answer
of the model made them.

Source: the Message and UIMessage types and the `useChat` reference of the AI SDK 4 documentation.
"""

from itertools import groupby

from harness.ingest.formats._json import Json, listing, mapping, text_of


def is_old(record: dict[str, Json]) -> bool:
    """Whether it is a message from before parts, which called a tool."""
    made = record.get("toolInvocations")
    return isinstance(made, list) and bool(made) and all("toolCallId" in mapping(item) for item in made)


def renewed(row: dict[str, Json]) -> dict[str, Json]:
    """The message with its parts as later versions write them; one of a later version as it is."""
    parts, attached = listing(row.get("parts")), listing(row.get("experimental_attachments"))
    if not parts and (is_old(row) or row.get("reasoning") or attached):
        parts = _of_fields(row)
    files = (
        {"type": "file", "mediaType": item.get("contentType"), "url": item.get("url")}
        for item in map(mapping, attached)
    )
    parts = [*parts, *files]
    return {**row, "parts": [_part(mapping(part)) for part in parts]} if parts else row


def _of_fields(row: dict[str, Json]) -> list[Json]:
    """Reasoning, the calls of each step, and the text: after the calls where all of them were answered."""
    made = [mapping(item) for item in listing(row.get("toolInvocations"))]
    said: list[Json] = [{"type": "text", "text": row["content"]}] if row.get("content") else []
    calls: list[Json] = []
    for _, step in groupby(made, key=lambda item: item.get("step")):
        calls += [{"type": "step-start"}, *({"type": "tool-invocation", "toolInvocation": item} for item in step)]
    thoughts: list[Json] = [{"type": "reasoning", "reasoning": row["reasoning"]}] if row.get("reasoning") else []
    answered = all(item.get("state") == "result" for item in made)
    if not made or not answered:
        return [*calls[:1], *thoughts, *said, *calls[1:]]
    return [*calls[:1], *thoughts, *calls[1:], *([{"type": "step-start"}] if said else []), *said]


def _part(part: dict[str, Json]) -> dict[str, Json]:
    kind = part.get("type")
    if kind == "tool-invocation":
        held = mapping(part.get("toolInvocation"))
        call = {"toolCallId": held.get("toolCallId"), "toolName": held.get("toolName"), "input": held.get("args")}
        return {"type": "dynamic-tool", **call, **({"output": held["result"]} if "result" in held else {})}
    if kind == "reasoning" and "text" not in part:
        signed = next((mapping(item).get("signature") for item in listing(part.get("details"))), None)
        return {"type": "reasoning", "text": text_of(part.get("reasoning")), "signature": signed}
    if kind == "source":
        return {**mapping(part.get("source")), "type": "source-url"}
    return part
