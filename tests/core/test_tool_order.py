"""The same tools are the same tokens, whatever the order of keys they come in."""

from harness.core.codec import decode, encode
from harness.core.rendering import prompt_ids
from harness.core.tool_order import in_order
from harness.types import Json, Message, Prompt, TextPart
from tests.tiny import tiny_tokenizer

TOOL = {
    "type": "function",
    "function": {
        "name": "refund",
        "description": "Pay back.",
        "parameters": {
            "type": "object",
            "properties": {"order": {"type": "string", "enum": ["a", {"b": 1, "a": 2}]}, "day": {"type": "string"}},
            "required": ["order", "day"],
        },
    },
}


def test_tools_that_were_stored_are_the_same_tokens():
    """An eval file's tools and those of a training row, which went through storage."""
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = "{{ tools | tojson }}" + tokenizer.chat_template
    stored = decode(encode([TOOL]), list[Json])
    assert list(stored[0]) != list(TOOL)
    talk = (Message(role="user", parts=(TextPart(text="a"),)),)
    fresh, kept = (prompt_ids(tokenizer, Prompt(name="none"), talk, tuple(tools)) for tools in ([TOOL], stored))
    assert fresh == kept and '"function": {"name"' in tokenizer.decode(fresh)


def test_only_the_order_changes():
    """Values, lists and unknown keys stay; the usual keys come in the API's order."""
    assert in_order([TOOL]) == [TOOL] and in_order([]) == [] and in_order(["x", None]) == ["x", None]
    assert list(in_order([{"zeta": 1, "parameters": {}, "alpha": 2, "name": "n", "type": "t"}])[0]) == [
        "type",
        "name",
        "parameters",
        "alpha",
        "zeta",
    ]
