"""Sum the tokens, seconds and cost of replies. A judge's are counted apart from those of the arm that it judges."""

from collections.abc import Iterable
from typing import TypeVar

from harness.types import Reply, Run, Spent
from harness.types.evaluation import ANSWERED

N = TypeVar("N", int, float)


def of_reply(name: str, reply: Reply) -> Spent:
    """What one reply took. An application's answer is no call: those that it made have replies of their own."""
    usage, cached = reply.usage, int(reply.cached)
    return Spent(
        name, int(reply.finish_reason != ANSWERED), cached, usage.input, usage.output, reply.seconds, reply.cost
    )


def total(name: str, parts: Iterable[Spent]) -> Spent:
    """The sum of the parts; what is unknown in all of them stays unknown."""
    found = Spent(name)
    for part in parts:
        found = Spent(
            name,
            found.calls + part.calls,
            found.cached + part.cached,
            _plus(found.input, part.input),
            _plus(found.output, part.output),
            found.seconds + part.seconds,
            _plus(found.cost, part.cost),
        )
    return found


def together(parts: Iterable[Spent]) -> tuple[Spent, ...]:
    """One sum a name, in the order of first appearance."""
    named: dict[str, list[Spent]] = {}
    for part in parts:
        named.setdefault(part.name, []).append(part)
    return tuple(total(name, members) for name, members in named.items())


def of_runs(runs: Iterable[Run]) -> list[Spent]:
    """One line an arm, then one a judge over all arms."""
    every = list(runs)
    arms = [
        total(run.arm.name, (of_reply("", reply) for result in run.results for reply in result.replies))
        for run in every
    ]
    return [*arms, *together(part for run in every for part in run.judged)]


def _plus(one: N | None, other: N | None) -> N | None:
    return other if one is None else one if other is None else one + other
