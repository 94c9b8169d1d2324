"""A form that a program reads: JSON Schema, asked of the model where its backend can hold it to one."""

from typing import TypedDict

from trueup import cases, guard, score, suite

ORDER = {
    "type": "object",
    "properties": {"item": {"type": "string"}, "count": {"type": "integer", "minimum": 1}},
    "required": ["item", "count"],
    "additionalProperties": False,
}


class Row(TypedDict):
    """What every row of the file has to be; a row that is not names file and line."""

    id: str
    text: str
    expected: dict


@suite(role=guard(margin=0.02))
@cases("orders.jsonl", schema=Row)
def eval_orders(case, model):
    reply = model.chat(case.messages, max_tokens=48)  # with an endpoint: model.chat(..., schema=ORDER)
    return score.json_schema(reply, ORDER), score.json_fields(reply, case.expected)
