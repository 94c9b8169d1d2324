import pytest

from harness.core import codec
from harness.errors import InputError
from harness.evaluate.backends import recorded
from harness.types import Arm, Call, Message, Request, TextPart, Usage


def said(role: str, text: str) -> Message:
    return Message(role=role, parts=(TextPart(text=text),))


@pytest.fixture
def arm(tmp_path):
    """Three calls of production: the same question twice, and a conversation of two turns."""
    system, hello = said("system", "Be brief."), said("user", "hello")
    calls = [
        Call(id="late", start_ns=9, input=(system, hello), output=(said("assistant", "late"),)),
        Call(id="early", start_ns=1, end_ns=1_000_000_001, input=(system, hello), output=(said("assistant", "early"),),
             usage=Usage(input=5, output=1)),
        Call(id="two", start_ns=5, input=(system, hello, said("assistant", "early"), said("user", "and now?")),
             output=(said("assistant", "bye"),)),
    ]  # fmt: skip
    codec.write_lines(tmp_path / "calls.jsonl", calls)
    return Arm(name="production", backend="recorded", options={"replies": str(tmp_path / "calls.jsonl")})


def test_the_earliest_call_with_this_input_answers(arm):
    """With the application's prompt or without it, the recorded reply comes back with its usage and time."""
    asked = [
        Request(messages=(said("system", "Be brief."), said("user", "hello"))),
        Request(messages=(said("user", "hello"),)),
    ]
    replies = recorded.open([arm]).answer(arm, asked)
    assert [reply.text for reply in replies] == ["early", "early"]
    assert replies[0].usage.input == 5 and replies[0].seconds == 1.0


def test_what_was_never_asked_is_an_error(arm):
    """No recorded call, no reply: an error of that case."""
    failed = recorded.open([arm]).answer(arm, [Request(messages=(said("user", "unheard of"),))])[0]
    assert isinstance(failed, InputError)


def test_digest_is_that_of_the_file(arm, tmp_path):
    """Other recordings are another model."""
    before = recorded.digest(arm)
    codec.write_lines(tmp_path / "calls.jsonl", [])
    assert recorded.digest(arm) != before
