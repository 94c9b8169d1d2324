"""Answer batches of requests with local models of transformers."""

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import torch

from harness.core import codec
from harness.errors import TrueupError
from harness.evaluate.inference.attention import Prefix
from harness.evaluate.inference.loglikelihood import Tree
from harness.evaluate.inference.requests import Writing, matcher_of, prompt_of, scored, tree_of
from harness.evaluate.inference.ways import Shared, Way
from harness.evaluate.inference.weights import Opened, Place, Resident, place_of
from harness.types import Arm, Reply, Request

WIDTH = {"cpu": 128, "cuda": 256}
KEPT_BYTES = 1.5 * 2**30
"""Most rows in one batch, and the memory that their keys and values may take on a CPU."""


T = TypeVar("T")


class HuggingFace:
    """Arms of one process: each model folder is in memory once, whatever adapters and prompts the arms add."""

    def __init__(self, digest: Callable[[Arm], str], preferred_batch: int, batch_size: int = 0) -> None:
        self._digest, self.preferred_batch, self._batch_size = digest, preferred_batch, batch_size
        self._residents: dict[Opened, Resident] = {}
        self._places: dict[bytes, Place] = {}
        self._digests: dict[bytes, str] = {}

    def digest(self, arm: Arm) -> str:
        """As `hf.digest`, remembered."""
        key = codec.encode(arm)
        if key not in self._digests:
            self._digests[key] = self._digest(arm)
        return self._digests[key]

    def answer(self, arm: Arm, requests: Sequence[Request]) -> list[Reply | Exception]:
        """A reply for each request, in their order; an exception in place of a reply that cannot be given.

        Raises InputError when the model cannot be loaded and InvalidError when the adapter does not belong to it.
        """
        model = self._resident(arm)
        answers: dict[int, Reply | Exception] = {}
        written: dict[int, Writing] = {}
        scored: dict[int, Tree] = {}
        for place, request in enumerate(requests):
            try:
                if request.kind == "loglikelihood":
                    scored[place] = tree_of(model, request)
                else:
                    written[place] = prompt_of(model, request, matcher_of(model, request))
            except TrueupError as error:
                answers[place] = error
        answers |= self._write(model, written) | self._score(model, scored, requests)
        return [answers[place] for place in range(len(requests))]

    def close(self) -> None:
        """Free the weights."""
        self._residents.clear()

    def notes(self) -> dict[str, str]:
        """How each model was run, by its folder: for the run's record."""
        return {f"way of {Path(opened.folder).name}": model.notes for opened, model in self._residents.items()}

    def _resident(self, arm: Arm) -> Resident:
        key = codec.encode(arm)
        if key not in self._places:
            self._places[key] = place_of(arm)
        opened, adapter = self._places[key]
        if opened not in self._residents:
            self._residents[opened] = Resident(*opened)
        self._residents[opened].use(adapter)
        return self._residents[opened]

    def _write(self, model: Resident, prompts: dict[int, Writing]) -> dict[int, Reply | Exception]:
        answers: dict[int, Reply | Exception] = {}
        needs = {place: len(prompt.tokens) + prompt.max_new for place, prompt in prompts.items()}
        for way, places, prefix in _parts(model, needs, {place: prompt.tokens for place, prompt in prompts.items()}):
            kept = way.kept if isinstance(way, Shared) else None
            rows = [prompts[place].row(prefix, kept) for place in places]
            width = self._width(model, max(len(row.tokens) + min(row.max_new, 64) for row in rows))
            written = _fitting(width, partial(way.generate, prefix, rows, ends=model.ends))
            for place, each in zip(places, written, strict=True):
                answers[place] = prompts[place].reply(each, model.ends)
        return answers

    def _score(
        self, model: Resident, trees: dict[int, Tree], requests: Sequence[Request]
    ) -> dict[int, Reply | Exception]:
        answers: dict[int, Reply | Exception] = {}
        needs = {place: len(tree.context) + max(map(len, tree.options)) for place, tree in trees.items()}
        for way, places, prefix in _parts(model, needs, {place: tree.context for place, tree in trees.items()}):
            started = time.perf_counter()
            rows = [trees[place].after(prefix.tokens) for place in places]
            width = self._batch_size or WIDTH[model.model.device.type]
            sums = _fitting(width, partial(way.loglikelihoods, prefix, rows))
            seconds = (time.perf_counter() - started) / len(places)
            for place, known in zip(places, sums, strict=True):
                answers[place] = scored(requests[place], trees[place], known, seconds)
        return answers

    def _width(self, model: Resident, tokens: int) -> int:
        """Rows a batch: as many as keep their keys and values within the memory set aside for them."""
        if self._batch_size:
            return self._batch_size
        device = model.model.device
        kept = KEPT_BYTES if device.type == "cpu" else 0.4 * torch.cuda.get_device_properties(device).total_memory
        return int(max(1, min(WIDTH[device.type], kept // (tokens * model.token_bytes))))


def _parts(
    model: Resident, needs: dict[int, int], tokens: dict[int, tuple[int, ...]]
) -> Iterator[tuple[Way, list[int], Prefix]]:
    """What runs together: the way it goes, the places of its requests, and the prefix that they share."""
    for way, places in model.routed(needs):
        for part in way.parts([tokens[place] for place in places], model.start_prefix):
            yield way, [places[row] for row in part.rows], part.prefix


def _fitting(width: int, job: Callable[..., T]) -> T:
    """The job at this width, or at half of it and so on, until it fits into memory."""
    while True:
        try:
            return job(width=width)
        except RuntimeError as error:  # torch.OutOfMemoryError is one; a CPU raises the bare class
            if width == 1 or not _out_of_memory(error):
                raise
        width = (width + 1) // 2
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def _out_of_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)
