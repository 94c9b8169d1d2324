"""Sessions with live tools: what is carried out, what the model is told, what is an error, and what ends them."""

import datetime
import signal
import time

import numpy as np
import pytest

from harness.errors import InputError, UsageError
from harness.evaluate.sessions import user
from harness.evaluate.sessions.clock import ToolTimeout
from harness.evaluate.sessions.session import DEEPEST
from harness.evaluate.sessions.tool import ToolRefused


class Desk:
    """Keeps orders."""

    def __init__(self):
        self.orders = {"7": "late"}

    def find(self, order: str):
        """Find an order."""
        return {"order": order, "status": self.orders[order]}

    def refund(self, order: str, amount: float = 1.0):
        """Pay back."""
        if self.orders[order] != "late":
            raise ToolRefused("only late orders")
        self.orders[order] = f"refunded {amount:g}"
        return True


@pytest.fixture
def desk():
    return Desk()


def told(model, at=-1):
    """What tools said in a request, in order."""
    messages = model.asked[at].messages
    return [part.content for message in messages if message.role == "tool" for part in message.parts]


def test_live_tools_change_state_until_the_model_speaks(desk, playing, calling, words):
    """Calls are carried out, results go back, and the session ends when the model answers in words."""
    model = playing(calling(("find", {"order": "7"})), calling(("refund", {"order": "7", "amount": 2})), words("Done."))
    run = model.session("Refund 7", [desk.find, desk.refund]).play()
    assert desk.orders == {"7": "refunded 2"} and run.text == "Done." and run.ended == "answered"
    assert [(step.name, step.args, step.turn) for step in run.steps] == [
        ("find", {"order": "7"}, 1),
        ("refund", {"order": "7", "amount": 2}, 2),
    ]
    assert told(model) == ['{"order":"7","status":"late"}', "true"]
    assert [tool["function"]["name"] for tool in model.asked[0].tools] == ["find", "refund"]


def test_what_a_tool_refuses_is_told_to_the_model_and_the_rest_runs(desk, playing, calling, words):
    """Unknown keys, the tool's own refusals, wrong types, broken JSON, tools that are not there: each is a result."""
    bad = calling(
        ("find", {"order": "8"}),
        ("refund", {"order": 7}),
        ("find", "{broken"),
        ("delete", {}),
        ("find", "[1]"),
        ("find", {"order": "7"}),
    )
    model = playing(bad, words("Sorry."))
    run = model.session("x", [desk.find, desk.refund]).play()
    results = told(model)
    assert [step.refused for step in run.steps] == [True] * 5 + [False]
    assert all("error" in result for result in results[:5]) and "late" in results[5]
    assert "no tool 'delete'" in results[3] and "wrong arguments" in results[1]


def broken():
    raise RuntimeError("no connection")


def garbled():
    return b"\xff".decode()


def asserting():
    assert not "wrong"


def unwritable():
    return object()


@pytest.mark.parametrize(
    ("tool", "error"),
    [(broken, RuntimeError), (garbled, UnicodeDecodeError), (asserting, InputError), (unwritable, InputError)],
)
def test_what_breaks_in_a_tool_is_an_error_of_the_case(tool, error, playing, calling):
    """It says nothing of the model: no wrong answer, not even when the tool's own assertion fails."""
    with pytest.raises(error):
        playing(calling((tool.__name__, {}))).session("x", [tool]).play()


def test_a_stuck_tool_is_an_error_of_the_environment(playing, calling):
    """A tool that does not come back is interrupted, past its own `except Exception`; the timer is gone afterwards."""

    def stuck():
        try:
            time.sleep(60)
        except Exception:
            return "never"

    started, before = time.perf_counter(), signal.getitimer(signal.ITIMER_REAL)[0]
    with pytest.raises(ToolTimeout, match="stuck"):
        playing(calling(("stuck", {}))).session("x", [stuck], tool_seconds=0.05).play()
    assert time.perf_counter() - started < 10
    left = signal.getitimer(signal.ITIMER_REAL)[0]
    assert left == 0.0 or before - left < 10  # no timer, or that of a plug-in which was running before


def test_the_time_that_an_agent_waits_for_a_model_is_not_its_tool_s(playing, calling, words):
    """An agent as a tool waits for whole batches; only its own time counts, and its turns count for the session above."""
    model = playing(calling(("expert", {"question": "a"})), words("inner"), words("outer"))
    slow = model._ask

    def ask(request):
        if len(model.asked) == 1:
            time.sleep(0.2)
        return slow(request)

    model._ask = ask

    def expert(question: str):
        return model.session(question).play().text

    run = model.session("x", [expert], tool_seconds=0.1).play()
    assert run.text == "outer" and run.turns == 2 and len(run.spending.replies) == 3
    assert model.closing() == ()


def test_agents_that_call_themselves_are_stopped(playing, calling):
    """Nested sessions end at a fixed depth: the innermost model is told so, and the limits of those above hold too."""
    model = playing(calling(("expert", {})))
    depths = []

    def expert():
        session = model.session("again", [expert], turns=3)
        depths.append(session.depth)
        return session.play().ended

    run = model.session("x", [expert], turns=9).play()
    assert max(depths) == DEEPEST - 1 and run.ended == "turns" and run.exhausted
    assert len(model.asked) == 9


@pytest.mark.parametrize(
    ("limits", "ended", "asked"),
    [
        ({"turns": 3}, "turns", 3),
        ({"tokens": 40}, "tokens", 3),
        ({"seconds": 5.0}, "seconds", 3),
        ({"cost": 0.5}, "cost", 3),
    ],
)
def test_a_session_ends_at_its_limits(limits, ended, asked, desk, playing, calling):
    """Turns, tokens, seconds and money each end a session that would go on for ever; its result says so."""
    model = playing(calling(("find", {"order": "7"}), seconds=2.0, cost=0.2))
    run = model.session("x", [desk.find], **limits).play()
    assert (run.ended, run.exhausted, len(model.asked)) == (ended, True, asked)
    assert model.notes() == (f"sessions ended by the limit of {ended}: 1",)
    assert run.say("and now?").text == "" and len(model.asked) == asked


@pytest.mark.parametrize("limits", [{"turns": 0}, {"cost": -1.0}, {"tokens": 0}])
def test_a_limit_that_allows_nothing_is_refused(limits, playing, words):
    """Limits are above 0."""
    with pytest.raises(UsageError, match="above 0"):
        playing(words("a")).session("x", **limits)


def test_a_limit_that_nothing_measures_is_refused(desk, playing, calling):
    """Without prices a limit on money would never be reached."""
    with pytest.raises(UsageError, match="cost cannot be kept"):
        playing(calling(("find", {"order": "7"}))).session("x", [desk.find], cost=1.0).play()


def test_a_scripted_user_answers_until_it_has_no_more_to_say(playing, words):
    """The user speaks whenever the model has answered, and first where nobody has."""
    model = playing(words("Which order?"), words("Anything else?"), words("Bye"))
    guest = user.scripted(["Refund me", "Order 7"])
    for _ in range(2):  # one user serves any number of sessions
        run = playing(words("Which order?"), words("Bye")).session().play(guest)
        assert [m.text for m in run.messages] == ["Refund me", "Which order?", "Order 7", "Bye"] and run.ended == "done"
    run = model.session("Hello").play(lambda messages: "go on" if len(messages) < 4 else None)
    assert [m.text for m in run.messages] == ["Hello", "Which order?", "go on", "Anything else?"]


def test_a_user_that_never_ends_is_bounded(playing, words):
    """A plain function may speak twenty times; then the session says what ended it."""
    model = playing(words("Hm?"))
    run = model.session().play(lambda messages: "again")
    assert run.ended == "user_turns" and run.exhausted and len(model.asked) == 20


def test_parallel_calls_are_answered_in_any_order(playing, calling, words):
    """Results reach the model in the order of its calls, also where two calls share an id; each is answered once."""
    both = calling(("find", {"order": "7"}), ("find", {"order": "8"}))
    model = playing(both, words("Done"))
    chat = model.session("x", [{"name": "find"}])
    first, second = chat.next_call(), chat.next_call()
    chat.reply(second, "eight")
    with pytest.raises(UsageError, match="not waiting"):
        chat.reply(second, "again")
    with pytest.raises(UsageError, match="no result yet"):
        chat.next_call()
    assert [message.role for message in chat.transcript()] == ["user", "assistant", "tool"]
    chat.reply(first, "seven")
    assert chat.next_call() is None
    assert told(model) == ["seven", "eight"]


def test_definitions_and_functions_may_be_mixed(desk, playing, calling, words):
    """What the session cannot carry out comes to the eval function; `play` refuses to leave it unanswered."""
    replies = calling(("find", {"order": "7"}), ("escalate", {})), words("Done")
    chat = playing(*replies).session("x", [desk.find, {"name": "escalate"}])
    call = chat.next_call()
    assert call.name == "escalate" and len(chat.calls) == 2
    chat.reply(call, "ok")
    assert chat.next_call() is None
    with pytest.raises(UsageError, match="only a definition"):
        playing(*replies).session("x", [desk.find, {"name": "escalate"}]).play()


@pytest.mark.parametrize("given", [["find"], [{"name": "a"}, {"name": "a"}], [3]])
def test_what_is_no_tool_is_refused(given, playing, words):
    """Names alone, numbers, and two tools of one name."""
    with pytest.raises(UsageError):
        playing(words("a")).session("x", given)


def test_huge_and_binary_results_are_shortened_and_counted(playing, calling, words):
    """Ten megabytes are cut in the middle, and bytes are named; the result of the case says so."""

    def dump():
        return "x" * 10_000_000

    def photo():
        return b"\x00\xff" * 1000

    def nothing():
        return None

    def when():
        return {"at": datetime.date(2026, 1, 2), "count": np.int64(3), "share": np.float32(0.5)}

    def half():
        return "\ud800"

    calls = calling(("dump", {}), ("photo", {}), ("nothing", {}), ("when", {}), ("half", {}))
    model = playing(calls, words("ok"))
    run = model.session("x", [dump, photo, nothing, when, half]).play()
    long, binary, none, day, surrogate = told(model)
    assert (day, surrogate) == ('{"at":"2026-01-02","count":3,"share":0.5}', "?")
    assert len(long) < 21_000 and "9,980,000 of 10,000,000 characters left out" in long
    assert "2,000 bytes" in binary and none == "null"
    assert model.notes() == ("tool results cut: 1",) and run.ended == "answered"


def test_a_session_in_which_nobody_spoke_is_refused(playing, words):
    """There is nothing to answer."""
    with pytest.raises(UsageError, match="nobody"):
        playing(words("a")).session().play()


def test_a_tool_may_end_the_session(desk, playing, calling, words):
    """A hand-over to a person: neither the model nor the user speaks after it. A call that was refused ends nothing."""

    def hand_over(why: str):
        return "a person takes over"

    model = playing(
        calling(("hand_over", {"reason": "x"})), calling(("find", {"order": "7"}), ("hand_over", {"why": "x"}))
    )
    run = model.session("x", [desk.find, hand_over]).play(user=user.scripted(["Thanks"]), until="hand_over")
    assert run.ended == "done" and not run.exhausted and run.turns == 2 and len(run.steps) == 3
    assert run.messages[-1].role == "tool"
    assert model.notes() == ()
    with pytest.raises(UsageError, match="hand_ovr"):
        model.session("x", [desk.find, hand_over]).play(until=["hand_ovr"])
