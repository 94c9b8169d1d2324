"""Run an application on a case: a program that reads the case, asks the model over HTTP, and writes its answer.

The contract, in `docs/how-to/evaluate-your-app.md`: one JSON object on standard input, the answer on standard output, and
OPENAI_BASE_URL and OPENAI_API_KEY in the environment. Programs of several cases run at the same time, and their calls of
the model leave in batches.
"""

import contextlib
import os
import queue
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from harness.core.codec import digest, encode, file_digest, from_chat, to_chat
from harness.core.replies import chat_message
from harness.errors import InputError, UsageError
from harness.evaluate.application.door import ENDED, CaseDoor, close_door, open_door
from harness.evaluate.application.openai_api import ApiResponse, refusal
from harness.evaluate.batching import pause
from harness.evaluate.runner.model import Model, Said, conversation
from harness.types import Application, Json, Message, Reply
from harness.types.evaluation import ANSWERED

AT_ONCE = 8
"""Programs that run at the same time. A constant, so that batches are the same on every machine."""
MOST = 4 << 20
"""Bytes of an answer."""


class ModelCall:
    """A request of the program that waits for its response."""

    def __init__(self, path: str, body: bytes) -> None:
        self.path, self.body = path, body
        self.response: queue.SimpleQueue[ApiResponse] = queue.SimpleQueue()


class Ended(msgspec.Struct, frozen=True):
    """The program has ended, or its output was cut off."""

    code: int
    output: bytes
    cut: bool = False


Events = queue.SimpleQueue[ModelCall | Ended]


class ApplicationModel(Model):
    """The `model` of eval functions when an application is judged: `chat` runs it, and its calls go to the arm."""

    def __init__(self, application: Application, case_id: str, *given: Any) -> None:
        """`given` is that of `Model`."""
        super().__init__(*given)
        self.application, self.case_id = application, case_id

    def chat(
        self,
        messages: Said,
        *,
        max_tokens: int | None = None,
        temperature: float | None = None,
        top_p: float | None = None,
        schema: Json = None,
        tools: Sequence[Json] = (),
        stop: Sequence[str] = (),
    ) -> Reply:
        """The application's answer. It samples as it likes: what is set here is left to it.

        Raises InputError when the program cannot be started, fails, takes too long, or writes no text.
        """
        said, before = conversation(messages), len(self.replies)
        given = {"id": self.case_id, "text": _asked(said), "messages": [to_chat(message) for message in said]}
        output = self._run(encode({**given, "tools": list(tools)} if tools else given))
        calls = tuple(call for reply in self.replies[before:] for call in reply.tool_calls)
        reply = _read(output, self.application.command)
        reply = replace(reply, tool_calls=reply.tool_calls or calls, finish_reason=ANSWERED)
        self._keep(said, reply)
        return reply

    def choose(self, messages: Said, options: Sequence[str], *, normalize: bool = False, raw: bool = False) -> Reply:
        """Refused: an application answers in words."""
        raise UsageError("an application answers in words, and cannot choose", next="use model.chat(...)")

    def _run(self, given: bytes) -> bytes:
        """The program's output. Its calls are answered here, in the case's own turn, so that they join the batches."""
        events: Events = queue.SimpleQueue()
        door = CaseDoor(_Arm(self), self.arm.name)
        url = open_door(lambda path, body: _relayed(events, path, body))
        try:
            with Program(self.application, given, url, self.case_id, events):
                pause()
                while isinstance(event := self._next(events), ModelCall):
                    event.response.put(door.answer(event.path, event.body))
                    pause()
        finally:
            close_door(url)
            _refuse_rest(events)
        self.unanswered = self.unanswered or door.failure
        return _output(event, self.application.command)

    def _next(self, events: Events) -> ModelCall | Ended:
        limit = self.application.seconds
        try:
            return events.get(timeout=limit)
        except queue.Empty:
            what = f"the application took longer than {limit:g} s without a call of the model or an answer"
            raise InputError(what, where=self.application.command, next="--app-timeout SECONDS") from None


class _Arm:
    """The arm behind an application, as its calls see it."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def chat(self, messages: Any, **options: Any) -> Reply:
        return Model.chat(self._model, messages, **options)

    def complete(self, text: str, **options: Any) -> Reply:
        return self._model.complete(text, **options)


class Program:
    """The process of one case, with what it started: killed when the `with` ends, whatever it is at."""

    def __init__(self, application: Application, given: bytes, url: str, case_id: str, events: Events) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        with tempfile.TemporaryFile() as stdin:
            stdin.write(given)
            stdin.seek(0)
            try:
                self._process = subprocess.Popen(
                    shlex.split(application.command),
                    cwd=application.folder or None,
                    env={**os.environ, **variables(url, case_id)},
                    stdin=stdin,
                    stdout=subprocess.PIPE,
                    stderr=self._errors,
                    start_new_session=True,
                )
            except (OSError, ValueError) as error:
                self._errors.close()
                raise InputError(
                    f"the application cannot be started: {error}", where=application.command, next="fix --app"
                ) from error
        self._output = b""
        reader = threading.Thread(target=self._read, daemon=True)
        reader.start()
        threading.Thread(target=self._wait, args=(reader, events), daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as pipe:
            self._output = pipe.read(MOST + 1)
        if len(self._output) > MOST:
            self._kill()

    def _wait(self, reader: threading.Thread, events: Events) -> None:
        """The program has ended when its own process has: what it left behind may hold its output open."""
        code = self._process.wait()
        self._kill()
        reader.join()
        events.put(Ended(code, self._output, cut=len(self._output) > MOST))

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, *_: object) -> None:
        """What it wrote to standard error is the case's captured output."""
        self._kill()
        self._process.wait()
        self._errors.seek(0)
        sys.stderr.write(self._errors.read(MOST).decode(errors="replace"))
        self._errors.close()


def content(application: Application) -> str:
    """Content id: the command, and the files that it names."""
    words = shlex.split(application.command)
    files = [file for word in words if (file := Path(application.folder, word)).is_file()]
    return digest([words, *map(file_digest, files)])


def variables(url: str, case_id: str) -> dict[str, str]:
    """What an application finds in its environment."""
    return {
        "OPENAI_BASE_URL": url,
        "OPENAI_API_BASE": url,
        "OPENAI_API_KEY": "trueup",
        "TRUEUP_CASE": case_id,
        "NO_PROXY": ",".join(filter(None, [os.environ.get("NO_PROXY", ""), "127.0.0.1"])),
    }


def _relayed(events: Events, path: str, body: bytes) -> ApiResponse:
    call = ModelCall(path, body)
    events.put(call)
    return call.response.get()


def _refuse_rest(events: Events) -> None:
    """Calls that were still under way when the case ended."""
    with contextlib.suppress(queue.Empty):
        while True:
            event = events.get_nowait()
            if isinstance(event, ModelCall):
                event.response.put(refusal(410, ENDED))


def _output(ended: Ended, command: str) -> bytes:
    if ended.cut:
        raise InputError(f"the application wrote more than {MOST >> 20} MiB", where=command)
    if ended.code:
        how = f"was killed by signal {-ended.code}" if ended.code < 0 else f"ended with exit code {ended.code}"
        raise InputError(f"the application {how}", where=command, next="its error output is below")
    return ended.output


def _read(output: bytes, command: str) -> Reply:
    """The answer: text, or one assistant message in the OpenAI form."""
    try:
        text = output.decode().strip()
    except UnicodeDecodeError as error:
        raise InputError(f"the application's answer is not UTF-8: {error}", where=command) from error
    if not text:
        raise InputError("the application wrote no answer", where=command, next="print it to standard output")
    whole = chat_message(text)
    message = from_chat(whole) if whole else None
    return Reply(text=message.text, tool_calls=message.tool_calls) if message else Reply(text=text)


def _asked(messages: Sequence[Message]) -> str:
    return next((message.text for message in reversed(messages) if message.role == "user"), "")
