"""A teacher's answers are learnt from only when the suites accept them."""

import json

import pytest

from harness.curate.options import Teacher
from harness.curate.stage import CurateOptions, curate
from harness.curate.teacher.stage import teach
from harness.curate.teacher.step import teach as ask
from harness.errors import UsageError
from harness.mine import step as mine_step
from harness.project import Project
from harness.sections import Config, ProjectSection
from harness.types import Reply
from tests.curate.traces import call, order, prompted, restaurant, say

SUITE = """
import json

def eval_keys(case, model):
    assert set(json.loads(model.chat(case.messages).text)) == {"dish", "table"}, "other keys"

def eval_gold(case, model):
    assert model.chat(case.messages).text == case.expected
"""
GOOD, BAD = '{"dish": "stew", "table": "3"}', '{"dish": "stew"}'


@pytest.fixture
def suite(tmp_path):
    path = tmp_path / "eval_keys.py"
    path.write_text(SUITE)
    return str(path)


def taught(suites, *texts):
    asked = call(1, "stew for table 3", "no")
    replies = {asked.id: [Reply(text=text) for text in texts]}
    return teach([asked], {asked.id: (say("user", "stew for table 3"),)}, replies, suites)


def test_the_commonest_accepted_answer_is_taken(suite):
    """Best of n: what no eval objects to, and what most samples say, whatever its spacing."""
    odd = '{"dish": "soup", "table": "3"}'
    found = taught([suite], BAD, BAD, BAD, odd, GOOD, '{"dish":"stew","table":"3"}')
    assert json.loads(found.answers["t:1"].text) == json.loads(GOOD)
    assert found.refused == {"eval_keys": 3}


def test_an_accepted_answer_keeps_its_reasoning(suite):
    """Whether it is learnt is the recipe's to say."""
    asked = call(1, "stew for table 3", "no")
    reply = Reply(text=GOOD, reasoning="table 3, stew")
    found = teach([asked], {asked.id: (say("user", "stew for table 3"),)}, {asked.id: [reply]}, [suite])
    assert (found.answers["t:1"].reasoning, found.answers["t:1"].text) == ("table 3, stew", GOOD)


def test_without_an_eval_that_can_judge_nothing_is_accepted(suite, tmp_path):
    """No evidence is not acceptance; neither is an answer that was cut or is empty."""
    blind = tmp_path / "eval_blind.py"
    blind.write_text("def eval_gold(case, model):\n    assert model.chat(case.messages).text == case.expected\n")
    assert taught([str(blind)], GOOD).answers == {}
    assert taught([suite], "").answers == {}


def teacher_of(suite):
    calls, feedback = restaurant(120)
    replies = {order(n)[0]: json.dumps(order(n)[1]) for n in range(120)}
    options = CurateOptions(
        teacher=Teacher(backend="scripted", options={"replies": replies}, suites=(suite,), samples=2)
    )
    return calls, feedback, options


def test_failures_that_nobody_corrected_are_taught_and_say_so(suite, tmp_path):
    """Their target has the source `teacher`; corrections keep theirs."""
    calls, feedback, options = teacher_of(suite)
    work = Project.open(Config(project=ProjectSection(name="waiter"), root=str(tmp_path)))
    work.store.traces.merge(calls, feedback, ())
    mined = mine_step.mine(work)
    answers = ask(work, mined, options)
    result = curate(calls, work.feedback(), mined, sticky={}, options=options, taught=answers)
    assert result.dataset.target_sources["teacher"] > 30
    assert result.dataset.fates.get("no_target", 0) == 0
    for split in ("train", "held_out"):
        for case in result.splits[split]:
            if case.target_source == "teacher":
                assert case.expected["dish"] in case.text
                assert case.rejected is not None
    assert prompted("x")[:-1] == result.dataset.prompts[0].messages


def test_a_teacher_without_suites_is_refused(tmp_path):
    """There would be nothing to accept its answers."""
    work = Project.open(Config(project=ProjectSection(name="waiter"), root=str(tmp_path)))
    with pytest.raises(UsageError, match="accept them"):
        ask(work, mine_step.mine(work), CurateOptions(teacher=Teacher(backend="scripted")))
