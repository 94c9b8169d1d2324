"""Fold the answers of one conversation into one row that holds their shared history once, and unfold them again.

A chat of n turns that gives a row for every answer costs tokens in the square of n, since each row repeats all that came
before. An answer whose history and text are the beginning of a later row's conversation costs nothing there: it is learnt
inside that row. Where answers branch off (a correction is not what the conversation went on with) the history has to be
repeated; a budget says how often.
"""

import re
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from harness.core.codec import canonical
from harness.types import Case, Message, ReasoningPart, SharedTurn, TextPart, ToolCallPart, ToolResultPart

_TOKEN = re.compile(r"\w+|[^\w\s]")


class LearntAnswer(NamedTuple):
    """An answer to learn, with what came before it."""

    owner: Hashable
    """Answers of different owners are never in one row."""
    messages: tuple[Message, ...]
    target: Message
    rank: tuple[object, ...] = ()
    """Lower ranks go first where the budget is not enough for all."""
    session: str = ""


def size(messages: Iterable[Message]) -> int:
    """Words and punctuation marks: a tokenizer of today makes about a third more of them."""
    return sum(len(_TOKEN.findall(text)) for message in messages for text in _texts(message))


def holders(answers: Sequence[LearntAnswer]) -> list[int]:
    """For each answer the position of the row that it is learnt in; its own where no longer conversation holds it."""
    rows = list(range(len(answers)))
    holder: dict[Hashable, dict[int, int]] = defaultdict(dict)
    tree = _Tree()
    for at in sorted(rows, key=lambda at: -len(answers[at].messages)):
        answer = answers[at]
        end, path = tree.end(answer), tree.path(answer.messages)
        held = holder[answer.owner]
        host = held.get(end, at)
        if host != at and answers[host].messages[: len(answer.messages)] == answer.messages:
            rows[at] = host
        else:
            for node in path:
                held.setdefault(node, at)
    return rows


def over_budget(answers: Sequence[LearntAnswer], times: float, *, shared: bool = True) -> list[int]:
    """Positions to leave out, sorted, so that the rows of no conversation have more than `times` the tokens of what was
    said in it, each message counted once. 0: no budget. `shared`: answers that a row holds cost nothing."""
    conversations: dict[Hashable, list[int]] = defaultdict(list)
    for at, answer in enumerate(answers):
        conversations[answer.session or answer.messages[:1]].append(at)
    left_out: list[int] = []
    for members in conversations.values():
        if times > 0 and len(members) > max(1, times):
            spared = _spared([answers[at] for at in members], times, shared)
            left_out += [members[at] for at in spared]
    return sorted(left_out)


def folded(cases: Sequence[Case]) -> list[Case]:
    """The rows of `cases`, in their order: each that no other holds, with those that it holds as its `turns`."""
    taught = [at for at, case in enumerate(cases) if case.target is not None]
    found = holders([answer_of(cases[at]) for at in taught])
    host = {at: taught[row] for at, row in zip(taught, found, strict=True)}
    turns: dict[int, list[SharedTurn]] = defaultdict(list)
    for at, row in host.items():
        if at != row:
            turns[row].append(_turn(cases[at], cases[row]))
    return [
        replace(case, turns=tuple(sorted(turns[at], key=lambda turn: turn.at))) if at in turns else case
        for at, case in enumerate(cases)
        if host.get(at, at) == at
    ]


def unfolded(row: Case) -> Iterator[Case]:
    """The cases that a row was folded from, a case for each answer: the earlier turns, then its last."""
    for turn in row.turns:
        recorded = Message(role="assistant", parts=row.messages[turn.at].parts)
        target = turn.case.target or recorded
        yield replace(turn.case, messages=row.messages[: turn.at], tools=row.tools, target=target)
    yield replace(row, turns=()) if row.turns else row


def answer_of(case: Case, rank: tuple[object, ...] = ()) -> LearntAnswer:
    """The answer that a case with a target teaches. Near-duplicates of one group stay with their group."""
    owner = case.session_id, case.user_id, case.group, case.split, case.tags, canonical(case.tools)
    return LearntAnswer(owner, case.messages, case.target or Message(role="assistant"), rank, case.session_id)


def _turn(case: Case, row: Case) -> SharedTurn:
    at = len(case.messages)
    same = case.target == Message(role="assistant", parts=row.messages[at].parts)
    return SharedTurn(at=at, case=replace(case, messages=(), tools=(), target=None if same else case.target))


class _Tree:
    """All that was said in some conversations, each message after what came before it once."""

    def __init__(self) -> None:
        self._nodes: dict[tuple[int, Message], int] = {}

    def path(self, messages: Iterable[Message]) -> list[int]:
        """The node of each message."""
        found, node = [], 0
        for message in messages:
            node = self._nodes.setdefault((node, _bare(message)), len(self._nodes) + 1)
            found.append(node)
        return found

    def end(self, answer: LearntAnswer) -> int:
        return self.path((*answer.messages, answer.target))[-1]

    def size(self) -> int:
        return size(message for _, message in self._nodes)


def _spared(answers: Sequence[LearntAnswer], times: float, shared: bool) -> list[int]:
    """Positions of one conversation's answers that its budget does not pay for: lowest ranks are paid for first."""
    tree = _Tree()
    for answer in answers:
        tree.end(answer)
    budget, cost = times * tree.size(), [size((*answer.messages, answer.target)) for answer in answers]
    if sum(cost) <= budget:
        return []
    pending, spared = sorted(range(len(answers)), key=lambda at: answers[at].rank), []
    while pending:
        found = holders([answers[at] for at in pending]) if shared else range(len(pending))
        paid: dict[int, bool] = {}
        for place in [place for place, host in enumerate(found) if host == place]:
            paid[place] = cost[pending[place]] <= budget
            budget -= cost[pending[place]] if paid[place] else 0
        spared += [pending[place] for place, pays in paid.items() if not pays]
        pending = [pending[place] for place, host in enumerate(found) if host != place and not paid[host]]
    return sorted(spared)


def _bare(message: Message) -> Message:
    """What a conversation is compared by: role and parts; an answer's reasoning is not part of the history."""
    parts = tuple(part for part in message.parts if not isinstance(part, ReasoningPart))
    return Message(role=message.role, parts=parts)


def _texts(message: Message) -> Iterator[str]:
    for part in message.parts:
        if isinstance(part, TextPart):
            yield part.text
        elif isinstance(part, ToolCallPart):
            yield part.arguments
        elif isinstance(part, ToolResultPart):
            yield part.content
