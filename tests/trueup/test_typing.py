"""A user's eval file has types: mypy and pyright know every public name, and none of them is Any."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import trueup
from harness.core.plugins import names

ROOT = Path(__file__).parents[2]
THIRD = ("torch", "transformers", "datasets", "pandas", "peft", "numpy", "pyarrow", "sklearn", "scipy", "lm_eval")
HEAVY = f"[mypy-{','.join(f'{name}.*' for name in THIRD)}]\n"
"""Not read by mypy here: they take minutes, and no public name has a type of theirs."""
FILE = """
from trueup import Case, Model, Project, Reply, Score, budget, cases, contract, guard, info, judge, score, suite, target
from trueup import tools, user
from trueup.lm_tasks import task

tone = judge("The answer is polite.", name="tone")
guest = user.model(by="guest", goal="{wish}")

@suite(role=target(min_gain=0.05), cluster="session_id", tags=["tone"])
@cases("orders.jsonl", id="number")
def eval_orders(case: Case, model: Model) -> tuple[Score, ...]:
    reply: Reply = model.chat(case.messages, max_tokens=64)
    assert reply.text, "an answer"
    return (score.text(reply, case.expected), *score.json_fields(reply, case.expected), tone(reply, case))

@suite(role=guard(margin=0.02))
@cases.held_out("orders")
def eval_guard(case: Case, model: Model) -> Score:
    return score.label(model.chat(case.text), "yes", among=["yes", "no"])

@suite(role=contract())
def eval_contract(model: Model) -> None:
    assert model.session("hello").say("more").text

def find(order: str) -> str:
    if order != "7":
        raise tools.Refused("no such order")
    return "late"

@cases("runs.jsonl")
def eval_agent(case: Case, model: Model) -> Score:
    run = model.session(case.messages, tools=[find, *tools.recorded(case)], turns=8).play(user=guest(case))
    model.session("hello", tools=tools.methods(case)).play(user=user.scripted(["yes"]))
    return score.check("done", run.ended == "done", run.text)

@suite(role=budget(limit=9.0))
def eval_budget(model: Model) -> Score:
    return score.budget(model.chat("hello"))

@suite(role=info())
@cases.regression()
def eval_info(case: Case, model: Model) -> float:
    return model.loglikelihood(case.text, " yes")
"""
TYPES = {
    "target": "Target",
    "guard": "Guard",
    "contract": "Contract",
    "budget": "Budget",
    "info": "Info",
    "suite": "F",
    "cases": "Cases",
    "cases.held_out": "F",
    "judge": "Judge",
    "tone": "Judge",
    "task": "Task",
    "guest": "SimulatedUser",
    "tools.recorded": "Tool",
    "user.scripted": "ScriptedUser",
    "Model.session": "AgentSession",
    "score.text": "Score",
    "Project": "Project",
    "Project.open": "Project",
    "Case": "Case",
    "Model": "Model",
    "Model.chat": "Reply",
    "Reply": "Reply",
    "Score": "Score",
    "eval_orders": "Score",
    "eval_guard": "Model",
}
"""What `reveal_type` is asked of, and a word of its answer."""
EXPRESSIONS = [*TYPES, *(f"score.{name}" for name in names("scorers") if name != "text")]
WRONG = ("score.text('a', 'b', contain=True)", "target(gain=1)", "Model.chatt", "trueup.suits")
"""Mistakes, one a line, after the line that imports `trueup`."""


@pytest.fixture
def folder(tmp_path):
    shown = "".join(f"reveal_type({expression})\n" for expression in EXPRESSIONS)
    (tmp_path / "eval_typed.py").write_text(FILE + shown)
    (tmp_path / "eval_wrong.py").write_text(
        "\n".join(["from trueup import Model, score, target", "import trueup", *WRONG, ""])
    )
    return tmp_path


def mypy(folder, name):
    """Its answers and its errors, each with the line."""
    api = pytest.importorskip("mypy", reason="mypy is not installed")
    assert api
    settings = folder / "mypy.ini"
    settings.write_text(f"[mypy]\nmypy_path = {ROOT}\n{HEAVY}follow_imports = skip\n")
    command = [sys.executable, "-m", "mypy", "--strict", "--ignore-missing-imports", "--config-file", settings]
    cache = ["--cache-dir", ROOT / ".mypy_cache" / "typing"]
    ended = subprocess.run([*command, *cache, folder / name], capture_output=True, text=True, cwd=folder, timeout=1800)
    lines = [line for line in ended.stdout.splitlines() if line.startswith(name)]
    shown = [line.partition('Revealed type is "')[2].rstrip('"') for line in lines if "Revealed type" in line]
    return shown, [(int(line.split(":")[1]), line) for line in lines if ": error:" in line]


def pyright(folder, name):
    """The same by pyright, from the package basedpyright, which brings its own node."""
    program = shutil.which("basedpyright", path=Path(sys.executable).parent) or shutil.which("basedpyright")
    if not program:
        pytest.skip("basedpyright is not installed (pip install basedpyright)")
    settings = {
        "include": [name],
        "typeCheckingMode": "strict",
        "pythonPath": sys.executable,
        "extraPaths": [str(ROOT)],
    }
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    command = [program, "--outputjson", "--pythonpath", sys.executable, "-p", folder / "pyrightconfig.json"]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=1800)
    found = json.loads(ended.stdout)["generalDiagnostics"]
    shown = [item["message"] for item in found if item["severity"] == "information"]
    revealed = [text.partition(' is "')[2].rstrip('"') for text in shown if text.startswith("Type of")]
    return revealed, [
        (item["range"]["start"]["line"] + 1, item["message"]) for item in found if item["severity"] == "error"
    ]


@pytest.mark.parametrize("check", [mypy, pyright])
def test_no_public_name_is_any(folder, check):
    """Each name that an eval file may use has its type, in strict mode, without an error."""
    assert set(trueup.__all__) <= set(re.findall(r"\w+", FILE))
    shown, errors = check(folder, "eval_typed.py")
    assert errors == [] and len(shown) == len(EXPRESSIONS)
    for expression, kind in zip(EXPRESSIONS, shown, strict=True):
        result = kind.rpartition("->")[2] or kind
        assert TYPES.get(expression, "Score") in kind, expression
        assert not re.fullmatch(r"\s*(Any|Unknown|builtins\.Any)\s*", result), f"{expression}: {kind}"
        assert "Unknown" not in kind, f"{expression}: {kind}"


@pytest.mark.parametrize("check", [mypy, pyright])
def test_mistakes_are_seen(folder, check):
    """A misspelt argument, method or name is an error before anything is run."""
    _, errors = check(folder, "eval_wrong.py")
    assert {line for line, _ in errors} == {3, 4, 5, 6}
