"""Keep the orders of a parcel desk, and let an agent look them up, refund and reschedule them."""

from typing import Any

import pytest

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
REFUNDABLE = ("late", "damaged")


def _tool(name: str, about: str, **parameters: str) -> dict[str, Any]:
    properties = {key: {"type": kind} for key, kind in parameters.items()}
    schema = {"type": "object", "properties": properties, "required": list(parameters)}
    return {"type": "function", "function": {"name": name, "description": about, "parameters": schema}}


TOOLS = [
    _tool("find_order", "Status and day of an order.", order="string"),
    _tool("refund", "Pay a late or damaged order back.", order="string"),
    _tool("reschedule", "Deliver an order on another day.", order="string", day="string"),
]


class Desk:
    """The orders of one case: number to status, day of delivery, and whether it was paid back."""

    def __init__(self, orders: dict[str, dict[str, Any]]) -> None:
        self.orders = {number: dict(order) for number, order in orders.items()}

    def call(self, name: str, args: dict[str, Any]) -> dict[str, Any]:
        """Carry out a call; what cannot be is answered with an error, and changes nothing."""
        order = self.orders.get(str(args.get("order")))
        if order is None:
            return {"error": "no such order"}
        if name == "find_order":
            return {"status": order["status"], "day": order["day"]}
        if name == "refund":
            order["refunded"] = True
            return {"refunded": True}
        if args.get("day") not in DAYS:
            return {"error": "no such day"}
        order["day"] = args["day"]
        return {"day": order["day"]}


@pytest.fixture
def tools():
    """What the agent is offered."""
    return TOOLS


@pytest.fixture
def desk(case):
    """The desk of one case: made anew for each, so that no case sees what another did."""
    return Desk(case["orders"])
