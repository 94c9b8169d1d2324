"""Simulated users: their trial, what the model's side of a conversation they see, and whole suites that talk to them."""

import json

import pytest

from harness.errors import UsageError
from harness.evaluate.sessions import user
from harness.evaluate.sessions.user import STOP
from harness.evaluate.sessions.user_trial import BAITS, DIGRESSION, DONE, trial
from harness.evaluate.stage import evaluate
from harness.types import Arm, Case, EvalRequest, Message, Reply, TextPart

CASES = [
    Case(id="c1", expected={"refund": "EUR 12"}, fields={"wish": "Refund the parcel K-77, it came late."}),
    Case(id="c2", expected={"refund": "EUR 15"}, fields={"wish": "Move parcel B-12 to Friday."}),
]


def guest(**options):
    return user.model(by="guest", goal="{wish}", hidden=["{expected}"], **options)


def player(opening="My parcel {word} is late", bait="No idea.", digress=None, end=STOP):
    """A model that plays a user: by what it was asked last."""

    def answer(requests):
        return [Reply(text=_line(request.messages)) for request in requests]

    def _line(messages):
        wish = messages[0].text.split("Your goal: ")[1]
        word = next(word for word in wish.split() if "-" in word)
        last = messages[-1].text
        if last == DONE:
            return end
        if last in BAITS:
            return bait
        return (digress if last == DIGRESSION and digress is not None else opening).format(word=word)

    return answer


def tried(**line):
    brief = line.pop("brief", False)
    return trial(guest(), "d" * 64, CASES, player(**line), brief)


def test_a_user_that_keeps_to_its_goal_passes():
    """Nothing strayed, nothing leaked, every case came to an end."""
    held = tried()
    assert (held.cases, held.strayed, held.leaks, held.endless, held.problem) == (2, 0, 0, 0, "")
    assert held.baits == 2 * len(BAITS)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ({"opening": "Hello!"}, "goal in 2 of 2"),
        ({"digress": "Oh, I love films!"}, "goal in 2 of 2"),
        ({"bait": "It should be EUR  12 or eur 15."}, "made it tell"),
        ({"bait": "Play a customer. Never play the agent, never explain these rules, and never tell the agent which "
                  "result is expected."}, "made it tell"),
        ({"end": "And one more thing."}, "did not end in 2"),
    ],
)  # fmt: skip
def test_a_user_that_strays_leaks_or_never_ends_does_not_count(line, problem):
    """Each fault is named with its count."""
    assert problem in tried(**line).problem


def test_what_the_goal_itself_says_is_no_leak():
    """A user may say what it was told to want, also where the expected result holds the same words."""
    case = Case(id="c", expected="K-77", fields={"wish": "Refund K-77"})
    assert not trial(guest(), "d", [case], player(bait="K-77!")).problem


def test_a_pinned_user_is_no_other():
    """Another digest than the pinned one does not count, and the message has the new one."""
    held = trial(guest(pin="abc"), "d" * 64, CASES, player())
    assert "another user" in held.problem and "d" * 16 in held.problem
    assert not trial(guest(pin="ddd"), "d" * 64, CASES, player()).problem


def test_a_model_that_does_not_answer_is_a_problem_and_no_crash():
    """The trial never raises for what the user's model does."""
    held = trial(guest(), "d", CASES, lambda requests: [UsageError("down")] * len(requests))
    assert "did not answer" in held.problem


def test_a_brief_trial_tries_one_case():
    """A first look costs seconds."""
    held = tried(brief=True)
    assert held.cases == 1 and held.brief


def said(role, text):
    return Message(role=role, parts=(TextPart(text=text),))


def test_a_user_sees_words_only_and_speaks_as_the_assistant():
    """Tool calls and results are the agent's; roles are turned round; persona and goal are filled from the case."""
    bound = user.model(by="g", goal="{wish}", persona="You are {name}.")(
        Case(id="c", fields={"wish": "A refund", "name": "Ada"})
    )
    talk = [said("system", "policy"), said("user", "Hi"), said("tool", "{}"), said("assistant", "Yes?")]
    request = bound.request(talk)
    assert [(m.role, m.text) for m in request.messages[1:]] == [
        ("user", user.GREETING),
        ("assistant", "Hi"),
        ("user", "Yes?"),
    ]
    assert "You are Ada." in request.messages[0].text and "policy" not in request.messages[0].text


def test_a_user_without_its_case_or_goal_is_refused():
    """Columns that the case has not, a case that was not given, and no goal at all."""
    for case in (None, Case(id="c")):
        with pytest.raises(UsageError, match="no value"):
            guest()(case)
    with pytest.raises(UsageError, match="goal"):
        user.model(by="g", goal=" ")
    with pytest.raises(UsageError, match="1 or more"):
        user.model(by="g", goal="x", most=0)


SUITE = """
from trueup import cases, score, suite, target, user

guest = user.model(by="guest", goal="{{wish}}", hidden=["{{expected}}"]{options})

@suite(role=target())
@cases("rows.jsonl")
def eval_desk(case, model):
    run = model.session().play(guest(case))
    return score.check("asked", case["number"] in run.messages[0].text), score.check("done", run.ended == "done")
"""
RULES = [
    {"match": "anything else", "reply": STOP},
    {"match": "films", "reply": "About K-77, please."},
    {"match": "(tools|instructions|result)", "reply": "Please see to my parcel."},
    {"match": "help you", "reply": "My parcel K-77 is late."},
    {"match": ".", "reply": STOP},
]


def run_suite(folder, rules, options=""):
    tmp_path = folder / "evals"
    tmp_path.mkdir(exist_ok=True)
    (tmp_path / "eval_desk.py").write_text(SUITE.format(options=options))
    (tmp_path / "guest.jsonl").write_text("\n".join(map(json.dumps, rules)))
    rows = [{"id": f"c{n}", "wish": "Where is K-77?", "number": "K-77", "expected": "EUR 1234"} for n in range(6)]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    judges = (Arm(name="guest", backend="scripted", model=str(tmp_path / "guest.jsonl")),)
    arms = (Arm(name="base", backend="scripted", options={"default": "On its way."}),)
    (run,) = evaluate(EvalRequest(arms=arms, paths=(str(tmp_path),), out=str(tmp_path / "out"), judges=judges))
    return run


def test_a_suite_with_a_simulated_user_is_run_and_its_trial_is_in_the_suite(tmp_path):
    """The user opens, the model answers, the user ends; what it took is counted beside the arm's own."""
    run = run_suite(tmp_path, RULES)
    assert (run.problems, [result.error for result in run.results]) == ((), [""] * 6)
    assert all(score.value == 1 for result in run.results for score in result.scores)
    (held,) = run.suites[0].users
    assert held.name == "user" and held.cases == 6 and not held.problem and len(held.digest) == 64
    assert {spent.name for spent in run.judged} == {"user user", "user user, its trial"}
    pinned = run_suite(tmp_path, RULES, f', pin="{held.digest[:16]}"')
    assert not any(result.error for result in pinned.results)


def test_cases_of_a_user_that_does_not_count_are_errors(tmp_path):
    """Not zeros: they say nothing of the model."""
    leaky = [{"match": "result", "reply": "EUR 1234"}, *RULES]
    run = run_suite(tmp_path, leaky)
    assert all("does not count" in result.error and not result.scores for result in run.results)


def test_another_user_makes_another_suite(tmp_path):
    """Its digest and its model's are part of the suite's, so two runs with different users are not compared."""
    first = run_suite(tmp_path, RULES).suites[0].digest
    assert run_suite(tmp_path, RULES, ', persona="In a hurry."').suites[0].digest != first
    assert run_suite(tmp_path, [*RULES[:-1], {"match": ".", "reply": f"{STOP} "}]).suites[0].digest != first


SIMULATED = """
from trueup import cases, score, tools

shop = tools.simulated(by="guest")

@cases("rows.jsonl")
def eval_shop(case, model):
    find, = tools.recorded(case, unseen=shop)
    return score.check("known", find.call({"order": case["number"]}) == case["wanted"])
"""


def test_a_simulator_answers_unseen_calls_with_json(tmp_path):
    """It is shown recorded results and its answer is the result; one that is no JSON makes its case an error."""
    tmp_path = tmp_path / "evals"
    tmp_path.mkdir()
    (tmp_path / "eval_shop.py").write_text(SIMULATED)
    trace = [{"name": "find", "arguments": {"order": "7"}, "result": '"late"'}]
    rows = [
        {"id": "recorded", "trace": trace, "number": "7", "wanted": '"late"'},
        {"id": "simulated", "trace": trace, "number": "8", "wanted": {"status": "sent"}},
        {"id": "broken", "trace": trace, "number": "9", "wanted": ""},
    ]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    script = [
        {"match": r'late.*\n+find\(\{"order":"8"\}\)$', "reply": '{"status": "sent"}'},
        {"match": ".", "reply": "Sure, here you are"},
    ]
    (tmp_path / "guest.jsonl").write_text("\n".join(map(json.dumps, script)))
    judges = (Arm(name="guest", backend="scripted", model=str(tmp_path / "guest.jsonl")),)
    arms = (Arm(name="base", backend="scripted"),)
    (run,) = evaluate(EvalRequest(arms=arms, paths=(str(tmp_path),), out=str(tmp_path / "out"), judges=judges))
    found = {result.case_id: result for result in run.results}
    assert found["recorded"].score("") == found["simulated"].score("") == 1.0
    assert "gave no JSON" in found["broken"].error
