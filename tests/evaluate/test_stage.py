"""The evaluate stage: suites x arms in a child process, with wrong answers, errors and problems kept apart."""

import os
import subprocess
import sys
import time
from textwrap import dedent

import pytest

from harness.core.codec import from_chat
from harness.errors import InvalidError, UsageError
from harness.evaluate.runner.survey import run_file
from harness.evaluate.stage import collect, evaluate
from harness.types import Arm, EvalRequest, Prompt

ECHO = Arm(name="echo", backend="scripted")
HEADER = "import pytest\nfrom harness import *\n"


@pytest.fixture
def project(tmp_path):
    """Write an eval file and give the request that runs it."""

    def make(body, *arms, name="eval_it.py", **options):
        folder = tmp_path / "evals"
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(HEADER + dedent(body))
        out = str(tmp_path / "out")
        return EvalRequest(arms=arms or (ECHO,), paths=(str(folder),), out=out, **options)

    return make


def by_id(run):
    return {result.case_id: result for result in run.results}


def test_every_outcome_is_recorded_as_what_it_is(project):
    """Scores, failed assertions, exceptions, skips and broken fixtures each end as what they are, and none vanishes."""
    (run,) = evaluate(
        project(
            """
            from msgspec.structs import replace

            @pytest.fixture
            def broken():
                raise OSError("no database")

            rows = [{"id": name, "text": name} for name in
                    "right wrong asserts raises skips nan text bool several".split()]

            @suite(metric="exact")
            @cases(rows)
            def eval_it(case, model):
                said = model.chat(case.messages).text
                if said == "asserts": assert said == "other"
                if said == "raises": raise KeyError("column")
                if said == "skips": pytest.skip("not tonight")
                if said == "nan": return float("nan")
                if said == "text": return "fine"
                if said == "bool": return True
                if said == "several": return score.text(said, "several"), 0.5
                return score.text(said, "right")

            @cases([{"id": "case"}])
            def eval_fixture(case, broken):
                pass

            @cases([{"id": "session", "text": "hello"}])
            def eval_session(case, model):
                talk = model.session(case.messages)
                talk.say("again")
                talk.messages.append(replace(talk.messages[0], role="tool"))
                return True
            """
        )
    )
    results = by_id(run)
    assert len(results) == 11
    assert [(message.role, message.text) for message in results["session"].closing] == [("tool", "hello")]
    scores = {name: [(item.name, item.value) for item in result.scores] for name, result in results.items()}
    assert scores["right"] == [("exact", 1), ("passed", 1)]
    assert scores["wrong"] == [("exact", 0), ("passed", 1)]
    assert scores["asserts"] == [("exact", 0), ("passed", 0)]
    assert "assert 'asserts' == 'other'" in results["asserts"].scores[1].explanation
    assert "no score is named 'exact'" in results["bool"].error and "there is passed" in results["bool"].error
    assert scores["several"] == [("exact", 1), ("score", 0.5), ("passed", 1)]
    assert results["skips"].skipped == "not tonight"
    assert results["raises"].error.startswith("KeyError: 'column'") and "eval_it.py:" in results["raises"].error
    assert "not a number" in results["nan"].error
    assert "returned str" in results["text"].error
    assert results["case"].error.startswith("OSError: no database")
    assert all(not scores[name] for name in ("raises", "skips", "nan", "text", "bool", "case"))
    assert results["right"].replies[0].text == "right"


def test_arms_get_the_same_cases_in_the_same_order_each_under_its_prompt(project):
    """Two arms are asked the same, and each has its own prompt in front."""
    prompt = Prompt(name="short", messages=(from_chat({"role": "user", "content": "Before:"}),))
    first, second = evaluate(
        project(
            """
            @cases([{"id": str(n), "text": str(n)} for n in range(5)])
            def eval_it(case, model):
                assert model.arm.name == "echo" or model.chat([]).text == "Before:"
                return score.text(model.chat(case.messages), "bye")
            """,
            ECHO,
            Arm(name="short", backend="scripted", options={"replies": {"3": "bye"}}, prompt=prompt),
        )
    )
    assert [r.case_id for r in first.results] == [r.case_id for r in second.results] == list("01234")
    assert [r.scores[0].value for r in first.results] == [0, 0, 0, 0, 0]
    assert [r.scores[0].value for r in second.results] == [0, 0, 0, 1, 0]
    assert first.suites == second.suites and first.model_digest != second.model_digest


def test_a_second_run_generates_nothing_and_has_the_same_id(project, tmp_path):
    """With a reply cache the same request is answered from it; a changed case asks the model for that case only."""
    body = """
    @cases([{{"id": "a", "text": "{}"}}, {{"id": "b", "text": "two"}}])
    def eval_it(case, model):
        return score.text(model.chat(case.messages), case.text)
    """
    replies = str(tmp_path / "replies")
    (first,) = evaluate(project(body.format("one"), replies=replies))
    (second,) = evaluate(project(body.format("one"), replies=replies))
    (changed,) = evaluate(project(body.format("three"), replies=replies))
    assert (first.generated, second.generated, changed.generated) == (2, 0, 1)
    assert first.id == second.id != changed.id
    assert first.suites[0].digest == second.suites[0].digest != changed.suites[0].digest


@pytest.mark.parametrize("configured", [False, True])
def test_a_run_is_the_same_wherever_its_project_lies(tmp_path, configured):
    """What pytest takes for its root, such as a folder above with a pytest.ini, is in no id."""
    body, runs = (
        f"{HEADER}@cases([{{'id': 'a', 'text': 'x'}}])\ndef eval_it(case, model): assert model.chat(case.messages)\n",
        [],
    )
    for place in ("here/desk", "there/deeper/desk"):
        folder = tmp_path / place / "evals"
        folder.mkdir(parents=True)
        (folder / "eval_it.py").write_text(body)
        if configured:
            (folder.parents[1] / "pytest.ini").write_text("[pytest]\n")
        root = str(folder.parent)
        runs += evaluate(EvalRequest(arms=(ECHO,), paths=(str(folder),), out=str(tmp_path / "out"), root=root))
    assert runs[0].suites[0].file == "evals/eval_it.py"
    assert runs[0].id == runs[1].id


def test_a_changed_helper_changes_the_suite(project, tmp_path):
    """What a suite leans on is part of what it is: a run scored by an older helper is not compared with a newer one."""
    request = project("def eval_it(model):\n    assert model.chat('hi').text\n")
    digests = []
    for text in ("", "LIMIT = 1", "LIMIT = 2"):
        (tmp_path / "evals" / "helper.py").write_text(text)
        digests.append(collect(request)[0].digest)
    assert len(set(digests)) == 3


def test_a_failing_environment_is_retried_by_the_next_run_only(project, tmp_path):
    """An exception from the backend is the case's error and is not cached."""
    script = tmp_path / "script.jsonl"
    script.write_text('{"match": "b", "error": "connection reset"}')
    arm = Arm(name="echo", backend="scripted", model=str(script))
    request = project(
        """
        @cases([{"id": "a", "text": "a"}, {"id": "b", "text": "b"}])
        def eval_it(case, model):
            return score.text(model.chat(case.messages), case.text)
        """,
        arm,
        replies=str(tmp_path / "replies"),
    )
    (run,) = evaluate(request)
    assert by_id(run)["a"].scores[0].value == 1
    assert by_id(run)["b"].error.startswith("TrueupError: connection reset")
    assert evaluate(request)[0].generated == 0


def test_repeats_are_results_of_their_own(project):
    """Each repeat is asked, scored and named; the request overrides the suite."""
    body = """
    @suite(repeats=3)
    @cases([{"id": "a", "text": "a"}])
    def eval_it(case, model):
        return score.text(model.chat(case.messages), "a")
    """
    (run,) = evaluate(project(body))
    assert [(r.case_id, r.repeat) for r in run.results] == [("a", 0), ("a", 1), ("a", 2)] and run.generated == 3
    assert collect(project(body, repeats=2))[0].repeats == 2


PROBLEMS = {
    "def eval_it(model): return (": "SyntaxError",
    "import not_there": "ModuleNotFoundError",
    "raise ValueError('broken on purpose')": "broken on purpose",
    "@cases('nowhere.jsonl')\ndef eval_it(case, model): pass": "does not exist",
    "@cases([])\ndef eval_it(case, model): pass": "no cases",
    "@cases([{'id': '1'}, {'id': '1'}])\ndef eval_it(case, model): pass": "not unique",
    "@cases([{'id': '1'}])\ndef eval_it(model): pass": "no argument named `case`",
    "def eval_it(case, model): pass": "has no @cases",
    "@suite(role='guard')\ndef eval_it(model): pass": "not a role",
}


def test_what_cannot_be_collected_is_a_problem_and_hides_nothing(project):
    """Each broken file is a problem that the gate sees, the other suites run, and `collect` knows the difference."""
    request = project("def eval_good(model): return True", name="eval_good.py")
    good = collect(request)
    for number, body in enumerate(PROBLEMS):
        project(body, name=f"eval_{number}.py")
    (run,) = evaluate(request)
    assert [result.suite for result in run.results] == ["eval_good::eval_good"]
    assert len(run.problems) == len(PROBLEMS)
    for number, message in enumerate(PROBLEMS.values()):
        assert any(f"eval_{number}.py" in problem and message in problem for problem in run.problems), message
    everything = collect(request)
    assert good[0] in everything and len(everything) == 1 + len(PROBLEMS)
    assert len({suite.digest for suite in everything}) == len(everything)


def test_an_evaluation_of_nothing_is_a_problem(project):
    """No eval function, or none that is selected, never looks like a pass."""
    assert evaluate(project("x = 1"))[0].problems == ("no cases: nothing was collected",)


def test_a_fixture_that_is_not_there_is_each_cases_error(project):
    """A missing fixture is an error of the suite."""
    (run,) = evaluate(project("@cases([{'id': '1'}])\ndef eval_it(case, nowhere): pass"))
    assert "nowhere" in run.results[0].error


def test_a_model_that_is_not_there_is_an_error_of_every_case(project, tmp_path):
    """Cases that need the model are errors with the reason, not wrong answers, and the run has a problem."""
    arm = Arm(name="base", backend="scripted", model=str(tmp_path / "nowhere.json"))
    (run,) = evaluate(project("def eval_it(model): return score.text(model.chat('x'), 'x')", arm))
    assert "cannot be read" in run.results[0].error
    assert "cannot be had" in run.problems[0]


def test_selecting_and_suite_names(project):
    """-k selects, `Suite.cases` still counts all, and the name is the path below the eval root."""
    request = project(
        """
        @suite(role=target(0.1), slices=["kind"], owner="desk", tags="fast")
        @cases([{"id": "one", "kind": "x"}, {"id": "two", "kind": "y"}])
        def eval_it(case, model):
            return True
        """,
        select="one",
    )
    (run,) = evaluate(request)
    assert [r.case_id for r in run.results] == ["one"]
    (suite,) = run.suites
    assert (suite.name, suite.cases, suite.metric) == ("eval_it::eval_it", 2, "passed")
    assert (suite.slices, suite.owner, suite.tags) == (("kind",), "desk", ("fast",))
    assert [case["kind"] for case in run.cases[suite.name]] == ["x"]


def test_progress_is_told_case_by_case(project):
    """Events count the cases of each arm up to its total."""
    events = []
    evaluate(project("@cases([{'id': 'a'}, {'id': 'b'}])\ndef eval_it(case, model): pass"), on_event=events.append)
    assert [event["done"] for event in events if event["event"] == "case"] == [1, 2]
    assert {event["total"] for event in events if event["event"] == "case"} == {2}


def test_arguments_that_pytest_refuses_are_a_usage_error(project):
    """A bad -k expression ends with pytest's words."""
    with pytest.raises(UsageError, match="pytest refused"):
        evaluate(project("def eval_it(model): pass", select="and and"))
    with pytest.raises(UsageError, match="no arm"):
        evaluate(EvalRequest(arms=(), paths=(), out="out"))


def test_a_child_that_dies_is_an_error_and_leaves_no_run(project, tmp_path):
    """Eval code that takes the whole process down raises, with the signal and the log."""
    stale = tmp_path / "out" / run_file("echo")
    stale.parent.mkdir()
    stale.write_text("{}")
    with pytest.raises(InvalidError, match="killed by signal 9"):
        evaluate(project("import os, signal\ndef eval_it(model): os.kill(os.getpid(), signal.SIGKILL)"))
    assert not stale.exists()
    with pytest.raises(InvalidError, match="ended without results"):
        evaluate(project("import os\ndef eval_it(model): os._exit(0)"))


def test_the_child_ends_when_its_parent_is_killed(project, tmp_path):
    """No evaluation is left running, not even in the middle of a long case."""
    note = tmp_path / "pid"
    request = project(
        f"""
        import os, pathlib, time
        def eval_it(model):
            pathlib.Path({str(note)!r}).write_text(str(os.getpid()))
            time.sleep(600)
        """
    )
    code = f"from harness.evaluate.stage import *\nfrom harness.types import *\nevaluate({request!r})"
    parent = subprocess.Popen([sys.executable, "-c", code])
    while not (note.exists() and note.read_text()):
        assert parent.poll() is None
        time.sleep(0.05)
    parent.kill()
    parent.wait()
    child, deadline = int(note.read_text()), time.monotonic() + 300
    while alive(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(child)


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rsplit(")", 1)[1].split()[0] != "Z"


def test_a_killed_run_repeats_no_finished_batch(project, tmp_path):
    """After a kill in the middle, the next run asks only what was not answered, and ends with the same id."""
    body = """
    import os, pathlib, signal
    flag = pathlib.Path({flag!r})

    @cases([{{"id": str(n), "text": str(n)}} for n in range(20)])
    def eval_it(case, model):
        said = model.chat(case.messages).text
        if said == "13" and not flag.exists():
            flag.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return score.text(said, case.text)
    """
    body = body.format(flag=str(tmp_path / "flag"))
    request = project(body, replies=str(tmp_path / "replies"), batch_size=4)
    with pytest.raises(InvalidError):
        evaluate(request)
    (resumed,) = evaluate(request)
    assert resumed.generated == 4  # batches 0-3, 4-7, 8-11 and 12-15 were answered before the kill
    (whole,) = evaluate(project(body, batch_size=4))
    assert whole.generated == 20 and whole.id == resumed.id
