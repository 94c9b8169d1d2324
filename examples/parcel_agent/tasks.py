"""Write customers' tasks for the parcel agent, with the right steps of each, and the steps of an agent with three faults.

The wording is that of the parcel desk (`examples.parcel_desk.grammar`). What is right is known because the task is made up:

- *where*: look the order up, then tell its day.
- *refund*: look it up; pay it back if it is late or damaged, else say that it cannot be.
- *move*: look it up, then reschedule it to the day that the customer asks for.
"""

import json
import random
import string
from dataclasses import dataclass
from typing import Any

from examples.parcel_agent.evals.conftest import DAYS, REFUNDABLE, Desk
from examples.parcel_desk.grammar import CLOSINGS, OPENINGS, ORDER, REFUND, WENT_WRONG

MOVE = (
    "please bring it on {d} instead", "can you deliver on {d}", "I am only home on {d}", "change the delivery to {d}",
    "{d} would suit me better", "could the courier come on {d}", "I need it on {d}", "move it to {d} please",
)  # fmt: skip
STATUSES = ("late", "damaged", "on its way", "packed")
FAULTS = {"where": "asks again", "refund": "does not look", "move": "takes the old day"}
"""What the scripted agent does wrong, by kind of task."""

Step = dict[str, Any]
"""An assistant's message in chat form."""


@dataclass(frozen=True)
class Task:
    kind: str
    text: str
    number: str
    orders: dict[str, dict[str, Any]]
    day: str = ""
    """Asked for by a *move*."""

    @property
    def order(self) -> dict[str, Any]:
        return self.orders[self.number]

    @property
    def payable(self) -> bool:
        return self.order["status"] in REFUNDABLE

    def right(self) -> list[Step]:
        """The steps of an agent that does it right."""
        look = called("find_order", order=self.number)
        if self.kind == "where":
            return [look, words(f"Your order is {self.order['status']} and comes on {self.order['day']}.")]
        if self.kind == "move":
            told = words(f"Your order now comes on {self.day}.")
            return [look, called("reschedule", order=self.number, day=self.day), told]
        if self.payable:
            return [look, called("refund", order=self.number), words("Your order is refunded.")]
        return [look, words(f"Your order is {self.order['status']}, so it cannot be refunded.")]

    def wrong(self) -> list[Step]:
        """The steps of the scripted agent when its fault shows."""
        look = called("find_order", order=self.number)
        if self.kind == "where":
            return [words("What is your order number?")]
        if self.kind == "move":
            old = self.order["day"]
            return [look, called("reschedule", order=self.number, day=old), words(f"Your order now comes on {old}.")]
        return [called("refund", order=self.number), words("Your order is refunded.")]

    def expected(self) -> dict[str, Any]:
        """The orders afterwards, and what the answer must say."""
        desk = Desk(self.orders)
        for step in self.right():
            carry_out(desk, step)
        says = {"where": self.order["day"], "move": self.day, "refund": "refunded"}[self.kind]
        return {"orders": desk.orders, "says": says}


def called(name: str, **args: str) -> Step:
    function = {"name": name, "arguments": json.dumps(args)}
    return {"role": "assistant", "content": "", "tool_calls": [{"id": "", "type": "function", "function": function}]}


def words(text: str) -> Step:
    return {"role": "assistant", "content": text}


def carry_out(desk: Desk, step: Step) -> list[dict[str, Any]]:
    """What the tools say to a step."""
    functions = [call["function"] for call in step.get("tool_calls", ())]
    return [desk.call(function["name"], json.loads(function["arguments"])) for function in functions]


def task(rng: random.Random) -> Task:
    kind = rng.choice(tuple(FAULTS))
    number = f"{''.join(rng.choices('ABDFKLMPRTX', k=2))}-{''.join(rng.choices(string.digits, k=4))}"
    old, new = rng.sample(DAYS, 2)
    orders = {number: {"status": rng.choice(STATUSES), "day": old, "refunded": False}}
    about = {"where": "tracking", "refund": rng.choice(("late", "damaged")), "move": "address"}[kind]
    if kind == "where":
        parts = [rng.choice(WENT_WRONG[about])]
    elif kind == "refund":
        parts = [rng.choice(WENT_WRONG[about]), rng.choice(REFUND)]
    else:
        parts = [rng.choice(MOVE).format(d=new)]
    parts.insert(rng.randint(0, len(parts)), rng.choice(ORDER).format(n=number))
    text = " ".join(
        filter(None, (rng.choice(OPENINGS), rng.choice((". ", ", ", " - ")).join(parts), rng.choice(CLOSINGS)))
    )
    return Task(kind, text, number, orders, new if kind == "move" else "")


def tasks(seed: int, count: int) -> list[Task]:
    """`count` tasks with distinct texts; the same for the same seed."""
    rng = random.Random(seed)
    return [task(rng) for _ in range(count)]
