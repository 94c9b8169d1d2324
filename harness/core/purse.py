"""Count what a command spends, and stop it before it passes `[cost] most`.

A request is asked when the most that it may cost still fits. A bound that an answer passed, as endpoints may where nobody sets
`max_tokens`, is raised by as much; so under a cap an arm is asked one request, then two, then four. What has no price of its
own costs the time of the machine: by the pace so far, so only the first batch of an arm, whose pace nobody knows, can pass the
cap.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import accumulate

from msgspec.structs import replace

from harness.errors import CapError
from harness.types import CostSettings

EPSILON = 1e-9
"""Of rounding: sums of prices are no exact numbers."""


class Purse:
    """What is spent so far. `settings.most` 0: nothing is refused."""

    def __init__(self, settings: CostSettings | None = None) -> None:
        self.settings, self.spent = settings or CostSettings(), 0.0
        self._paces: dict[str, float] = {}
        """Name of an arm to the seconds that one of its requests took last."""
        self._over: dict[str, float] = {}
        """Name of an arm to the most that an answer of it cost, over what it was bound to; at least 1."""
        self._paid: Counter[str] = Counter()
        """Name of an arm to its answers that were paid."""

    def rest(self) -> CostSettings:
        """The settings for a child process, with what is left as the cap. Raises CapError where nothing is left."""
        if not self.settings.most:
            return self.settings
        self._check(0.0, strictly=True)
        return replace(self.settings, most=self.settings.most - self.spent)

    def covers(self, arm: str, bounds: Sequence[float | None]) -> int:
        """How many of an arm's requests, from the first on, may be asked now; at least 1.

        `bounds`: the most that each may cost; None for one without a price, whose batch is asked whole. Raises CapError
        when the first does not fit.
        """
        if not self.settings.most:
            return len(bounds)
        if any(bound is None for bound in bounds):
            self._check(self.settings.of_machine(self._paces.get(arm, 0.0) * len(bounds)))
            return len(bounds)
        raised = [(bound or 0.0) * self._over.get(arm, 1.0) for bound in bounds[: max(1, self._paid[arm])]]
        self._check(raised[0])
        return sum(self.spent + total <= self.settings.most + EPSILON for total in accumulate(raised))

    def pay(self, amount: float) -> None:
        self.spent += amount

    def pay_answers(self, arm: str, costs: Sequence[float | None], bounds: Sequence[float | None]) -> float:
        """Pay for answers of an arm with prices; what they cost together. One of unknown cost is taken to cost its bound."""
        over, total = self._over.get(arm, 1.0), 0.0
        for cost, bound in zip(costs, bounds, strict=True):
            total += (bound or 0.0) * over if cost is None else cost
            if cost and bound:
                self._over[arm] = max(self._over.get(arm, 1.0), cost / bound)
        self._paid[arm] += len(costs)
        self.pay(total)
        return total

    def pay_machine(self, seconds: float, arm: str = "", requests: int = 1) -> float:
        """Pay for the machine's time, and remember the arm's pace; what that is in money."""
        if arm and requests:
            self._paces[arm] = seconds / requests
        amount = self.settings.of_machine(seconds)
        self.pay(amount)
        return amount

    def meter(self) -> Callable[[], None]:
        """Called after each step of a training: pays for its time. Raises CapError where one more step does not fit."""
        last = time.perf_counter()

        def step() -> None:
            nonlocal last
            now = time.perf_counter()
            took, last = now - last, now
            amount = self.pay_machine(took)
            if self.settings.most:
                self._check(amount)

        return step

    def _check(self, next_amount: float, strictly: bool = False) -> None:
        most, total = self.settings.most, self.spent + next_amount
        if total > most + EPSILON or (strictly and total >= most):
            words = self.settings.words
            raise CapError(
                f"stopped before the cap of {words(most)} would be passed: {words(self.spent)} is spent, and what comes next "
                f"may cost {words(next_amount)}",
                where="[cost] most",
                next="raise it, then run the same command again: it continues with what was answered and trained",
            )
