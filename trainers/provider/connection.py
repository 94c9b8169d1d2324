"""Connect to a provider of fine-tuning: its client, its errors in our words, and when it ends a model."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping

import openai
from openai import OpenAI
from openai.types.fine_tuning import FineTuningJob, FineTuningJobEvent

from harness.errors import InvalidError, UsageError

RETRIES = 6
"""Tries again of what may go away by itself: 429, 5xx, time-outs, lost connections."""
TIMEOUT = 120.0
ENDED = ("succeeded", "failed", "cancelled")
"""States of a job that is over."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0


def connect(url: str, key_env: str) -> OpenAI:
    """A client of the provider at `url`. Raises UsageError when there is no key."""
    key = os.environ.get(key_env, "")
    if not key:
        raise UsageError(f"there is no key for {url}", where=key_env, next=f"export {key_env}=...")
    return OpenAI(base_url=url, api_key=key, max_retries=RETRIES, timeout=TIMEOUT)


@contextlib.contextmanager
def said(url: str) -> Iterator[None]:
    """The client's errors as ours: UsageError on a key or model that is refused, else InvalidError."""
    try:
        yield
    except (openai.AuthenticationError, openai.PermissionDeniedError, openai.NotFoundError) as error:
        raise UsageError(
            f"the provider refuses: {_words(error)}", where=url, next="check key, url and model"
        ) from error
    except openai.OpenAIError as error:
        raise InvalidError(
            f"the provider gave no answer: {_words(error)}", where=url, next="run the same command again to continue"
        ) from error


def pause(error: openai.OpenAIError, tried: int) -> float:
    """Seconds before the next try: what the provider asks for, else growing."""
    headers: Mapping[str, str] = getattr(getattr(error, "response", None), "headers", {})
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        with contextlib.suppress(KeyError, ValueError):
            return min(float(headers[name]) / unit, LONGEST_PAUSE)
    return min(FIRST_PAUSE * 2.0**tried, LONGEST_PAUSE)


def wait(
    client: OpenAI, ident: str, poll: float, patience: float, on_event: Callable[[FineTuningJobEvent], None]
) -> FineTuningJob:
    """The job once it has ended, looked at every `poll` seconds; each event is passed on once, oldest first.

    Raises InvalidError after `patience` hours.
    """
    deadline = time.monotonic() + patience * 3600
    seen: set[str] = set()
    while True:
        with said(str(client.base_url)):
            job = client.fine_tuning.jobs.retrieve(ident)
            for event in _new_events(client, ident, seen):
                on_event(event)
        if job.status in ENDED:
            return job
        if time.monotonic() > deadline:
            raise InvalidError(
                f"the job is still {job.status} after {patience:g} hours",
                where=ident,
                next="run the same command to keep waiting, or `trueup tune --cancel`",
            )
        time.sleep(poll)


def _new_events(client: OpenAI, ident: str, seen: set[str]) -> Iterator[FineTuningJobEvent]:
    """Events that were not seen yet, oldest first. The API lists the newest first, page by page."""
    fresh = []
    for event in client.fine_tuning.jobs.list_events(ident, limit=100):
        if event.id in seen:
            break
        fresh.append(event)
    seen.update(event.id for event in fresh)
    return reversed(fresh)


def end_of(client: OpenAI, model: str) -> str:
    """Day on which the provider shuts a model down; empty when it does not say."""
    try:
        return getattr(client.models.retrieve(model), "shutdown_date", None) or ""
    except openai.APIStatusError:  # many providers list no such model
        return ""


def _words(error: openai.OpenAIError) -> str:
    return " ".join(str(getattr(error, "message", error)).split())[:300]
