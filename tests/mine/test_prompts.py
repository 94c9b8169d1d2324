"""The prompt that production sends is found, taken off, and kept."""

from harness.mine.prompts import Prompts
from tests.curate.traces import SYSTEM, call, prompted, say


def test_the_shared_start_is_the_prompt_and_the_rest_the_conversation():
    """System text and worked example come off; only the message stays."""
    calls = [call(number, f"message {number}") for number in range(20)]
    prompts = Prompts(calls)
    assert prompts.found()[0].messages == prompted("x")[:-1]
    assert prompts.strip(calls[3]) == (say("user", "message 3"),)


def test_the_last_user_message_is_never_part_of_the_prompt():
    """Even when everybody asks the same."""
    calls = [call(number, "yes") for number in range(20)]
    assert all(Prompts(calls).strip(item)[-1] == say("user", "yes") for item in calls)


def test_a_call_that_differs_from_its_route_loses_its_system_text_only():
    """A call without the worked example keeps its whole conversation."""
    calls = [call(number, f"message {number}") for number in range(20)]
    odd = call(20, "", input=(say("system", SYSTEM), say("user", "hello"), say("user", "again")))
    assert Prompts([*calls, odd]).strip(odd) == (say("user", "hello"), say("user", "again"))


def test_few_calls_do_not_make_a_prompt_of_their_first_turns():
    """Two conversations that begin alike are not evidence of worked examples."""
    calls = [call(number, f"message {number}") for number in range(2)]
    assert Prompts(calls).found()[0].messages == (say("system", SYSTEM),)


def test_prompts_are_ranked_by_use():
    """The commonest prompt comes first and is named production."""
    calls = [call(number, f"m {number}") for number in range(10)]
    other = [call(number, "", input=(say("system", "Other."), say("user", f"n {number}"))) for number in range(10, 13)]
    found = Prompts([*other, *calls]).found()
    assert [(prompt.name, prompt.messages[0].text) for prompt in found] == [
        ("production", SYSTEM),
        ("production-2", "Other."),
    ]


def test_an_agents_first_message_is_no_prompt_even_when_it_is_always_the_same():
    """A scheduled agent is told "start" each time; what the tools gave back differs."""
    turns = (say("system", SYSTEM), say("user", "start"), say("assistant", "looking"))
    calls = [call(n, "", input=(*turns, say("tool", f"result {n}"))) for n in range(20)]
    assert Prompts(calls).strip(calls[0])[0] == say("user", "start")
