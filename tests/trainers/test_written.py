"""What a model writes in training is scored as serving would read it."""

import pytest
from msgspec.structs import replace

from harness.core.reply_formats import hermes
from harness.types import Recipe
from tests.trainers.test_certificate import OPENING
from trainers.rows.tokens import TokenRow
from trainers.rows.written import answer_in, reply_of
from trainers.training.validation import Exam

CALLS = OPENING.replace("<think>\n", "") + "{# <tool_call> #}"


@pytest.fixture
def tokenizer(opened):
    opened.tokenizer.chat_template = CALLS
    assert hermes.writes(CALLS)
    return opened.tokenizer


def read(tokenizer, text: str):
    end = tokenizer.eos_token_id
    return reply_of(
        tokenizer, tokenizer.encode("<|im_start|>assistant\n"), [*tokenizer.encode(text), end, 5], frozenset({end})
    )


def test_reasoning_text_and_calls_are_apart(tokenizer):
    """And how it ended: by itself, inside its reasoning, or at the bound."""
    reply = read(tokenizer, '<think>\nHm.\n</think>\n\nYes.<tool_call>{"name": "f", "arguments": {}}</tool_call>')
    assert (reply.text, reply.reasoning, reply.finish_reason) == ("Yes.", "Hm.", "tool_calls")
    assert [part.text if hasattr(part, "text") else part.name for part in answer_in(reply).parts] == ["Yes.", "f"]
    assert read(tokenizer, "<think>\nHm.").finish_reason == "incomplete"
    assert reply_of(tokenizer, [], tokenizer.encode("Yes"), frozenset()).finish_reason == "length"


@pytest.mark.parametrize(
    ("written", "wanted", "right"),
    [
        ("<think>\nOne way.\n</think>\n\nFour.", "<think>\nAnother.\n</think>\n\nfour", 1.0),
        ("Four.", "<think>\nAnother.\n</think>\n\nFour.", 1.0),
        ("<think>\nFour.", "Four.", 0.0),
        ('<tool_call>{"arguments": {"b": 2, "a": 1}, "name": "f"}</tool_call>', '<tool_call>\n{"name": "f", "arguments": {"a": 1, "b": 2}}\n</tool_call>', 1.0),
        ('<tool_call>{"name": "f", "arguments": {"a": 1}}</tool_call>', '<tool_call>{"name": "f", "arguments": {"a": 2}}</tool_call>', 0.0),
    ],
)  # fmt: skip
def test_a_checkpoint_is_chosen_by_the_answer_alone(tokenizer, written, wanted, right):
    """Neither other thoughts nor another spacing of a call make a right answer wrong."""
    exam = Exam([TokenRow("a", [1, 2], [False, True])], [], tokenizer, frozenset(), Recipe())
    assert exam._right(read(tokenizer, written), read(tokenizer, wanted)) == right


def test_a_scorer_of_calls_chooses_by_the_calls(tokenizer):
    """The option `scorer` gets the reply, and what was expected as a mined case has it."""
    recipe = replace(Recipe(), options={"scorer": "calls"})
    exam = Exam([TokenRow("a", [1, 2], [False, True])], [], tokenizer, frozenset(), recipe)
    made, other = (
        read(tokenizer, f'<tool_call>{{"name": "f", "arguments": {{"a": {n}}}}}</tool_call>') for n in (1, 2)
    )
    assert exam._right(made, made) == 1.0 and exam._right(made, other) == 0.0
