"""Scorers of sessions: the state afterwards, the steps, how many, the first wrong one, and policies."""

import copy
import sqlite3
from dataclasses import dataclass, field

import pytest

from harness.core.codec import canonical
from harness.errors import UsageError
from harness.evaluate import score
from harness.evaluate.sessions.limits import SessionLimits, Spending
from harness.evaluate.sessions.turn import SessionStep, ToolCall
from harness.types import Reply, ToolCallPart, Usage


class Run:
    """What a session offers to scorers."""

    def __init__(self, *made, text="Done.", replies=()):
        self.steps = [_step(number, *one) for number, one in enumerate(made, 1)]
        self.calls = [step.call for step in self.steps]
        self.text = text
        kept = []
        self.spending = Spending(SessionLimits(), lambda: kept)
        kept += replies


def _step(number, name, args=None, refused=False, user="please"):
    part = ToolCallPart(id=str(number), name=name, arguments=canonical(args or {}))
    return SessionStep(ToolCall(name, args or {}, part), "ok", refused, number, user)


@dataclass
class Desk:
    orders: dict
    log: list = field(default_factory=list)


class Shop:
    def __init__(self, desk):
        self.desk, self._secret = desk, object()

    def refund(self): ...


ORDERS = {"7": {"status": "late", "paid": 5}, "8": {"status": "sent", "paid": 2}}


def values(scores):
    return {one.name: one.value for one in scores}


@pytest.mark.parametrize("wrap", [dict, Desk, lambda orders: Shop(Desk(orders))])
def test_the_state_is_compared_field_by_field(wrap):
    """Of plain values, dataclasses and objects; the explanation names each field that differs."""
    expected = wrap({"7": {"status": "refunded", "paid": 0}, "8": {"status": "sent", "paid": 2.0}})
    good = score.outcome(wrap({"7": {"status": "refunded", "paid": 0}, "8": {"status": "sent", "paid": 2}}), expected)
    assert values(good)["outcome"] == values(good)["outcome_share"] == 1
    bad = score.outcome(wrap({"7": {"status": "refunded", "paid": 5}, "9": {"status": "new"}}), expected)
    assert values(bad)["outcome"] == 0 and 0 < values(bad)["outcome_share"] < 1
    assert all(
        text in bad[0].explanation for text in ("7.paid: expected", "8.status: missing", "9.status: not expected")
    )


def test_a_state_that_holds_itself_is_compared_once():
    """A folder whose files know it: what differs below it is found, and nothing goes round for ever."""

    def tree(*names):
        folder = Desk({})
        folder.orders = {name: Shop(folder) for name in names}
        return Shop(folder)

    assert values(score.outcome(tree("a", "b"), tree("a", "b")))["outcome"] == 1
    other = score.outcome(tree("a"), tree("a", "b"))
    assert values(other)["outcome"] == 0 and "desk.orders.b" in other[0].explanation


def test_with_the_state_before_only_the_change_is_named_and_all_else_must_stay():
    """A change that was to be made, one that was not, one too many, and a removal."""
    change = {"7": {"status": "refunded"}, "8": None}
    right = {"7": {"status": "refunded", "paid": 5}}
    assert values(score.outcome(right, change, before=ORDERS))["outcome"] == 1
    assert values(score.outcome(copy.deepcopy(ORDERS), change, before=ORDERS)) == {"outcome": 0, "outcome_share": 0}
    spoilt = {"7": {"status": "refunded", "paid": 0}}
    (deciding, share) = score.outcome(spoilt, change, before=ORDERS)
    assert deciding.explanation == "7.paid: expected '5', got '0'" and share.value == pytest.approx(3 / 4)
    assert values(score.outcome(copy.deepcopy(ORDERS), {}, before=ORDERS))["outcome"] == 1
    with pytest.raises(UsageError, match="state itself"):
        score.outcome(ORDERS, change, before=ORDERS)


def database(*orders):
    made = sqlite3.connect(":memory:")
    made.execute("CREATE TABLE orders (number TEXT PRIMARY KEY, status TEXT, photo BLOB)")
    made.execute('CREATE TABLE "log book" (line TEXT)')
    made.executemany("INSERT INTO orders VALUES (?, ?, ?)", [(*order, b"\x00\xff") for order in orders])
    made.executemany('INSERT INTO "log book" VALUES (?)', [("seen",)] * len(orders))
    return made


def test_databases_are_compared_row_by_row():
    """Rows by primary key, in any order; tables without one by content and count."""
    now = database(("8", "sent"), ("7", "refunded"))
    assert values(score.outcome(now, database(("7", "refunded"), ("8", "sent"))))["outcome"] == 1
    (deciding, _) = score.outcome(now, database(("7", "late"), ("8", "sent")))
    assert deciding.explanation == "orders.7.status: expected 'late', got 'refunded'"
    assert values(score.outcome(now, {"orders": {"7": {"status": "refunded"}}}, before=database(("8", "sent"), ("7", "late"))))["outcome"] == 1  # fmt: skip
    assert "log book" in score.outcome(now, database(("7", "refunded")))[0].explanation


def test_comparators_and_fields_left_out():
    """A comparator per dotted name; ignored fields take what is below them along."""
    now, due = {"a": {"x": 1.001, "id": 3}, "log": {"n": 1}}, {"a": {"x": 1.0, "id": 4}}
    assert (
        values(score.outcome(now, due, ignore=["a.id", "log"], compare={"a.x": score.number(abs=0.01)}))["outcome"] == 1
    )
    assert values(score.outcome(now, due, ignore=["log"]))["outcome"] == 0


def test_the_last_words_must_say_what_is_due():
    """As tau-bench checks outputs: case and thousands separators do not matter."""
    run = Run(text="You get  1,204 EUROS back")
    assert values(score.outcome({}, {}, reply=run, says=["1204 euros"]))["outcome"] == 1
    (deciding, share) = score.outcome({}, {}, reply=run, says=["1204", "Friday"])
    assert deciding.explanation == "the answer does not say 'Friday'" and share.value == 0.5


def test_a_case_that_expects_nothing_is_an_error():
    """As in every scorer that compares."""
    with pytest.raises(ValueError, match="expected"):
        score.outcome({}, None)


RIGHT = Run(("find", {"order": "7"}), ("refund", {"order": "7"}), ("note", {}))


@pytest.mark.parametrize(
    ("rules", "problem"),
    [
        ({"at": {0: "find", -1: "note"}}, ""),
        ({"at": {0: {"name": "find", "arguments": {"order": "7"}}}}, ""),
        ({"at": {1: "find"}}, "step 2: expected find, got refund"),
        ({"at": {-4: "find"}}, "no step -4"),
        ({"at": {3: "find"}}, "no step 4"),
        ({"order": ["find", "note"]}, ""),
        ({"order": ["refund", "find"]}, "expected find after refund"),
        ({"must": ["refund"], "never": ["delete"]}, ""),
        ({"must": [{"name": "refund", "arguments": {"order": "8"}}]}, "must call refund"),
        ({"never": ["refund"]}, "step 2: must not call refund"),
        ({"needs": {"refund": "find", "note": "refund"}}, ""),
        ({"needs": {"find": "refund"}}, "step 1: find before refund"),
        ({"needs": {"refund": "refund"}}, "step 2: refund before refund"),
        ({"most": {"refund": 1}}, ""),
        ({"most": {"refund": 0}}, "refund was called 1 times"),
    ],
)
def test_rules_of_steps(rules, problem):
    """Each rule, kept and broken; a broken one names the step."""
    (deciding, kept) = score.steps(RIGHT, **rules)
    assert deciding.value == (not problem) and problem in deciding.explanation
    assert (kept.value == 1) == (not problem)


def test_rules_of_steps_are_counted_one_by_one():
    """Two of three kept; comparators apply; a reply and a list of calls will do; no rule is refused."""
    (deciding, kept) = score.steps(RIGHT, must=["find", "note"], never=["refund"])
    assert (deciding.value, kept.value) == (0, pytest.approx(2 / 3))
    folded = {"order": score.text(fold=True)}
    one = Reply(text="", tool_calls=(ToolCallPart(name="find", arguments='{"order": "K"}'),))
    assert score.steps(one, must=[{"name": "find", "arguments": {"order": "k"}}], compare=folded)[0].value == 1
    assert score.steps(RIGHT.calls, must=["find"])[0].value == 1
    with pytest.raises(UsageError, match="no rule"):
        score.steps(RIGHT)


@pytest.mark.parametrize(
    ("expected", "value", "label"),
    [
        (["find", "refund", "note"], 1.0, ""),
        (["find", "note", "refund"], 1 / 3, "step 2"),
        (["find", "refund", "note", "close"], 3 / 4, "step 4"),
        (["find", "refund"], 2 / 3, "step 3"),
        ([], 0.0, "step 1"),
    ],
)
def test_the_first_step_that_differs_from_the_expected_is_named(expected, value, label):
    """Another call, a missing one, one too many."""
    found = score.first_failure(RIGHT, expected)
    assert (found.value, found.label) == (pytest.approx(value), label)


def test_without_expected_calls_the_first_refusal_is_named():
    """What a tool turned down, or what could not be carried out."""
    found = score.first_failure(Run(("find",), ("refund", {}, True), ("note",)))
    assert (found.value, found.label) == (pytest.approx(1 / 3), "step 2") and "refund" in found.explanation
    assert score.first_failure(RIGHT).value == score.first_failure(Run()).value == 1


def test_what_a_session_took():
    """Calls, replies, tokens and seconds; tokens that nobody counted give no score."""
    replies = [Reply(text="", usage=Usage(input=10, output=5), seconds=2.0)] * 3
    run = Run(("find",), ("refund",), replies=replies)
    assert values(score.efficiency(run)) == {
        "step_count": 2, "turn_count": 3, "token_count": 45, "session_seconds": 6}  # fmt: skip
    assert values(score.efficiency(run, best=1))["efficiency"] == 0.5
    assert values(score.efficiency(Run(("find",)), best=4))["efficiency"] == 1
    assert values(score.efficiency(Run(), best=1))["efficiency"] == 0
    assert "token_count" not in values(score.efficiency(Run(replies=[Reply(text="")])))
    with pytest.raises(UsageError):
        score.efficiency(run, best=-1)


def test_policies_are_plain_functions_of_a_step():
    """A rule gives True, False or why; it may see the steps before; refused calls count only as attempts."""
    run = Run(("refund", {"amount": 200}), ("refund", {"amount": 5}), ("delete", {}, True))

    def once(step, earlier):
        return "a second refund" if any(one.name == step.name for one in earlier) else None

    (deciding, count) = score.policy(
        run, small=lambda step: step.args["amount"] <= 100, once=once, asked=lambda step: "please" in step.user
    )
    assert (deciding.value, count.value) == (0, 2)
    assert deciding.explanation == "step 1, refund: small; step 2, refund: a second refund"
    no_delete = {"no_delete": lambda step: step.name != "delete"}
    assert score.policy(run, **no_delete)[0].value == 1
    assert score.policy(run, attempts=True, **no_delete)[0].value == 0
    with pytest.raises(UsageError, match="no rule"):
        score.policy(run)
    with pytest.raises(UsageError, match="gave 3"):
        score.policy(run, odd=lambda step: 3)
