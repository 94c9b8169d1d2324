"""What the server of the recorded traffic heard and answered, written down independently of trueup's readers.

A ledger holds each request and response of one run as they went over the wire. `facts` puts one of them in the same
plain form as `told` puts a `Call`, so that both can be compared field by field.
"""

import base64
import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

from harness.types import Call, MediaPart, Message, ReasoningPart, RefusalPart, TextPart, ToolCallPart, ToolResultPart

TRAFFIC = Path(__file__).parents[2] / "fixtures" / "traffic"
FIELDS = ("input", "output", "finish", "tools", "usage", "error")
ENDS = {"end_turn": "stop", "tool_use": "tool_calls", "max_tokens": "length"}

Said = list[tuple[str, list[tuple]]]
"""Messages: role and parts, each a tuple of its kind and its contents."""


def ledger(name: str) -> list[dict[str, Any]]:
    return json.loads(gzip.decompress((TRAFFIC / name / "ledger.json.gz").read_bytes()))


def arguments(raw: Any) -> Any:
    return json.loads(raw) if isinstance(raw, str) and raw else raw


def media(address: str) -> tuple:
    if address.startswith("data:"):
        return ("media", hashlib.sha256(base64.b64decode(address.partition(",")[2])).hexdigest())
    return ("media", address)


def part(raw: dict[str, Any]) -> tuple:
    """A content part of the chat, Responses or Messages API."""
    match raw["type"]:
        case "text" | "input_text" | "output_text":
            return ("text", raw["text"])
        case "image_url":
            return media(raw["image_url"]["url"])
        case "input_image":
            return media(raw["image_url"])
        case "image":
            return media(f"data:,{raw['source']['data']}")
        case "tool_use":
            return ("call", raw["id"], raw["name"], raw["input"])
        case "tool_result":
            content = raw["content"]
            text = content if isinstance(content, str) else "".join(item["text"] for item in content)
            return ("result", raw["tool_use_id"], text)
        case "thinking":
            return ("reasoning", raw["thinking"])
    raise AssertionError(raw)


def content(raw: Any) -> list[tuple]:
    if isinstance(raw, str):
        return [("text", raw)] if raw else []
    return [part(item) for item in raw or ()]


def message(raw: dict[str, Any]) -> tuple[str, list[tuple]]:
    """A message of the chat or Messages API, or an item of the Responses API."""
    if raw.get("type") == "function_call":
        return ("assistant", [("call", raw["call_id"], raw["name"], arguments(raw["arguments"]))])
    if raw.get("type") == "function_call_output":
        return ("tool", [("result", raw["call_id"], raw["output"])])
    if raw["role"] == "tool":
        return ("tool", [("result", raw["tool_call_id"], raw["content"])])
    parts = content(raw.get("content"))
    parts += [("refusal", raw["refusal"])] if raw.get("refusal") else []
    calls = ((call["id"], call["function"]) for call in raw.get("tool_calls") or ())
    return (raw["role"], parts + [("call", id, made["name"], arguments(made["arguments"])) for id, made in calls])


def joined(said: Said) -> Said:
    """Neighbours that a producer may split or join: results of tools, and the items of one answer or instruction."""
    found: Said = []
    for role, parts in said:
        role = "tool" if parts and all(kind[0] == "result" for kind in parts) else role
        if found and found[-1][0] == role and role in ("tool", "assistant", "system"):
            found[-1] = (role, found[-1][1] + parts)
        else:
            found.append((role, list(parts)))
    return found


def facts(entry: dict[str, Any]) -> dict[str, Any]:
    """One request and its response."""
    asked, got = entry["request"], entry.get("response") or {}
    lead = asked.get("instructions") or asked.get("system")
    before: Said = [("system", content(lead))] if lead else []
    read = asked.get("messages") or asked.get("input") or asked.get("prompt")
    read = [{"role": "user", "content": read}] if isinstance(read, str) else read
    output, ends = answer(got)
    used = got.get("usage") or {}
    cached = used.get("cache_read_input_tokens", 0) + used.get("cache_creation_input_tokens", 0)
    count = used.get("prompt_tokens", used.get("input_tokens"))
    tools = asked.get("tools") or ()
    return {
        "id": got.get("id"),
        "input": joined(before + [message(item) for item in read]),
        "output": output,
        "finish": ends,
        "tools": [tool.get("function", tool)["name"] for tool in tools],
        "usage": (count + cached, used.get("completion_tokens", used.get("output_tokens"))) if used else None,
        "error": entry["status"] != 200,
    }


def answer(got: dict[str, Any]) -> tuple[Said, list[str]]:
    """The choices of a response, and why each ended."""
    if "choices" in got:
        made = [choice.get("message") or {"role": "assistant", "content": choice["text"]} for choice in got["choices"]]
        return [message(said) for said in made], [choice["finish_reason"] for choice in got["choices"]]
    if "output" in got:
        parts = [kind for item in got["output"] for kind in message(item)[1]]
        called = "tool_calls" if any(kind[0] == "call" for kind in parts) else "stop"
        return [("assistant", parts)], ["length" if got["status"] == "incomplete" else called]
    return ([message(got)], [ENDS[got["stop_reason"]]]) if got else ([], [])


def plain(said: Message) -> tuple[str, list[tuple]]:
    found: list[tuple] = []
    for held in said.parts:
        match held:
            case TextPart(text=text):
                found.append(("text", text))
            case ToolCallPart():
                found.append(("call", held.id, held.name, arguments(held.arguments)))
            case ToolResultPart():
                found.append(("result", held.id, held.content))
            case MediaPart():
                found.append(("media", held.sha256 or held.uri))
            case ReasoningPart(text=text):
                found.append(("reasoning", text))
            case RefusalPart(text=text):
                found.append(("refusal", text))
            case _:
                found.append(("other", held))
    return (said.role, found)


def told(call: Call) -> dict[str, Any]:
    """The same facts as a `Call` states them."""
    return {
        "input": joined([plain(said) for said in call.input]),
        "output": [plain(said) for said in call.output],
        "finish": [said.finish_reason for said in call.output],
        "tools": [tool.get("function", tool)["name"] for tool in call.tools],
        "usage": (call.usage.input, call.usage.output) if call.usage.input else None,
        "error": call.error is not None,
    }


def paired(calls: list[Call], entries: list[dict[str, Any]]) -> list[tuple[dict[str, Any], Call | None]]:
    """Each request with its call: by the id of the response, else the next call with the same last thing said."""
    left = sorted(calls, key=lambda call: call.start_ns)
    by_id = {call.response_id: call for call in left}
    found: list[tuple[dict[str, Any], Call | None]] = []
    for known in map(facts, entries):
        call = by_id.get(known["id"])
        found.append((known, call))
        if call:
            left.remove(call)
    return [(known, call or _next(known, left)) for known, call in found]


def _next(known: dict[str, Any], left: list[Call]) -> Call | None:
    last = [kind for kind in known["input"][-1][1] if kind[0] != "media"][-1]  # media may be kept elsewhere
    same = [call for call in left if call.input and last in told(call)["input"][-1][1]]
    mute = [call for call in left if not call.input and (call.error is not None) == known["error"]]
    for call in (*same, *mute):
        left.remove(call)
        return call
    return None
