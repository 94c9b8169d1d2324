"""Encode nouns as JSON, decode them, and compute their content ids.

One encoding for files, hashes and child processes: compact UTF-8 JSON with sorted keys, so that equal values have equal
bytes. NaN and infinities have no JSON form and are refused when written: a score that is not a number must never reach
a file that a gate reads.
"""

import hashlib
import math
import os
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from harness.errors import InputError, StorageError
from harness.types import Message, OtherPart, Part, ReasoningPart, RefusalPart, TextPart, ToolCallPart, ToolResultPart

SCHEMA = 1
"""Version of the stored nouns. A reader refuses a higher one."""

REASONING = ("reasoning_content", "thinking", "reasoning")
"""What templates, endpoints and parsers call the reasoning of a message."""

T = TypeVar("T")

_encoder = msgspec.json.Encoder(order="sorted")
_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}


def encode(value: object) -> bytes:
    """Canonical JSON bytes. Raises ValueError on NaN or an infinity anywhere inside."""
    data = _encoder.encode(value)
    if b"null" in data:  # msgspec writes NaN as null: look only where there is one
        _refuse_nan(value)
    return data


def decode(data: bytes | str, kind: type[T]) -> T:
    """The noun of type `kind`. Raises InputError naming the field that does not fit."""
    decoder = _decoders.get(kind)
    if decoder is None:
        decoder = _decoders[kind] = msgspec.json.Decoder(kind)
    try:
        noun: T = decoder.decode(data)
        return noun
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"not a valid {getattr(kind, '__name__', kind)}: {error}") from error


def canonical(value: object) -> str:
    """Canonical JSON text of any JSON value."""
    return encode(value).decode()


def digest(value: object) -> str:
    """Content id: 64 hex digits, the sha256 of bytes as they are, or of the canonical JSON of anything else."""
    return hashlib.sha256(value if isinstance(value, bytes) else encode(value)).hexdigest()


def file_digest(path: Path) -> str:
    """sha256 of a file's bytes, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def known_digest(path: Path) -> str:
    """As `file_digest`, read once a process for each size and modification time: weights of a model take a while."""
    stat = path.stat()
    return _read_once(str(path.resolve()), stat.st_size, stat.st_mtime_ns)


@cache
def _read_once(path: str, size: int, mtime_ns: int) -> str:
    return file_digest(Path(path))


def write_atomic(path: Path, data: bytes) -> None:
    """Write `path` whole or not at all, and durably: temporary file beside it, fsync, rename, fsync of the folder.

    Raises StorageError when the disk is full; what stood at `path` before then still stands.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.unlink(missing_ok=True)  # a killed writer's, where process ids come again, as in containers
        with open(partial, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
        sync_folder(path.parent)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise StorageError(
            f"cannot write: {error.strerror}", where=str(path), next="free space, then run the same command again"
        ) from error


def sync_folder(folder: Path) -> None:
    """Make renames and new names in `folder` survive a power loss."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_lines(path: Path, values: Iterable[object]) -> None:
    """JSON Lines, one value a line, atomically."""
    write_atomic(path, b"".join(encode(value) + b"\n" for value in values))


def read_lines(path: Path, kind: type[T]) -> Iterator[T]:
    """Values of a JSON Lines file of ours. Raises InputError with file and line. Splits on newlines bytes only."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                try:
                    yield decode(line, kind)
                except InputError as error:
                    raise InputError(error.what, where=f"{path}:{number}") from error


def read(path: Path, kind: type[T]) -> T:
    """The noun stored in a JSON file. Raises InputError with the file's name."""
    try:
        return decode(path.read_bytes(), kind)
    except InputError as error:
        raise InputError(error.what, where=str(path)) from error


def to_chat(message: Message) -> dict[str, Any]:
    """A message as chat templates and OpenAI-compatible endpoints take it."""
    results = [part for part in message.parts if isinstance(part, ToolResultPart)]
    if results:
        return {"role": "tool", "tool_call_id": results[0].id, "content": results[0].content}
    chat: dict[str, Any] = {"role": message.role, "content": message.text}
    if message.name:
        chat["name"] = message.name
    calls = message.tool_calls
    if calls:
        chat["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in calls
        ]
    return chat


def from_chat(chat: dict[str, Any] | Message) -> Message:
    """A message from the OpenAI chat form: content as text, as a list of parts, or absent. Raises InputError."""
    if isinstance(chat, Message):
        return chat
    if not isinstance(chat, dict) or not isinstance(chat.get("role"), str):
        raise InputError(f"not a chat message: {str(chat)[:80]}", next='give {"role": ..., "content": ...}')
    thoughts = next((chat[key] for key in REASONING if isinstance(chat.get(key), str) and chat[key]), "")
    parts: list[Part] = [ReasoningPart(text=thoughts)] if thoughts else []
    parts += _content_parts(chat.get("content"))
    if chat.get("refusal"):
        parts.append(RefusalPart(text=str(chat["refusal"])))
    for call in chat.get("tool_calls") or ():
        function = call.get("function") or {}
        arguments = function.get("arguments", "")
        text = arguments if isinstance(arguments, str) else canonical(arguments)
        parts.append(ToolCallPart(id=call.get("id") or "", name=function.get("name") or "", arguments=text))
    if chat["role"] == "tool":
        text = "".join(part.text for part in parts if isinstance(part, TextPart))
        parts = [ToolResultPart(id=chat.get("tool_call_id") or "", content=text)]
    return Message(role=chat["role"], parts=tuple(parts), name=chat.get("name"))


def _content_parts(content: Any) -> Iterator[Part]:
    if isinstance(content, str):
        yield TextPart(text=content)
    for item in content if isinstance(content, list) else ():
        if isinstance(item, dict) and item.get("type") in REASONING:
            yield ReasoningPart(text=_thoughts(item))
        elif isinstance(item, dict) and isinstance(item.get("text"), str):
            yield TextPart(text=item["text"])
        else:
            yield OtherPart(raw=canonical(item))


def _thoughts(part: dict[str, Any]) -> str:
    """The text of a reasoning part, which may be in pieces, as Mistral's is."""
    value = next((part[key] for key in (*REASONING, "text", "content", "summary") if part.get(key)), "")
    pieces = [value] if isinstance(value, str) else value
    return "".join(str(piece.get("text", "")) if isinstance(piece, dict) else str(piece) for piece in pieces)


def _refuse_nan(value: object) -> None:
    plain = msgspec.to_builtins(value)
    stack = [plain]
    while stack:
        item = stack.pop()
        if isinstance(item, float) and not math.isfinite(item):
            raise ValueError("NaN and infinity cannot be stored")
        if isinstance(item, dict):
            stack.extend(item.values())
        elif isinstance(item, (list, tuple)):
            stack.extend(item)
