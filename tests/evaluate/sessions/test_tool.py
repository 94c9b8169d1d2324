"""Python functions as tools: their schema, and what comes of arguments that do not fit."""

from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Literal, TypedDict

import jsonschema
import pytest

from harness.errors import UsageError
from harness.evaluate.sessions import tools
from harness.evaluate.sessions.tool import ToolRefused, of_function


class Speed(Enum):
    SLOW = "slow"
    FAST = "fast"


@dataclass
class Address:
    street: str
    number: int = 1


class Window(TypedDict):
    start: str
    end: str


def schema_of(function):
    return of_function(function).definition["function"]["parameters"]


def google(order: str, amount: float = 0.0, how: Literal["card", "cash"] = "card") -> dict[str, Any]:
    """Give money back.

    More about it.

    Args:
        order (str): Number of the order,
            as on the label.
        amount: What to give back, in euros.

    Returns:
        dict: What was done.
    """
    return {"order": order, "amount": amount, "how": how}


def numpy_style(order: str, days: int = 1):
    """Reschedule.

    Parameters
    ----------
    order : str
        Number of the order.
    days : int, optional
        Days to wait.
    """
    return order, days


def rest_style(order: str, days: int = 1):
    """Reschedule.

    :param order: Number of the order.
    :param int days: Days to wait.
    """
    return order, days


def test_the_definition_says_what_signature_and_docstring_say():
    """Name, first paragraph, types, what may be left out, choices, and each parameter's description."""
    tool = of_function(google)
    assert tool.definition["function"]["name"] == "google"
    assert tool.definition["function"]["description"] == "Give money back."
    schema = schema_of(google)
    assert schema["required"] == ["order"] and set(schema["properties"]) == {"order", "amount", "how"}
    assert schema["properties"]["order"]["description"] == "Number of the order, as on the label."
    assert schema["properties"]["amount"]["type"] == "number"
    assert schema["properties"]["how"]["enum"] == ["card", "cash"]
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize("function", [numpy_style, rest_style])
def test_other_styles_of_docstring_are_read(function):
    """NumPy's and Sphinx's parameter lists give the descriptions too."""
    found = schema_of(function)["properties"]
    assert found["order"]["description"] == "Number of the order." and found["days"]["description"] == "Days to wait."


def test_a_rich_signature_is_a_valid_schema_and_converts_arguments():
    """Enums, dataclasses, typed dicts, lists, optional and annotated parameters: described, and given as their types."""
    seen = {}

    def ship(
        to: Address,
        speed: Speed,
        window: Window | None = None,
        notes: tuple[str, ...] = (),
        count: Annotated[int, "How many parcels"] = 1,
        **more: Any,
    ):
        """Ship parcels."""
        seen.update(to=to, speed=speed, window=window, notes=notes, count=count, more=more)

    tool = of_function(ship)
    schema = tool.definition["function"]["parameters"]
    jsonschema.Draft202012Validator.check_schema(schema)
    good = {"to": {"street": "High"}, "speed": "fast", "window": {"start": "9", "end": "10"}, "extra": 1}
    jsonschema.validate(good, schema)
    assert schema["properties"]["count"]["description"] == "How many parcels"
    tool.call(good)
    assert seen == {
        "to": Address("High", 1),
        "speed": Speed.FAST,
        "window": {"start": "9", "end": "10"},
        "notes": (),
        "count": 1,
        "more": {"extra": 1},
    }


@pytest.mark.parametrize("bad", [{}, {"order": 7}, {"order": "7", "why": "x"}, {"order": "7", "how": "gold"}])
def test_arguments_that_do_not_fit_are_refused_with_the_reason(bad):
    """Missing, mistyped, unknown arguments and wrong choices never reach the function; the model is told."""
    with pytest.raises(ToolRefused, match="wrong arguments"):
        of_function(google).call(bad)


def test_a_default_of_the_function_is_used_when_the_model_leaves_it_out():
    """What the model did not say is not made up by the schema."""
    assert of_function(google).call({"order": "7", "amount": 2}) == {"order": "7", "amount": 2.0, "how": "card"}


async def waits(order: str): ...


def by_position(order: str, /): ...


def spread(*orders: str): ...


def odd(order: "Unknown"): ...  # noqa: F821


def untold(order: complex): ...


@pytest.mark.parametrize("function", [waits, by_position, spread, odd, untold, lambda order: order])
def test_what_no_model_can_call_is_refused_when_the_session_opens(function):
    """Coroutines, arguments by position, hints that cannot be read or described, functions without a name."""
    with pytest.raises(UsageError):
        of_function(function)


class Desk:
    def __init__(self):
        self.orders = {}

    def find(self, order: str):
        """Find an order."""
        return self.orders[order]

    def _secret(self): ...

    def refund(self, order: str): ...


def test_the_public_methods_of_an_object_are_tools_with_its_state():
    """In the order of the class, without private ones; `only` and `but` choose; a misspelt name is refused."""
    desk = Desk()
    found = tools.methods(desk)
    assert [tool.name for tool in found] == ["find", "refund"]
    desk.orders["7"] = "sent"
    assert found[0].call({"order": "7"}) == "sent"
    assert [tool.name for tool in tools.methods(desk, but=["find"])] == ["refund"]
    with pytest.raises(UsageError, match="no method"):
        tools.methods(desk, only=["fnd"])
