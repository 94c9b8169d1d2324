"""Mix general examples into training, so that the model keeps what it could do before."""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from harness.core.codec import digest, from_chat
from harness.errors import InputError
from harness.types import Case, Message, TextPart

_FRAME = re.compile(r"### Instruction:\s*(.*?)\s*### Response:", re.DOTALL)
"""The Alpaca frame: the instruction inside it is what a user would have typed."""

_END = re.compile(r"(?:###eos_token###|<\|endoftext\|>|<\|im_end\|>|</s>)\s*$")
"""End marks that some published sets leave in their answers."""


def read(paths: Iterable[str]) -> Iterator[Case]:
    """Cases of JSON Lines files. Raises InputError with file and line for a row of no known shape."""
    for path in map(Path, paths):
        if not path.is_file():
            raise InputError("the replay file does not exist", where=str(path), next="fix [curate] replay_files")
        with path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield _case(line, f"{path}:{number}", path.name)


def mix(cases: Sequence[Case], trained: int, share: float, seed: int) -> tuple[Case, ...]:
    """A stable draw of `cases` that makes up `share` (0 to 1) of the final mix with `trained` rows."""
    return tuple(
        sorted(cases, key=lambda case: digest([seed, case.id]))[: wanted(trained, share) if share < 1 else None]
    )


def wanted(trained: int, share: float) -> int:
    """How many rows are `share` of a mix with `trained` others; none of a share of 1, which has no others."""
    return round(trained * share / (1 - share)) if share < 1 else 0


def _case(line: bytes, where: str, name: str) -> Case:
    try:
        messages = _messages(msgspec.json.decode(line))
    except (msgspec.DecodeError, InputError) as error:
        raise InputError(f"not a replay row: {error}", where=where, next='give {"messages": [...]}') from error
    if len(messages) < 2 or messages[-1].role != "assistant" or not messages[-1].text:
        raise InputError("a replay row has to end in an assistant's answer", where=where)
    return Case(
        id=digest(messages)[:16],
        messages=messages[:-1],
        target=messages[-1],
        expected=messages[-1].text,
        target_source="file",
        split="replay",
        tags=(name,),
    )


def _messages(row: Any) -> tuple[Message, ...]:
    if isinstance(row, dict) and isinstance(row.get("messages"), list):
        return tuple(from_chat(message) for message in row["messages"])
    if isinstance(row, dict) and isinstance(row.get("instruction"), str):
        return _turns(*_instruction(row))
    if isinstance(row, dict) and isinstance(row.get("prompt"), str):
        framed = _FRAME.search(row["prompt"])
        return _turns(
            framed[1].replace("### Input:\n", "") if framed else row["prompt"],
            row.get("answer") or row.get("completion") or "",
        )
    raise InputError("it has no messages, instruction or prompt")


def _instruction(row: dict[str, Any]) -> tuple[str, str]:
    """Alpaca, Dolly and Self-Instruct rows: the input or context below the instruction; the first instance's output."""
    first = (row.get("instances") or [{}])[0]
    given = row.get("input") or row.get("context") or first.get("input") or ""
    answer = row.get("output") or row.get("response") or first.get("output") or ""
    return f"{row['instruction']}\n\n{given}" if given else row["instruction"], answer


def _turns(asked: str, answer: str) -> tuple[Message, ...]:
    return (
        Message(role="user", parts=(TextPart(text=str(asked).strip()),)),
        Message(role="assistant", parts=(TextPart(text=_END.sub("", str(answer)).strip()),)),
    )
