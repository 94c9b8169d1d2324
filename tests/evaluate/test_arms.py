"""Which arm answers as production does."""

import pytest

from harness.core.replies import json_object
from harness.errors import UsageError
from harness.evaluate import arms
from harness.evaluate.backends import constant
from harness.sections import ArmSection, Config, PromptSection
from harness.types import Case, Message, Request, TextPart, ToolCallPart

PROMPTS = {"short": PromptSection(system="Be short."), "recorded": PromptSection(traces=True)}


def production(**sections):
    return arms.production(Config(prompts=PROMPTS, arms=sections))


def test_production_is_the_arm_that_says_so_else_the_one_with_its_prompt():
    """An adapter under production's prompt is no production; without either, nothing is said."""
    base, tuned = ArmSection(prompt="short"), ArmSection(prompt="recorded", adapter="tuned")
    assert production(base=base, prompted=ArmSection(prompt="recorded"), tuned=tuned) == "prompted"
    assert production(base=base, remote=ArmSection(prompt="short", production=True), tuned=tuned) == "remote"
    assert production(base=base, tuned=tuned) == ""
    assert arms.production(Config(prompts=PROMPTS)) == "prompted"


def test_two_productions_are_refused():
    """Before anything is asked."""
    twice = {name: ArmSection(prompt="short", production=True) for name in ("a", "b")}
    with pytest.raises(UsageError, match="several arms are production: a, b"):
        arms.check_options(Config(prompts=PROMPTS, arms=twice))


def answered(number: int, *parts: TextPart | ToolCallPart) -> Case:
    return Case(id=f"c{number}", target=Message(role="assistant", parts=parts))


def test_the_constant_arm_makes_the_commonest_call():
    """Calls that mean the same count as one, whatever their ids and the order of their arguments."""
    train = [
        answered(n, ToolCallPart(id=f"i{n}", name="f", arguments=text))
        for n, text in enumerate(['{"a": 1, "b": 2}', '{"b":2,"a":1}'])
    ]
    arm = arms.fixed([*train, answered(3, TextPart(text="No.")), answered(4, TextPart(text="Yes."))])
    (reply,) = constant.open([arm]).answer(arm, [Request(max_tokens=5)])
    assert [(call.name, json_object(call.arguments)) for call in reply.tool_calls] == [("f", {"a": 1, "b": 2})]
    assert (reply.text, reply.finish_reason) == ("", "tool_calls")
    words = arms.fixed([answered(n, TextPart(text="No.")) for n in range(2)])
    assert words.options == {"reply": "No."}


def test_the_fixed_answer_is_the_commonest_target_or_none_at_all():
    """A tie goes to the first by text; cases without a target count for nothing."""
    targets = [Message(role="assistant", parts=(TextPart(text=text),)) for text in ("b", "a")]
    cases = [Case(id=str(n), target=target) for n, target in enumerate((*targets, None, None))]
    assert arms.fixed(cases).options == {"reply": "a"}
    empty = arms.fixed(cases[2:])
    assert (empty.name, empty.options) == ("empty", {"reply": ""})
