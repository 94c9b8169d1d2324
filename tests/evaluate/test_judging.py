"""A suite as a judge: the user's own eval function scores answers from elsewhere."""

from pathlib import Path

import pytest

from harness.core.codec import from_chat, write_lines
from harness.errors import InvalidError, UsageError
from harness.evaluate.reward_client import Answer, JudgeRequest, SuiteJudge
from harness.types import Case, Prompt, Reply

FILE = """
import pytest
from harness import budget, cases, score, suite, target

@pytest.fixture(scope="module")
def opened():
    print("noise on standard output")
    return []

@pytest.fixture
def fresh(opened):
    opened.append(1)
    yield len(opened)

@suite(role=target(), repeats=3)
@cases.held_out("mined")
def eval_words(case, model, fresh):
    reply = model.chat(case.messages, max_tokens=17)
    if reply.text == "break": raise OSError("no database")
    assert reply.text != "assert"
    return score.text(reply, case.expected), 0.25

@cases.held_out("mined")
def eval_twice(case, model):
    model.chat(case.messages)
    return score.text(model.chat(case.messages), "x")

@suite(role=budget(limit=1.0))
@cases.held_out("mined")
def eval_cost(case, model):
    return 1.0
"""


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> JudgeRequest:
    """A suite on mined cases, and two training cases in their place."""
    folder = tmp_path_factory.mktemp("judging")
    (folder / "eval_it.py").write_text(FILE, encoding="utf-8")
    said = from_chat({"role": "user", "content": "What?"})
    write_lines(folder / "train.jsonl", [Case(id=name, messages=(said,), expected=name) for name in ("one", "two")])
    return JudgeRequest(suite="eval_words", paths=(str(folder),), cases=str(folder / "train.jsonl"))


def judged(judge: SuiteJudge, *answers: tuple[str, str]) -> list:
    return judge.judge([Answer(case_id=case, reply=Reply(text=text)) for case, text in answers])


def test_a_suite_scores_answers_from_elsewhere(asked: JudgeRequest):
    """Right, wrong and failed assertions have a score, in the order of the answers; what broke has an error; and the
    same case is judged as often as it comes."""
    with SuiteJudge(asked) as judge:
        assert judge.suite.name == "eval_it::eval_words"
        found = judged(judge, ("one", "one"), ("two", "one"), ("one", "assert"), ("one", "break"), ("three", ""))
        assert [one.value for one in found] == [1.0, 0.0, 0.0, None, None]
        assert found[3].error.startswith("OSError: no database") and "no case" in found[4].error
        assert [one.value for one in judged(judge, ("one", "x"), ("one", "one"), ("two", "two"))] == [0.0, 1.0, 1.0]


def test_a_suite_tells_what_it_asks(asked: JudgeRequest):
    """The request has the prompt in front, the case's conversation, and the suite's own bound of tokens."""
    prompt = Prompt(name="short", messages=(from_chat({"role": "system", "content": "Be brief."}),))
    with SuiteJudge(JudgeRequest(asked.suite, asked.paths, asked.cases, prompt)) as judge:
        (request,) = judge.requests(["two"])
    assert [message.text for message in request.messages] == ["Be brief.", "What?"] and request.max_tokens == 17


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("eval_other", UsageError, "there is no suite named 'eval_other'"),
        ("eval_cost", UsageError, "a budget cannot judge"),
    ],
)
def test_a_suite_that_cannot_judge_is_refused(asked: JudgeRequest, name: str, error: type[Exception], words: str):
    """An unknown suite and a budget are refused when the judge is opened, with the suites that there are."""
    with pytest.raises(error, match=words) as caught:
        SuiteJudge(JudgeRequest(name, asked.paths, asked.cases))
    assert "eval_it::eval_words" in caught.value.next


def test_a_suite_that_asks_twice_cannot_judge(asked: JudgeRequest):
    """A conversation of several turns has no single answer to judge: each is an error, never a score."""
    with SuiteJudge(JudgeRequest("eval_twice", asked.paths, asked.cases)) as judge:
        (found,) = judged(judge, ("one", "x"))
    assert found.value is None and "asks more than once" in found.error


def test_a_file_that_does_not_load_is_named(tmp_path: Path, asked: JudgeRequest):
    """A broken eval file is said to be broken, with its error."""
    (tmp_path / "eval_broken.py").write_text("import nothing_of_this_name", encoding="utf-8")
    with pytest.raises(InvalidError, match="do not load.*nothing_of_this_name"):
        SuiteJudge(JudgeRequest("eval_broken", (str(tmp_path),), asked.cases))
