"""Iterate over all calls as often as needed without holding them at once.

A pass over a million calls costs time; holding them costs gigabytes. So the first pass learns the prompts and how many
calls each session has, and a later one hands out each session as soon as its last call was read. Memory is bounded by
the sessions that are open at one moment.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from harness.core.ordered import Ordered
from harness.core.trajectories import conversation_of, uses_tools
from harness.mine.prompts import Prompts
from harness.types import Call

Session = tuple[Call, ...]


class Traffic:
    """The calls in order of time, their prompts, and their sessions. Any other iterable than `Ordered` is sorted first."""

    def __init__(self, calls: Iterable[Call]) -> None:
        in_order = calls if isinstance(calls, Ordered) else sorted(calls, key=lambda call: (call.start_ns, call.id))
        self._calls: Iterable[Call] = in_order
        self._sizes: Counter[str] = Counter()
        self.size = 0
        self.newest_ns = 0
        """Start of the newest call, Unix nanoseconds."""
        self.agents = False
        """Whether any call is a step of an agent that uses tools."""
        self.prompts = Prompts(self._counted())

    def __iter__(self) -> Iterator[Call]:
        return iter(self._calls)

    def sessions(self) -> Iterator[Session]:
        """Calls of each session in order of time, each session once, when its last call is reached.

        Without a session, the steps of an agent belong together by their trace; any other call stands alone.
        """
        begun: dict[str, list[Call]] = {}
        for call in self:
            key = conversation_of(call)
            if not key:
                yield (call,)
                continue
            members = begun.setdefault(key, [])
            members.append(call)
            if len(members) == self._sizes[key]:
                yield tuple(begun.pop(key))
        yield from map(tuple, begun.values())  # calls that were erased between two passes left these incomplete

    def _counted(self) -> Iterator[Call]:
        for call in self:
            self.size += 1
            self.newest_ns = max(self.newest_ns, call.start_ns)
            self.agents = self.agents or uses_tools(call)
            if key := conversation_of(call):
                self._sizes[key] += 1
            yield call


def day(call: Call) -> str:
    """ISO date (UTC) of the call; empty when its time is unknown."""
    return day_of(call.start_ns)


def day_of(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns / 1e9, UTC).date().isoformat() if at_ns else ""
