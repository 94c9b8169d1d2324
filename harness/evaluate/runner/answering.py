"""Answer requests: first from the cache, then by the backend, opened only when something is not in the cache."""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from msgspec.structs import replace

from harness.core.codec import digest
from harness.core.plugins import load
from harness.core.purse import Purse
from harness.core.quiet import silenced
from harness.errors import CapError, StorageError, TrueupError
from harness.types import Arm, Reply, Request

if TYPE_CHECKING:
    from harness.store.replies import ReplyCache

Event = dict[str, Any]

DEFAULT_BATCH = 128
"""Requests a batch for a backend that names no PREFERRED_BATCH: enough for it to sort by length and cut as it likes."""


class Backend(Protocol):
    preferred_batch: int

    def answer(self, arm: Arm, requests: Sequence[Request]) -> Sequence[Reply | Exception]: ...

    def close(self) -> None: ...


def key_of(model: str, request: Request) -> str:
    """Cache key of a request to the model with this digest.

    Properties of a schema are written in their order, and tools are rendered in theirs, so for these the order counts.
    """
    ordered = [msgspec.json.encode(part).decode() for part in (request.schema, request.tools) if part]
    return digest([model, request, *ordered])


class Answerer:
    """Answers batches of requests for any of `arms`.

    The cache is looked up batch by batch, not request by request. So batches have the same members whether their
    replies are cached or not, and a killed run computes the rest in the batches in which it would have computed it.
    """

    def __init__(
        self,
        arms: Sequence[Arm],
        cache_folder: str = "",
        batch_size: int = 0,
        on_event: Callable[[Event], None] = lambda event: None,
        purse: Purse | None = None,
        recalled: str = "",
    ) -> None:
        """`recalled`: folder of a second cache, which is only read."""
        self._purse = purse or Purse()
        self.generated: dict[str, int] = {arm.name: 0 for arm in arms}
        """Arm name to the replies that were computed, not taken from the cache."""
        self._arms, self._batch_size, self._on_event = list(arms), batch_size, on_event
        self._cache_folder, self._recalled = cache_folder, recalled
        self._one_at_a_time = RLock()
        """An application may ask from threads of its own."""
        self._backends: dict[str, Backend | TrueupError] = {}
        self._digests: dict[str, str] = {}
        self._caches: dict[str, ReplyCache] = {}

    def join(self, arm: Arm) -> None:
        """One more model that may be asked, such as a judge's."""
        if arm.name not in self.generated:
            self.generated[arm.name] = 0
            self._arms.append(arm)

    def size(self, arm: Arm) -> int:
        """Requests a batch: a property of the backend's module, not of the machine, so batches are the same anywhere."""
        return self._batch_size or getattr(load("backends", arm.backend), "PREFERRED_BATCH", DEFAULT_BATCH)

    def digest(self, arm: Arm) -> str:
        """Content id of the model behind an arm, without loading it."""
        if arm.name not in self._digests:
            self._digests[arm.name] = load("backends", arm.backend).digest(arm)
        return self._digests[arm.name]

    def answer(self, arm: Arm, requests: Sequence[Request]) -> list[Reply | Exception]:
        """A reply or an exception for each request, in order. A model that cannot be had is every request's exception.

        Raises StorageError when the replies cannot be kept: going on would compute what a full disk then loses; and CapError
        before it would spend more than it may.
        """
        with self._one_at_a_time, silenced():
            return self._answer(arm, requests)

    def _answer(self, arm: Arm, requests: Sequence[Request]) -> list[Reply | Exception]:
        try:
            keys = [key_of(self.digest(arm), request) for request in requests]
            answers: dict[str, Reply | Exception] = dict(self._recall(arm, keys))
            fresh = {key: request for key, request in zip(keys, requests, strict=True) if key not in answers}
            if fresh:
                answers.update(self._compute(arm, fresh))
            return [answers[key] for key in keys]
        except (StorageError, CapError):
            raise
        except TrueupError as error:
            return [error] * len(requests)

    def notes(self) -> dict[str, str]:
        """What backends say of how they answered, where they say anything: for the run's environment."""
        opened = (backend for backend in self._backends.values() if not isinstance(backend, TrueupError))
        return {name: text for backend in opened for name, text in getattr(backend, "notes", dict)().items()}

    def ask_anew(self, arm: Arm, requests: Sequence[Request]) -> list[Reply | Exception]:
        """As `answer`, past the cache."""
        try:
            with silenced():
                given = [reply for _, part in self._parts(arm, requests) for reply in part]
        except (StorageError, CapError):
            raise
        except TrueupError as error:
            return [error] * len(requests)
        self.generated[arm.name] += sum(isinstance(reply, Reply) for reply in given)
        return given

    def probed(self, arm: Arm, probe: str) -> None:
        """Its model is from now on the one that answered a probe so: only such a one's replies are recalled."""
        self._digests[arm.name] = digest([self.digest(arm), probe])

    def close(self) -> None:
        """Close what was opened."""
        for cache in self._caches.values():
            cache.close()
        for backend in self._backends.values():
            if not isinstance(backend, TrueupError):
                backend.close()

    def _recall(self, arm: Arm, keys: Sequence[str]) -> dict[str, Reply]:
        cache = self._cache(arm)
        if cache is None:
            return {}
        found = ((key, cache.get(key)) for key in dict.fromkeys(keys))
        return {key: replace(reply, cached=True, key=key) for key, reply in found if reply is not None}

    def _compute(self, arm: Arm, fresh: dict[str, Request]) -> dict[str, Reply | Exception]:
        started = time.perf_counter()
        answers: dict[str, Reply | Exception] = {}
        keys = list(fresh)
        for start, given in self._parts(arm, list(fresh.values())):
            part = dict(zip(keys[start : start + len(given)], given, strict=True))
            done = {key: replace(reply, key=key) for key, reply in part.items() if isinstance(reply, Reply)}
            cache = self._cache(arm)
            if cache is not None:
                cache.add(done)
            self.generated[arm.name] += len(done)
            answers |= {**part, **done}
        seconds = time.perf_counter() - started
        self._on_event({"event": "batch", "arm": arm.name, "requests": len(fresh), "seconds": seconds})
        return answers

    def _parts(self, arm: Arm, requests: Sequence[Request]) -> Iterator[tuple[int, Sequence[Reply | Exception]]]:
        """What is asked in one go: the place of its first request, and the answers. All at once, unless a cap on cost is near.

        Raises CapError before the part that may pass it.
        """
        price = getattr(load("backends", arm.backend), "at_most", lambda arm, request: None)
        start = 0
        while start < len(requests):
            bounds = [price(arm, request) for request in requests[start:]]
            part = requests[start : start + self._purse.covers(arm.name, bounds)]
            began = time.perf_counter()
            given = self._ask(arm, part)
            self._pay(arm, given, bounds, time.perf_counter() - began)
            yield start, given
            start += len(part)

    def _pay(
        self, arm: Arm, given: Sequence[Reply | Exception], bounds: Sequence[float | None], seconds: float
    ) -> None:
        """What the replies cost; a reply whose tokens nobody counted costs the most that it may."""
        if any(bound is None for bound in bounds):
            amount = self._purse.pay_machine(seconds, arm.name, len(given))
        else:
            costs = [reply.cost if isinstance(reply, Reply) else 0.0 for reply in given]
            amount = self._purse.pay_answers(arm.name, costs, bounds[: len(given)])
        if amount:
            self._on_event({"event": "paid", "arm": arm.name, "amount": amount})

    def _ask(self, arm: Arm, requests: Sequence[Request]) -> Sequence[Reply | Exception]:
        """The backend's answers. A batch that it breaks on is asked in halves, so one request costs no other its reply."""
        try:
            backend = self._backend(arm)
            self._on_event({"event": "asking", "arm": arm.name, "requests": len(requests)})
            given = backend.answer(arm, requests)
        except TrueupError:
            raise
        except Exception as error:  # such as memory that runs out at a single row
            if len(requests) == 1:
                return [TrueupError(f"the backend failed: {type(error).__name__}: {error}", where=arm.backend)]
            half = len(requests) // 2
            return [*self._ask(arm, requests[:half]), *self._ask(arm, requests[half:])]
        if len(given) != len(requests):
            raise TrueupError(f"backend {arm.backend!r} gave {len(given)} replies to {len(requests)} requests")
        return given

    def _cache(self, arm: Arm) -> "ReplyCache | None":
        """The cache file of the model behind an arm: arms that are one model under two prompts share it."""
        name = self.digest(arm)
        if self._cache_folder and name not in self._caches:
            from harness.store.replies import ReplyCache  # it brings the whole store, and Delta Lake, with it

            also = Path(self._recalled) / f"{name}.jsonl" if self._recalled else None
            self._caches[name] = ReplyCache(Path(self._cache_folder) / f"{name}.jsonl", also)
        return self._caches.get(name)

    def _backend(self, arm: Arm) -> Backend:
        """The one backend for all arms of its kind, so that they share what they can: base weights above all."""
        if arm.backend not in self._backends:
            arms = [other for other in self._arms if other.backend == arm.backend]
            self._on_event({"event": "opening", "arm": arm.name, "backend": arm.backend, "model": arm.model})
            try:
                self._backends[arm.backend] = load("backends", arm.backend).open(arms, batch_size=self._batch_size)
            except TrueupError as error:
                self._backends[arm.backend] = error
        backend = self._backends[arm.backend]
        if isinstance(backend, TrueupError):
            raise backend
        return backend
