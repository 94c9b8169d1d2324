"""Bound what mirrored requests take in a day, in tokens and in money.

The most that a request may take is written down before it is asked, and what it took after it, so a server that is killed has
counted too much and never too little. Once a request does not fit, the day (UTC) is closed: nothing more is asked until the next.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import NamedTuple

from msgspec.structs import replace

from harness.project import Project
from harness.types import ShadowDay

SHOWN = 2
"""Days that `trueup canary status` speaks of: it is asked in the night, shortly after a day's end."""


class BudgetSpentError(Exception):
    """The day's budget of the shadow is spent."""


class Took(NamedTuple):
    tokens: int
    cost: float


class ShadowBudget:
    """The budget of one project, for the threads of one server."""

    def __init__(self, project: Project) -> None:
        self._days, self._section, self._costs = project.store.shadow_days, project.config.canary, project.config.cost
        self._changing = threading.Lock()

    @contextmanager
    def asking(self, bound: Took) -> Iterator[list[Took]]:
        """Around a mirrored request. What it took is put in the list; without that it is taken to have been the bound.

        Raises BudgetSpentError where the bound does not fit.
        """
        day = _today()
        self._reserve(day, bound)
        took: list[Took] = []
        try:
            yield took
        finally:
            for each in took:
                self._add(day, Took(each.tokens - bound.tokens, each.cost - bound.cost))

    def _reserve(self, day: str, bound: Took) -> None:
        with self._changing:
            spent = self._days.of(day)
            closed = spent.closed or self._passed(spent, bound)
            if closed:
                self._days.put(replace(spent, closed=closed, refused=spent.refused + 1))
                raise BudgetSpentError(f"the shadow's {closed} of {day} are spent; nothing more is asked on this day")
            self._days.put(_plus(replace(spent, asked=spent.asked + 1), bound))

    def _add(self, day: str, more: Took) -> None:
        with self._changing:
            self._days.put(_plus(self._days.of(day), more))

    def _passed(self, spent: ShadowDay, bound: Took) -> str:
        """Which budget the request would pass, in words; empty where it fits."""
        tokens, cost = self._section.shadow_tokens, self._section.shadow_cost
        if tokens and spent.tokens + bound.tokens > tokens:
            return f"{tokens:,} tokens"
        if cost and (spent.cost + bound.cost > cost or spent.cost >= cost):
            return self._costs.words(cost)
        return ""


def words(project: Project, since_ns: int) -> Iterator[str]:
    """What the shadow took on its last days, for people; nothing of the days before `since_ns`."""
    section, costs = project.config.canary, project.config.cost
    first = _day_of(since_ns / 1e9)
    for day in [known for known in project.store.shadow_days.all() if known.day >= first][-SHOWN:]:
        tokens = f" of {section.shadow_tokens:,}" if section.shadow_tokens else ""
        cost = f" of {costs.words(section.shadow_cost)}" if section.shadow_cost else ""
        said = (
            f"shadow on {day.day}: {day.asked:,} requests, {day.tokens:,}{tokens} tokens, {costs.words(day.cost)}{cost}"
        )
        if day.closed:
            said += f"; then its budget ({day.closed}) was spent, and {day.refused:,} mirrored requests were not asked"
        yield said


def _plus(spent: ShadowDay, more: Took) -> ShadowDay:
    return replace(spent, tokens=spent.tokens + more.tokens, cost=spent.cost + more.cost)


def _today() -> str:
    return _day_of(time.time())


def _day_of(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"
