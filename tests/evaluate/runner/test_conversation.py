"""Conversations of several turns, and what `model` sends."""

import pytest

from harness.core.codec import from_chat
from harness.errors import UsageError
from harness.evaluate import score
from harness.evaluate.runner.model import Model
from harness.types import Arm, Prompt, Reply, ToolCallPart

TOOLS = [{"type": "function", "function": {"name": name}} for name in ("find", "refund")]


def model(*replies, **arm):
    """A model that gives these replies in turn; `asked` on it holds the requests."""
    queue, asked = list(replies), []

    def ask(request):
        asked.append(request)
        return queue.pop(0)

    made = Model(Arm(name="fake", **arm), ask, "suite case")
    made.asked = asked
    return made


def test_a_case_without_a_message_is_asked_nothing():
    """A misspelt column, such as `txt`, must not make the model answer to the prompt alone."""
    asked = model(
        Reply(text="x"), prompt=Prompt(name="short", messages=(from_chat({"role": "system", "content": "s"}),))
    )
    with pytest.raises(UsageError, match="no conversation") as caught:
        asked.chat(())
    assert "`text`" in caught.value.next and not asked.asked


def calling(*calls):
    return Reply(text="", tool_calls=tuple(ToolCallPart(id=f"{n}", name=n, arguments=a) for n, a in calls))


def test_a_tool_session_goes_on_until_the_model_answers_in_words():
    """Calls come one by one, results go back to the model, and its last words end the session."""
    fake = model(calling(("find", '{"id": 7}'), ("find", '{"id": 8}')), calling(("refund", "{}")), Reply(text="Done."))
    chat = fake.session("Refund order 7", TOOLS)
    made = []
    while call := chat.next_call():
        made.append((call.name, call.args))
        chat.reply(call, {"ok": True})
    assert made == [("find", {"id": 7}), ("find", {"id": 8}), ("refund", {})]
    assert chat.text == "Done." and chat.total("find") == 2 and not chat.exhausted
    assert [message.role for message in fake.asked[-1].messages] == [
        "user",
        "assistant",
        "tool",
        "tool",
        "assistant",
        "tool",
    ]
    assert score.calls(chat.calls, ["find", "find", "refund"])[0].value == 1


@pytest.mark.parametrize("bad", [("find", "{id:"), ("delete", "{}"), ("find", "[1]")])
def test_a_call_that_cannot_be_carried_out_is_told_to_the_model(bad):
    """Broken arguments and unknown tools go back as a problem, stay on record, and do not reach the eval function."""
    fake = model(calling(bad), Reply(text="Sorry."))
    chat = fake.session("x", TOOLS)
    assert chat.next_call() is None
    assert chat.calls[0].problem
    assert "error" in fake.asked[1].messages[-1].parts[0].content


def test_a_model_that_never_stops_calling_is_stopped():
    """After `limit` calls there is no next one, and the session says that it was cut short."""
    chat = model(*[calling(("find", "{}"))] * 9).session("x", TOOLS)
    count = 0
    while call := chat.next_call(limit=3):
        chat.reply(call, "again")
        count += 1
    assert count == 3 and chat.exhausted


def test_saying_something_takes_a_turn():
    """`say` adds a user message and returns the answer to the whole conversation so far."""
    fake = model(Reply(text="Hello"), Reply(text="Bye"))
    chat = fake.session()
    assert [str(chat.say("hi")), str(chat.say("go"))] == ["Hello", "Bye"]
    assert [message.text for message in fake.asked[1].messages] == ["hi", "Hello", "go"]
    assert fake.replies == [Reply(text="Hello"), Reply(text="Bye")]


def test_the_arms_prompt_stands_in_front_of_every_conversation():
    """chat and choose put the prompt first; complete and raw questions do not."""
    prompt = Prompt(name="p", messages=(from_chat({"role": "system", "content": "Be brief."}),))
    fake = model(*[Reply(text="a", logprobs=(-1.0, -2.0))] * 4, prompt=prompt)
    fake.chat("hi")
    fake.choose("hi", ["a", "b"])
    fake.choose("hi", ["a", "b"], raw=True)
    fake.complete("hi")
    assert [[m.text for m in request.messages] for request in fake.asked] == [["Be brief.", "hi"]] * 2 + [[], []]


def test_choosing_takes_the_likeliest_by_sum_or_by_length():
    """The highest sum wins, or with `normalize` the highest sum per byte; one option is no choice."""
    reply = Reply(text="", logprobs=(-4.0, -5.0))
    assert model(reply).choose("x", ["no", "certainly"]).text == "no"
    assert model(reply).choose("x", ["no", "certainly"], normalize=True).text == "certainly"
    with pytest.raises(UsageError, match="two or more"):
        model().choose("x", ["a"])


def test_sampling_is_seeded_by_case_and_turn_and_alike_for_every_arm():
    """Two arms draw the same random numbers; two turns and two cases draw others; greedy requests have no seed."""
    fake, other = model(*[Reply(text="")] * 3), model(Reply(text=""))
    fake.chat("x", temperature=1.0)
    fake.chat("x", temperature=1.0)
    fake.chat("x")
    other.chat("x", temperature=1.0)
    seeds = [request.seed for request in fake.asked]
    assert seeds[0] != seeds[1] and seeds[2] == 0
    assert other.asked[0].seed == seeds[0]
