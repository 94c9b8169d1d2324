"""Judging an application: its answers are scored, its calls go to the arm, and whatever goes wrong is the case's error."""

import json
import os
import shlex
import sys
import time
from pathlib import Path
from textwrap import dedent

import pytest

from harness.errors import InvalidError
from harness.evaluate.runner.conditions import Conditions
from harness.evaluate.stage import evaluate
from harness.types import Application, Arm, EvalRequest

DOCS = Path(__file__).parents[3] / "docs" / "how-to" / "evaluate-your-app.md"
EVAL = """
from trueup import cases, score

@cases([{"id": f"c{n}", "text": f"say {n}", "expected": f"{n}", "secret": "gold"} for n in range(4)])
def eval_word(case, model):
    return score.text(model.chat(case.messages), case.expected)
"""
ASK = """
import json, os, sys, urllib.request

def ask(text, path="/chat/completions", **more):
    body = {"model": "any", "messages": [{"role": "user", "content": text}], **more}
    request = urllib.request.Request(os.environ["OPENAI_BASE_URL"] + path, json.dumps(body).encode())
    return json.load(urllib.request.urlopen(request))["choices"][0]["message"]["content"]

case = json.load(sys.stdin)
"""
ARM = Arm(name="arm", backend="scripted", options={"replies": [{"match": r"(\d+)", "reply": r"\1"}]})


@pytest.fixture
def judged(tmp_path):
    """The run of an application whose body is given, and the events on the way."""
    (tmp_path / "evals").mkdir()
    (tmp_path / "evals" / "eval_it.py").write_text(EVAL)

    def run(body, *, seconds=60.0, command="", arm=ARM, **options):
        (tmp_path / "app.py").write_text(ASK + dedent(body))
        command = command or f"{shlex.quote(sys.executable)} app.py"
        application = Application(command=command, folder=str(tmp_path), seconds=seconds)
        out, events = str(tmp_path / "out"), []
        paths = (str(tmp_path / "evals"),)
        request = EvalRequest(arms=(arm,), paths=paths, out=out, application=application, **options)
        (found,) = evaluate(request, on_event=events.append)
        return found, events

    return run


def test_an_application_is_judged_by_the_suites_of_its_model(judged):
    """What it prints is the reply; its calls are recorded before it, and leave in one batch for all cases."""
    run, events = judged('print(ask("please " + case["text"]))')
    assert [result.score("exact") for result in run.results] == [1.0] * 4, [r.error for r in run.results] and not any(
        r.error for r in run.results
    )
    first = run.results[0]
    assert [(reply.text, reply.finish_reason) for reply in first.replies] == [("0", "stop"), ("0", "application")]
    assert [event["requests"] for event in events if event["event"] == "asking"] == [4]


def test_it_is_given_the_case_without_what_is_expected(judged, tmp_path):
    """Id, text and messages; neither `expected` nor further columns, which may hold the answer."""
    judged('open(f"{case[\'id\']}.json", "w").write(json.dumps(case)); print(ask(case["text"]))')
    given = json.loads((tmp_path / "c2.json").read_text())
    assert given == {"id": "c2", "text": "say 2", "messages": [{"role": "user", "content": "say 2"}]}


def test_each_step_of_several_applications_is_one_batch(judged):
    """Their second calls wait for each other too."""
    run, events = judged('print(ask(ask(case["text"])))')
    assert [event["requests"] for event in events if event["event"] == "asking"] == [4, 4]
    assert [result.score("exact") for result in run.results] == [1.0] * 4, [r.error for r in run.results]


FAULTS = {
    "crash": ('ask("1"); raise SystemExit(3)', "ended with exit code 3"),
    "signal": ('ask("1"); os.kill(os.getpid(), 9)', "was killed by signal 9"),
    "nothing": ('ask("1")', "wrote no answer"),
    "garbage": ('ask("1"); sys.stdout.buffer.write(b"\\xff\\xfe\\x00")', "is not UTF-8"),
    "endless": ('ask("1")\nwhile True: print("x" * 100000)', "wrote more than 4 MiB"),
    "slow": ('ask("1"); import time; time.sleep(600)', "took longer than 2 s"),
    "swallowed": ('\ntry: ask("1", path="/embeddings")\nexcept Exception: print("1")', "asked for /embeddings"),
    "unsupported": ('\ntry: ask("1", n=2)\nexcept Exception: print("1")', "asked for n=2"),
    "image": ('\ntry: ask([{"type": "image_url"}])\nexcept Exception: print("1")', "sent what is not text"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_goes_wrong_is_an_error_of_the_case(judged, name):
    """Never a wrong answer, whatever the application makes of it: it says nothing of the model."""
    body, told = FAULTS[name]
    seconds = 2.0 if name == "slow" else 60.0
    run, _ = judged(f'if case["id"] != "c1": print(ask(case["text"])); raise SystemExit\n{body}', seconds=seconds)
    errors = {result.case_id: result.error for result in run.results if result.error}
    assert list(errors) == ["c1"] and told in errors["c1"]


def test_a_command_that_is_not_there_says_so(judged):
    """Every case is an error that names the command."""
    run, _ = judged("", command="no-such-program --at-all")
    assert all("the application cannot be started" in result.error for result in run.results)


def test_an_application_that_asks_no_model_says_nothing_of_the_arm(judged):
    """All arms would score the same: the evaluation is invalid."""
    with pytest.raises(InvalidError, match="asked no model for any case"):
        judged('print("1")')


def test_a_fault_of_the_model_is_the_cases_error(judged):
    """Though the application answers something in its place."""
    arm = Arm(name="arm", backend="scripted", options={"replies": [{"match": ".", "error": "HTTP 503"}]})
    run, _ = judged('\ntry: print(ask("x"))\nexcept Exception: print("0")', arm=arm)
    assert all("HTTP 503" in result.error for result in run.results)


def test_nothing_of_an_application_goes_on_after_its_case(judged, tmp_path):
    """A process that it left behind is killed with it."""
    code = f"import time; time.sleep(5); open({str(tmp_path / 'late')!r}, 'w')"
    judged(
        f'import subprocess; subprocess.Popen([sys.executable, "-c", {code!r}]); print(ask(case["text"]))', seconds=20
    )
    time.sleep(6)
    assert not (tmp_path / "late").exists()


def test_another_application_is_another_condition(judged, tmp_path):
    """Runs of two versions of a program are not compared as if only the model differed."""
    found = [judged(body, root=str(tmp_path))[0].conditions for body in ('print(ask("1"))', 'print(ask("2"))')]
    assert found[0]["application"] != found[1]["application"] and isinstance(Conditions(tmp_path).digests(), dict)


def test_the_example_of_the_documentation_works(tmp_path, judged):
    """The program in docs/how-to/evaluate-your-app.md, as it is printed there."""
    pytest.importorskip("openai")
    code = DOCS.read_text(encoding="utf-8").split("```python\n# app.py\n")[1].split("```")[0]
    (tmp_path / "documented.py").write_text(code)
    run, _ = judged("", command=f"{shlex.quote(sys.executable)} documented.py")
    assert [result.score("exact") for result in run.results] == [1.0] * 4, [r.error for r in run.results]
    assert os.environ.get("OPENAI_BASE_URL") is None
