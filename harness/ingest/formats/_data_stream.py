"""Read the data stream of AI SDK 3.4 to 4, whose lines are a letter and JSON (`0:"Hello"`), as chunks of later versions.

Source: the data stream protocol of the AI SDK 4 documentation (stream parts by their type ids).
"""

import re
from collections.abc import Iterator

from harness.ingest.formats._json import Json, mapping, parsed

_LINE = re.compile(r'([0-9a-k]):(["{\[].*|true|false|null|-?\d.*)')
_OWN = re.compile(r'(?:f:\{"messageId"|0:"|g:"|9:\{"toolCallId"|b:\{"toolCallId"|2:\[|8:\[|3:")')
"""How a data stream begins."""
_BESIDE = "28h"
"""Data, annotations and sources, which may stand between two pieces of a text."""
_SPOKEN = {"0": "text", "g": "reasoning"}


def is_data_stream(text: str) -> bool:
    """Whether a text is a recorded data stream, also one that broke off."""
    if not _OWN.match(text):
        return False
    lines = [line for line in text.split("\n") if line.strip()]
    return len(lines) > 1 and all(_LINE.fullmatch(line) for line in lines[:-1])


def chunks(text: str) -> Iterator[dict[str, Json]]:
    """The chunks that the stream's lines stand for; annotations and data of the application are left out."""
    begun, speaking, number = False, "", 0
    for line in text.split("\n"):
        match = _LINE.fullmatch(line)
        if match is None or match[1] in _BESIDE:
            continue
        code, value = match[1], parsed(match[2])
        if not begun:
            begun = True
            yield {"type": "start", "messageId": mapping(value).get("messageId") if code == "f" else None}
        if code != speaking and code in _SPOKEN:
            number += 1
            yield {"type": f"{_SPOKEN[code]}-start", "id": f"part {number}"}
        speaking = code if code in _SPOKEN else ""
        if code in _SPOKEN:
            yield {"type": f"{_SPOKEN[code]}-delta", "id": f"part {number}", "delta": value}
        else:
            yield from _chunk(code, value)


def _chunk(code: str, value: Json) -> Iterator[dict[str, Json]]:
    held = mapping(value)
    call = {"toolCallId": held.get("toolCallId"), "toolName": held.get("toolName")}
    if code == "f":
        yield {"type": "start-step"}
    elif code == "b":
        yield {"type": "tool-input-start", **call}
    elif code == "c":
        yield {"type": "tool-input-delta", **call, "inputTextDelta": held.get("argsTextDelta")}
    elif code == "9":
        yield {"type": "tool-input-available", **call, "input": held.get("args")}
    elif code == "a":
        yield {"type": "tool-output-available", "toolCallId": held.get("toolCallId"), "output": held.get("result")}
    elif code == "3":
        yield {"type": "error", "errorText": value}
    elif code == "d":
        told = {"usage": held["usage"]} if held.get("usage") else {}
        yield {"type": "finish", "finishReason": held.get("finishReason"), "messageMetadata": told}
