"""Answer with what production replied at the time, to be scored like any other arm.

`arm.options["replies"]` (or the arm's `model`) is a JSON Lines file of recorded `Call`s. A request is answered by the
call whose input it is, or, for an arm without a prompt, by the call whose input ends in it: the prompt that the
application put in front is not part of a case. Of several such calls the earliest answers. Loads no model.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.core.codec import digest as content_id
from harness.core.codec import file_digest, read_lines, to_chat
from harness.core.options import File
from harness.errors import InputError, NotRecordedError
from harness.types import Arm, Call, Message, Noun, Reply, Request

PREFERRED_BATCH = 256
FILE = True
"""A file is all that it needs: `--model recorded:FILE`."""


class Options(Noun, frozen=True):
    """Its keys under an arm's options."""

    replies: File = ""
    """JSON Lines of recorded calls; empty: the file that the arm's `model` names."""


class Recorded:
    """Replies by the conversation that they answered."""

    preferred_batch = PREFERRED_BATCH

    def __init__(self) -> None:
        self._files: dict[Path, dict[str, Reply]] = {}

    def digest(self, arm: Arm) -> str:
        return digest(arm)

    def answer(self, arm: Arm, requests: Sequence[Request]) -> list[Reply | Exception]:
        """The recorded reply to each request, or the InputError that there is none."""
        path = _path(arm)
        if path not in self._files:
            self._files[path] = _index(path)
        return [_find(self._files[path], path, request) for request in requests]

    def close(self) -> None:
        self._files.clear()


def open(arms: Sequence[Arm], *, batch_size: int = 0) -> Recorded:
    """The backend; files are read with the first answer."""
    return Recorded()


def digest(arm: Arm) -> str:
    """Content id of the recorded calls. Raises InputError when the file is not there."""
    return content_id(["recorded-1", file_digest(_path(arm))])


def _path(arm: Arm) -> Path:
    path = Path(str(arm.options.get("replies") or arm.model))
    if not path.is_file():
        raise InputError("the file of recorded calls does not exist", where=str(path), next="set the arm's `replies`")
    return path


def _index(path: Path) -> dict[str, Reply]:
    """Each call under its whole input and under each of its endings that starts with a user message."""
    found: dict[str, Reply] = {}
    calls = [call for call in read_lines(path, Call) if call.output and call.error is None]
    for call in sorted(calls, key=lambda call: call.start_ns):
        for key in _endings(call.input):
            found.setdefault(key, _reply(call))
    return found


def _endings(messages: Sequence[Message]) -> Iterator[str]:
    for start, message in enumerate(messages):
        if start == 0 or message.role == "user":
            yield _key(messages[start:])


def _key(messages: Sequence[Message]) -> str:
    return content_id([to_chat(message) for message in messages])


def _reply(call: Call) -> Reply:
    first = call.output[0]
    return Reply(
        text=first.text,
        tool_calls=first.tool_calls,
        reasoning=first.reasoning,
        finish_reason=first.finish_reason or "stop",
        usage=call.usage,
        seconds=call.seconds or 0.0,
    )


def _find(replies: dict[str, Reply], path: Path, request: Request) -> Reply | Exception:
    if request.kind != "chat":
        return NotRecordedError("recorded answers are replies to chats only", where=str(path))
    reply = replies.get(_key(request.messages))
    return reply or NotRecordedError("no recorded call answers this conversation", where=str(path))
