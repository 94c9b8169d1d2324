"""Group rows that must be on one side of the split: alike in text, alike in template, of one session, or steps of one
agent's run, with those of agents inside its tools: runs are held out whole, never by single steps.

Texts are all of a conversation's user turns, so that two long conversations that both end in "yes" are not one. Users do
not join by default: one heavy user would chain everything they ever said into one group.
"""

from collections.abc import Iterable, Sequence

from harness.core.codec import digest
from harness.core.near_duplicates import near_pairs, template
from harness.core.trajectories import uses_tools
from harness.curate.rows import CallRow

TEMPLATE_CHARS = 12
"""Shorter texts, such as "4" and "13", share a mask and nothing else."""


class Groups:
    """Union-find over positions 0 .. size - 1."""

    def __init__(self, size: int) -> None:
        self._parent = list(range(size))

    def find(self, item: int) -> int:
        while self._parent[item] != item:
            self._parent[item] = self._parent[self._parent[item]]
            item = self._parent[item]
        return item

    def join(self, left: int, right: int) -> None:
        """The smaller position stays the root, so that the result does not depend on the order of joins."""
        first, second = sorted((self.find(left), self.find(right)))
        self._parent[second] = first

    def join_equal(self, keys: Iterable[str]) -> None:
        """Join positions with the same key; an empty key joins nothing."""
        first: dict[str, int] = {}
        for position, key in enumerate(keys):
            if key:
                self.join(first.setdefault(key, position), position)


def form(rows: Sequence[CallRow], *, threshold: float, by_user: bool = False) -> list[list[int]]:
    """Positions of `rows` in groups, each sorted, ordered by their first member."""
    groups = Groups(len(rows))
    for left, right, _ in near_pairs([row.text for row in rows], threshold):
        groups.join(left, right)
    groups.join_equal(template(row.text) if len(row.text) >= TEMPLATE_CHARS else "" for row in rows)
    groups.join_equal(row.conversation_id for row in rows)
    groups.join_equal(row.call.trace_id if uses_tools(row.call) else "" for row in rows)
    if by_user:
        groups.join_equal(row.call.user_id for row in rows)
    members: dict[int, list[int]] = {}
    for position in range(len(rows)):
        members.setdefault(groups.find(position), []).append(position)
    return list(members.values())


def names(rows: Sequence[CallRow], groups: Sequence[Sequence[int]]) -> list[str]:
    """The group id of each row, made of the text of the group's oldest row."""
    found = [""] * len(rows)
    for members in groups:
        oldest = min((rows[at] for at in members), key=lambda row: (row.call.start_ns, row.call.id))
        for at in members:
            found[at] = digest(["group", oldest.text])[:16]
    return found
