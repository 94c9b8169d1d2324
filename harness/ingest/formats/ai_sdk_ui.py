"""Parse what chat interfaces on the AI SDK keep: chats of UI messages (`parts`), recorded UI message streams, and votes.

A chat is `{"id", "messages": [...]}` or messages one by one, which are then one chat a file; a stream is its chunks one by
one, or its text of server-sent events in a field beside the messages that it answers. A call is a step of an assistant's
message: what the model said up to the results of the tools that it called.

Source: the UIMessage type and the UI message stream protocol, version 1 (AI SDK 5 to 7); `_data_stream.py` and
`_ui_message_4.py` read AI SDK 4's.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from harness.core.codec import digest
from harness.ingest.formats import _ratings
from harness.ingest.formats._bodies import tokens
from harness.ingest.formats._clock import nanoseconds
from harness.ingest.formats._data_stream import chunks as data_chunks
from harness.ingest.formats._data_stream import is_data_stream
from harness.ingest.formats._draft import Draft, feedback
from harness.ingest.formats._fates import INNER, aside
from harness.ingest.formats._json import Json, listing, mapping, parsed, text_of
from harness.ingest.formats._messages import message, reason
from harness.ingest.formats._ui_message_4 import is_old, renewed
from harness.types import Call, CallError, Feedback, Message, Source, ToolResultPart

RANK = 60

_ROLES = ("system", "user", "assistant")
_PARTS = frozenset(["file", "source", "source-url", "source-document", "step-start", "dynamic-tool"])
_STREAMS = ("stream", "response", "body", "output")
"""Fields that may hold a stream's text beside the messages that it answers."""
_ENVELOPE = frozenset(["type", "id", "messageId", "messageMetadata", "finishReason", "errorText", "reason"])
_CHUNKS: dict[str, frozenset[str]] = {
    **dict.fromkeys(("start", "finish", "abort", "start-step", "finish-step", "message-metadata"), _ENVELOPE),
    "error": frozenset(["type", "errorText"]),
    **dict.fromkeys(("text-start", "text-end", "reasoning-start", "reasoning-end"), frozenset(["type", "id"])),
    **dict.fromkeys(("text-delta", "reasoning-delta"), frozenset(["type", "id", "delta"])),
}
"""Type of a chunk that is of no tool to the keys that it may have."""
_TOOLS = ("tool-input-", "tool-output-", "tool-approval-")
_ALWAYS = frozenset(["providerMetadata", "providerExecuted", "transient"])
_VOTED = ("isUpvoted", "is_upvoted", "upvoted")
Line = tuple[dict[str, Json], Source]


def claims(record: dict[str, Json]) -> bool:
    said = record.get("messages")
    if isinstance(said, list) and said:
        streamed = any(is_data_stream(text_of(record.get(name))) for name in _STREAMS)
        return (streamed or any(map(_is_ui, said))) and all(isinstance(item, dict) and "role" in item for item in said)
    return _is_ui(record) or _is_chunk(record) or _is_vote(record)


def _is_ui(record: Json) -> bool:
    """Whether it is a message with parts as the interface has them: each with a type, a text with `text`."""
    if not isinstance(record, dict) or record.get("role") not in _ROLES:
        return False
    if "id" not in record or is_old(record):
        return is_old(record)
    held = record.get("parts")
    return isinstance(held, list) and bool(held) and all(map(_is_part, held))


def _is_part(part: Json) -> bool:
    kind = text_of(mapping(part).get("type"))
    if kind in ("text", "reasoning"):
        return "text" in part or kind in part
    return kind in _PARTS or kind.startswith(("tool-", "data-"))


def _is_chunk(record: dict[str, Json]) -> bool:
    kind = text_of(record.get("type"))
    if kind.startswith(_TOOLS):
        return "toolCallId" in record
    return kind in _CHUNKS and record.keys() <= _CHUNKS[kind] | _ALWAYS


def _is_vote(record: dict[str, Json]) -> bool:
    return ("messageId" in record or "message_id" in record) and any(name in record for name in _VOTED)


def pieces(record: dict[str, Json]) -> Iterator[tuple[str, Json]]:
    if "messages" in record:
        yield text_of(record.get("id") or record.get("chatId")) or digest(record), record
    elif _is_vote(record):
        yield f"vote {digest(record)}", record
    else:
        yield "lines", record


def join(found: list[Line], options: Mapping[str, Any]) -> Iterator[Call | Feedback | tuple[str, int]]:
    if "messages" in found[0][0]:
        yield from _chats(found)
    elif _is_vote(found[0][0]):
        yield "repeated_feedback", len(found) - 1
        yield _vote(*found[0])
    else:
        yield from _lines(found)


def _chats(found: list[Line]) -> Iterator[Call | tuple[str, int]]:
    """The calls of a chat that may have been saved several times; the longest knows most."""
    calls: dict[str, Call] = {}
    made_in_all = empty = 0
    for record, source in sorted(found, key=lambda line: -len(line[0]["messages"])):
        said = [mapping(item) for item in record["messages"]]
        for text in (record[name] for name in _STREAMS if isinstance(record.get(name), str)):
            said += _rebuilt(_events(text))
        chat = text_of(record.get("id") or record.get("chatId"))
        made = list(_calls(said, chat, source, record))
        made_in_all, empty = made_in_all + len(made), empty + (not made)
        calls = {call.id: call for call in made} | calls
    yield from calls.values()
    yield INNER, made_in_all + empty - len(found)
    yield "repeated_calls", made_in_all - len(calls)
    yield aside("chat without an answer"), empty


def _lines(found: list[Line]) -> Iterator[Call | tuple[str, int]]:
    """Messages or chunks one by one: those of a file are one chat."""
    ordered = sorted(found, key=lambda line: (line[1].file, line[1].line))
    for _, group in groupby(ordered, key=lambda line: line[1].file):
        lines = list(group)
        said = [row for row, _ in lines if "role" in row]
        said += _rebuilt(row for row, _ in lines if "role" not in row)
        chat = text_of(said[0].get("id")) if said else ""  # a chat without an id is known by its first message
        made = list(_calls(said, chat, lines[0][1], {}))
        yield from made
        yield aside("message of a chat"), max(0, len(lines) - len(made))
        yield INNER, max(0, len(made) - len(lines))


def _calls(said: list[dict[str, Json]], chat: str, source: Source, record: dict[str, Json]) -> Iterator[Call]:
    before: list[Message] = []
    asked_ns = 0
    for row in map(renewed, _newest(said)):
        if row.get("role") != "assistant":
            before += filter(None, [_message(row, listing(row.get("parts")))])
            asked_ns = nanoseconds(_meta(row, "createdAt")) or asked_ns
            continue
        steps = _steps(row)
        for number, held in enumerate(steps, start=1):
            last = number == len(steps)
            answer = _message(row, held, last) or Message(role="assistant")
            id = text_of(row.get("id")) or digest(row)
            yield _call(row, answer, before, last, asked_ns, chat, record).call(
                id if last else f"{id}:{number}", source
            )
            before += _history(answer)


def _newest(said: list[dict[str, Json]]) -> list[dict[str, Json]]:
    """The messages, each once: one that was saved again while it grew is what it was at last."""
    last = {text_of(row["id"]): row for row in said if row.get("id")}
    kept: dict[str, dict[str, Json]] = {}
    for number, row in enumerate(said):
        id = text_of(row.get("id"))
        kept.setdefault(id or f"#{number}", last.get(id, row))
    return list(kept.values())


def _call(
    row: dict[str, Json],
    answer: Message,
    before: list[Message],
    last: bool,
    asked_ns: int,
    chat: str,
    record: dict[str, Json],
) -> Draft:
    parts = tuple(part for part in answer.parts if not isinstance(part, ToolResultPart))
    failure = text_of(row.get("error"))
    ended_ns = nanoseconds(_meta(row, "createdAt")) if last else 0
    draft = Draft(
        session_id=chat,
        trace_id=chat,
        user_id=text_of(record.get("userId") or record.get("user_id")),
        response_id=text_of(row.get("id")) if last else "",
        model_served=text_of(_meta(row, "model", "modelId")),
        input=tuple(before),
        output=(Message(role="assistant", parts=parts, finish_reason=answer.finish_reason),),
        start_ns=asked_ns if ended_ns else 0,
        end_ns=ended_ns if asked_ns else 0,
        error=CallError(type="stream_error", message=failure) if failure and last else None,
        flags={"partial_stream"} if row.get("broken") and last else set(),
    )
    alone = len(_steps(row)) == 1  # the counts of a message are of all of its steps together
    return draft.fill(usage=tokens(_meta(row, "usage", "totalUsage")) if alone else {})


def _meta(row: dict[str, Json], *names: str) -> Json:
    """What the application noted of a message, in its metadata or beside its parts."""
    held = (mapping(row.get("metadata")), mapping(parsed(row.get("metadata"))), row)
    return next((place[name] for place in held for name in names if place.get(name) is not None), None)


def _steps(row: dict[str, Json]) -> list[list[Json]]:
    """The parts of each step. Without marks a step ends where text or a call follows the result of a tool."""
    steps: list[list[Json]] = [[]]
    for part in listing(row.get("parts")):
        kind = text_of(mapping(part).get("type"))
        after = steps[-1] and _answered(steps[-1][-1]) and not _is_tool(kind)
        if kind == "step-start" or after:
            steps.append([])
        if kind != "step-start" and not kind.startswith(("source-", "data-")):
            steps[-1].append(part)
    return [step for step in steps if step] or [[]]


def _is_tool(kind: str) -> bool:
    return kind.startswith("tool-") or kind == "dynamic-tool"


def _answered(part: Json) -> bool:
    return _is_tool(text_of(mapping(part).get("type"))) and any(
        mapping(part).get(key) is not None for key in ("output", "errorText")
    )


def _message(row: dict[str, Json], parts: list[Json], last: bool = True) -> Message | None:
    why = reason(_meta(row, "finishReason")) if last else "tool_calls"
    made = message({"role": row["role"], "content": parts or row.get("content")}, text_of(row["role"]))
    if made is None or row["role"] != "assistant":
        return made
    return Message(role="assistant", parts=made.parts, finish_reason=why)


def _history(answer: Message) -> list[Message]:
    """An answer as the next step reads it: what was said and called, then a message for each result."""
    spoken = tuple(part for part in answer.parts if not isinstance(part, ToolResultPart))
    results = [part for part in answer.parts if isinstance(part, ToolResultPart)]
    return [Message(role="assistant", parts=spoken), *(Message(role="tool", parts=(part,)) for part in results)]


def _events(text: str) -> Iterator[dict[str, Json]]:
    """The chunks of server-sent events or of a data stream, as far as they were recorded."""
    if is_data_stream(text):
        yield from data_chunks(text)
    for line in text.splitlines():
        chunk = mapping(parsed(line.removeprefix("data:").strip())) if line.startswith("data:") else {}
        if chunk:
            yield chunk


def _rebuilt(chunks: Iterable[dict[str, Json]]) -> list[dict[str, Json]]:
    """The messages that chunks stream, as an interface puts them together; `broken` where the end is missing."""
    found: list[dict[str, Json]] = []
    open_parts: dict[str, dict[str, Json]] = {}
    for chunk in chunks:
        kind = text_of(chunk.get("type"))
        if kind == "start" or not found:
            open_parts = {}
            found.append(
                {"role": "assistant", "id": chunk.get("messageId"), "parts": [], "metadata": {}, "broken": True}
            )
        row = found[-1]
        row["metadata"] |= mapping(chunk.get("messageMetadata"))
        if kind == "finish":
            row["broken"] = False
            row["metadata"] |= {"finishReason": chunk["finishReason"]} if chunk.get("finishReason") else {}
        elif kind == "error":
            row["error"] = text_of(chunk.get("errorText")) or "error"
        elif kind == "start-step":
            row["parts"].append({"type": "step-start"})
        else:
            _grow(row["parts"], open_parts, kind, chunk)
    return found


def _grow(parts: list[Json], known: dict[str, dict[str, Json]], kind: str, chunk: dict[str, Json]) -> None:
    """Add what a chunk brings to the part that it belongs to."""
    if kind.startswith(_TOOLS):
        id = text_of(chunk.get("toolCallId"))
        if id not in known:
            known[id] = {"type": f"tool-{text_of(chunk.get('toolName'))}", "toolCallId": id, "input": ""}
            parts.append(known[id])
        if kind == "tool-input-delta":
            known[id]["input"] += text_of(chunk.get("inputTextDelta"))
        known[id] |= {key: chunk[key] for key in ("input", "output", "errorText") if key in chunk}
    elif kind.endswith("-start"):
        known[text_of(chunk.get("id"))] = part = {"type": kind.removesuffix("-start"), "text": ""}
        parts.append(part)
    elif kind.endswith("-delta") and text_of(chunk.get("id")) in known:
        known[text_of(chunk["id"])]["text"] += text_of(chunk.get("delta"))
    elif kind == "file":
        parts.append(chunk)


def _vote(record: dict[str, Json], source: Source) -> Feedback:
    """A vote as chat templates store it: of a chat's message, up or down."""
    value = next(record[name] for name in _VOTED if name in record)
    return feedback(
        source,
        response_id=text_of(record.get("messageId") or record.get("message_id")),
        session_id=text_of(record.get("chatId") or record.get("chat_id")),
        user_id=text_of(record.get("userId") or record.get("user_id")),
        name="vote",
        at_ns=nanoseconds(record.get("createdAt") or record.get("created_at")),
        **_ratings.rated(value),
    )
