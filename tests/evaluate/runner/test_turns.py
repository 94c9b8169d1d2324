"""What a result keeps of the turns of its case."""

from harness.core.codec import from_chat
from harness.evaluate.runner.collection import about
from harness.evaluate.runner.model import Model
from harness.evaluate.runner.turns import new_messages, unsent
from harness.types import Arm, Prompt, Reply, ToolCallPart

TOOLS = [{"type": "function", "function": {"name": "find"}}]
PROMPT = Prompt(name="short", messages=(from_chat({"role": "system", "content": "Be brief."}),))


def model(*replies):
    queue = list(replies)
    return Model(Arm(name="fake", prompt=PROMPT), lambda request: queue.pop(0), "suite case")


def chat(role, text):
    return from_chat({"role": role, "content": text})


def kept(case, asked):
    """Role and text (of a tool's result its content) of what was new in each request."""
    new = new_messages(case, asked.conversations, tuple(asked.replies))
    return [[(one.role, one.text or one.parts[0].content) for one in messages] for messages in new]


def test_the_answer_to_the_case_itself_needs_no_more():
    """One question that the case holds, or the same asked twice: the case and the replies say it all."""
    case = (chat("system", "You are a clerk."), chat("user", "hello"))
    asked = model(Reply(text="a"), Reply(text="b"))
    asked.chat(case)
    asked.chat(case)
    assert kept(case, asked) == []


def test_results_of_tools_and_further_questions_are_kept_once():
    """Each request of a session repeats all before it; kept is what was new, and never the arm's prompt."""
    calls = (ToolCallPart(id="1", name="find", arguments='{"id": 7}'),)
    asked = model(
        Reply(text="", tool_calls=calls, reasoning="look it up"), Reply(text="It is late."), Reply(text="Bye.")
    )
    case = (chat("user", "Where is 7?"),)
    talk = asked.session(case, TOOLS)
    while call := talk.next_call():
        talk.reply(call, {"days": 3})
    talk.say("Thanks")
    assert kept(case, asked) == [[], [("tool", '{"days":3}')], [("user", "Thanks")]]


def test_results_that_were_not_sent_any_more_are_kept():
    """A session that ends with a tool's result, or at its limit, keeps what no further request sent."""
    calls = tuple(ToolCallPart(id=ident, name="find", arguments="{}") for ident in "12")
    talk = model(Reply(text="", tool_calls=calls)).session((chat("user", "Where is 7?"),), TOOLS)
    while call := talk.next_call(limit=1):
        talk.reply(call, {"days": 3})
    assert [(one.role, one.parts[0].content) for one in unsent(talk.messages)] == [("tool", '{"days":3}')]
    assert unsent(()) == () and unsent((chat("user", "a"),)) == () and unsent((chat("assistant", "a"),)) == ()


def test_a_question_that_the_eval_function_wrote_is_kept():
    """A case without messages, and a second question of its own, are shown as they were asked."""
    asked = model(Reply(text="Haus"), Reply(text="yes"), Reply(text="on"))
    asked.chat("Translate: house")
    asked.chat("Is it right: Haus?")
    asked.complete("Once upon")
    assert kept((), asked) == [
        [("user", "Translate: house")],
        [("user", "Is it right: Haus?")],
        [("user", "Once upon")],
    ]
    other = model(Reply(text="a"))
    other.chat([chat("system", "You are a clerk."), chat("user", "other")])
    case = (chat("system", "You are a clerk."), chat("user", "hello"))
    assert kept(case, other) == [[("system", "You are a clerk."), ("user", "other")]]


def test_a_suite_says_what_it_is():
    """The first paragraph of the docstring, on one line."""

    def eval_refund():
        """Refunds are found,
        and dated.

        More of it.
        """

    assert about(eval_refund) == "Refunds are found, and dated."
    assert about(lambda: None) == ""
