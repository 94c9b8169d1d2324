"""Make OpenAI clients whose requests never leave the process: each is a call of the case's model, batched like any other."""

import asyncio
import asyncio.tasks
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from harness.errors import UsageError
from harness.evaluate.application.door import CaseDoor

ADDRESS = "http://trueup.invalid/v1"
"""Never looked up."""


def client(door: CaseDoor, asynchronous: bool) -> Any:
    """An `openai.OpenAI`, or an `openai.AsyncOpenAI`. Raises UsageError where that package is not installed."""
    try:
        openai: Any = import_module("openai")
    except ImportError as error:
        raise UsageError("model.client() needs the package openai", next="pip install 'trueup[hosted]'") from error
    inner = openai.DefaultAsyncHttpxClient if asynchronous else openai.DefaultHttpxClient
    library: Any = import_module(inner.__mro__[1].__module__.partition(".")[0])  # httpx, or what has taken its place

    def handle(request: Any) -> Any:
        with _outside_of_loop():
            given = door.answer(request.url.path, request.content)
        headers = {"content-type": given.kind, "x-should-retry": "false"}
        return library.Response(given.status, headers=headers, content=given.body)

    made = openai.AsyncOpenAI if asynchronous else openai.OpenAI
    transport = library.MockTransport(handle)
    return made(base_url=ADDRESS, api_key="trueup", max_retries=0, http_client=inner(transport=transport))


@contextmanager
def _outside_of_loop() -> Iterator[None]:
    """While a case waits for its model others run, on the same thread, and may run event loops of their own.

    So the loop that is running here, its task and its hooks are laid aside for as long.
    """
    loop = asyncio._get_running_loop()
    if loop is None:
        yield
        return
    task, hooks = asyncio.current_task(loop), sys.get_asyncgen_hooks()
    if task is not None:
        asyncio.tasks._leave_task(loop, task)
    asyncio._set_running_loop(None)
    sys.set_asyncgen_hooks(None, None)
    try:
        yield
    finally:
        sys.set_asyncgen_hooks(*hooks)
        asyncio._set_running_loop(loop)
        if task is not None:
            asyncio.tasks._enter_task(loop, task)
