"""Iterate over something that is read anew at each pass."""

from collections.abc import Callable, Iterator

from harness.types import Call


class Ordered:
    """Calls by start time and id, read anew at each pass, such as those of the store."""

    def __init__(self, read: Callable[[], Iterator[Call]]) -> None:
        self._read = read

    def __iter__(self) -> Iterator[Call]:
        return self._read()
