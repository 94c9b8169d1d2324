"""An engineer's own pytest run, undisturbed by trueup: its packages, its options, its files."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from harness.core import codec
from harness.types import Call, Message, TextPart

ROOT = Path(__file__).parents[2]
EVAL = "from trueup import cases, suite\n@suite()\n@cases([{'id': 'a', 'text': 'a'}, {'id': 'b', 'text': 'b'}])\n"
SHOWN = EVAL + "def eval_word(case, model):\n    assert model.chat(case.messages).text == case.text\n"
WATCH = """
import sys

def pytest_unconfigure():
    ours = sorted(name for name in sys.modules if name.split(".")[0] in ("harness", "trainers", "reports"))
    print("LOADED", "trueup.pytest_plugin" in sys.modules, ours)
"""


def run(folder, *args, path=ROOT, plugin="trueup.pytest_plugin"):
    """A pytest process of its own, as an engineer starts it who has only trueup installed."""
    environment = {**os.environ, "PYTHONPATH": str(path), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-m", "pytest", "-p", plugin, "-p", "no:cacheprovider", "-rs", *args]
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)
    return ended.returncode, ended.stdout + ended.stderr


@pytest.fixture
def repository(tmp_path):
    """Tests and packages of the user's that are named as ours are, and no eval files."""
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    for name in ("harness", "trainers", "reports"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"OWNER = 'user of {name}'\n")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "__init__.py").write_text("")
    (tmp_path / "tests" / "test_own.py").write_text(
        "import harness, reports, trainers\n"
        "def test_own():\n    assert [m.OWNER[8:] for m in (harness, reports, trainers)] == ['harness', 'reports', 'trainers']\n"
    )
    return tmp_path


def test_the_plugin_loads_nothing_of_ours_before_an_eval_file(tmp_path):
    """Its options and its configuration cost another project no module of `harness`, `trainers` or `reports`."""
    (tmp_path / "conftest.py").write_text(WATCH)
    (tmp_path / "test_plain.py").write_text("def test_plain(): pass\n")
    code, text = run(tmp_path)
    assert code == 0 and "LOADED True []" in text


@pytest.mark.parametrize("installed", [False, True], ids=["beside the checkout", "installed"])
def test_a_repository_with_packages_named_as_ours_runs_its_tests(repository, tmp_path_factory, installed):
    """Its own `harness`, `trainers` and `reports` are what its tests import."""
    path = ROOT
    if installed:  # as pip lays it out: packages side by side in one folder
        path = tmp_path_factory.mktemp("site-packages")
        for name in ("trueup", "harness", "trainers", "reports"):
            (path / name).symlink_to(ROOT / name)
    code, text = run(repository, path=path)
    assert code == 0 and "1 passed" in text


def test_such_a_repository_may_have_eval_files_too(repository):
    """Without a model they are skipped with the reason, though they are collected before the tests."""
    (repository / "evals").mkdir()
    (repository / "evals" / "eval_word.py").write_text(SHOWN)
    code, text = run(repository)
    assert code == 0 and "1 passed, 1 skipped" in text and "hides trueup's" in text
    (repository / "script.json").write_text("{}")
    code, text = run(repository, "--model", "scripted:script.json")
    assert code == 2 and "hides trueup's" in text


def test_bare_pytest_runs_the_tests_and_skips_the_cases(tmp_path):
    """Tests and evals side by side: each case is skipped with what to type; evals alone are a mistake."""
    for name, text in (("tests/test_plain.py", "def test_plain(): pass\n"), ("evals/eval_word.py", SHOWN)):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
    code, text = run(tmp_path)
    assert code == 0 and "1 passed, 2 skipped" in text and "an eval case needs a model: pytest ... --model NAME" in text
    assert run(tmp_path, "evals")[0] == 4
    (tmp_path / "script.json").write_text("{}")
    code, text = run(tmp_path, "--model", "scripted:script.json")
    assert code == 0 and "3 passed" in text


@pytest.mark.parametrize("name", ["model", "repeats", "app", "otel"])
def test_an_option_of_the_users_stays_theirs(tmp_path, name):
    """A conftest with an option of the same name works, and ours is there as `--trueup-NAME`."""
    (tmp_path / "conftest.py").write_text(
        f"def pytest_addoption(parser):\n    parser.addoption('--{name}', default='', help='theirs')\n"
    )
    (tmp_path / "test_plain.py").write_text(
        f"def test_plain(pytestconfig):\n    assert pytestconfig.getoption('--{name}') == 'mine'\n"
    )
    (tmp_path / "eval_word.py").write_text(SHOWN)
    (tmp_path / "script.json").write_text("{}")
    code, text = run(tmp_path, f"--{name}", "mine")
    assert code == 0 and "1 passed, 2 skipped" in text
    code, text = run(tmp_path, f"--{name}", "mine", "--trueup-model", "scripted:script.json")
    assert code == 0 and "3 passed" in text


CONFIG = '[project]\nname = "desk"\n[eval]\npaths = ["quality"]\n'


def test_only_eval_paths_and_declared_functions_are_evals(tmp_path):
    """Outside of [eval] paths a file of that name is not even imported, unless a function of it is declared."""
    (tmp_path / "trueup.toml").write_text(CONFIG)
    (tmp_path / "script.json").write_text("{}")
    files = {
        "quality/eval_inside.py": "def eval_inside(model): pass\n",
        "src/eval_metrics.py": "raise RuntimeError('imported')\ndef eval_metrics(model): pass\n",
        "src/eval_declared.py": SHOWN + "def eval_undeclared(model): pass\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    code, text = run(tmp_path, "--collect-only", "-q", "--model", "scripted:script.json")
    listed = [line for line in text.splitlines() if "::" in line]
    assert code == 0
    assert listed == [
        "quality/eval_inside.py::eval_inside",
        "src/eval_declared.py::eval_word[a]",
        "src/eval_declared.py::eval_word[b]",
    ]


@pytest.mark.parametrize("option", ["--model", "--trueup-model"])
def test_the_path_of_a_model_is_no_root(tmp_path, option):
    """A model elsewhere, below settings of its own: neither its folder nor its settings become those of the run."""
    elsewhere, here = tmp_path / "elsewhere", tmp_path / "here"
    for folder in (elsewhere / "model", here):
        folder.mkdir(parents=True)
    (elsewhere / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers --tb=no -rN -q -q\n")
    (elsewhere / "model" / "config.json").write_text("{}")
    (here / "pytest.ini").write_text("[pytest]\naddopts = -k 'not b'\n")
    (here / "eval_word.py").write_text(SHOWN)
    code, text = run(here, "eval_word.py", option, str(elsewhere / "model"), "--collect-only")
    assert code == 0 and f"rootdir: {here}\n" in text and "configfile: pytest.ini" in text
    assert "1/2 tests collected (1 deselected)" in text


def test_a_default_model_is_asked_where_evals_are_named(tmp_path):
    """`[eval] model` stands in for --model in `pytest evals`; bare `pytest` beside tests asks no model."""
    (tmp_path / "trueup.toml").write_text('[eval]\nmodel = "scripted:script.json"\n')
    (tmp_path / "script.json").write_text("{}")
    for name, text in (("tests/test_plain.py", "def test_plain(): pass\n"), ("evals/eval_word.py", SHOWN)):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
    code, text = run(tmp_path, "evals")
    assert code == 0 and "2 passed" in text and "scores of scripted" in text
    code, text = run(tmp_path / "evals", "eval_word.py::eval_word[a]")
    assert code == 0 and "1 passed" in text
    code, text = run(tmp_path)
    assert code == 0 and "1 passed, 2 skipped" in text


def test_bare_pytest_skips_where_there_are_evals_only(tmp_path):
    """Nobody asked for the evals, so it is no mistake that no model was named."""
    (tmp_path / "evals").mkdir()
    (tmp_path / "evals" / "eval_word.py").write_text(SHOWN)
    code, text = run(tmp_path)
    assert code == 0 and "2 skipped" in text


def test_what_production_was_never_asked_is_skipped(tmp_path):
    """With recorded answers as the model, cases without one are skipped and not scored; a wrong answer still fails."""
    said = [Message(role=role, parts=(TextPart(text="a"),)) for role in ("user", "assistant")]
    codec.write_lines(tmp_path / "calls.jsonl", [Call(id="1", input=(said[0],), output=(said[1],))])
    (tmp_path / "eval_word.py").write_text(SHOWN)
    code, text = run(tmp_path, "--model", "recorded:calls.jsonl")
    assert code == 0 and "1 passed, 1 skipped" in text and "no recorded call answers this conversation" in text
    (tmp_path / "eval_word.py").write_text(SHOWN.replace("== case.text", "== 'b'"))
    assert run(tmp_path, "--model", "recorded:calls.jsonl")[0] == 1


def test_scores_of_all_processes_are_summed(tmp_path):
    """With -n 2 the summary has the means over all cases, each counted once, repeats included."""
    (tmp_path / "script.json").write_text('{"0": "wrong", "1": "wrong"}')
    (tmp_path / "eval_word.py").write_text(
        "from trueup import cases, score, suite\n@suite(repeats=2)\n"
        "@cases([{'id': f'c{n}', 'text': str(n)} for n in range(8)])\n"
        "def eval_word(case, model):\n    return score.text(model.chat(case.messages), case.text)\n"
    )
    code, text = run(tmp_path, "--model", "scripted:script.json", "-p", "xdist", "-n", "2", "--tb=no")
    assert code == 1 and "eval_word::eval_word: exact 0.750 (16 cases, 0 errors)" in text
    assert "scripted: 16 calls (0 cached)" in text and text.count("scores of scripted") == 1


def test_collecting_a_thousand_cases_costs_little(tmp_path):
    """No model, no statistics and no tables are imported to list cases; under 1.5 s of processor time."""
    rows = "".join(f'{{"id": "c{n}", "text": "question {n}", "expected": "x"}}\n' for n in range(1000))
    (tmp_path / "rows.jsonl").write_text(rows)
    (tmp_path / "conftest.py").write_text(
        "import sys\nHEAVY = ('torch', 'transformers', 'pandas', 'scipy', 'sklearn', 'statsmodels', 'openai')\n"
        "def pytest_unconfigure():\n    print('LOADED', [name for name in HEAVY if name in sys.modules])\n"
    )
    (tmp_path / "eval_word.py").write_text(
        "from trueup import cases, score, suite, target\n@suite(role=target())\n@cases('rows.jsonl')\n"
        "def eval_word(case, model):\n    return score.text(model.chat(case.messages), case.expected)\n"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    code, text = run(tmp_path, "--collect-only", "-q")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert code == 0 and "1000 tests collected" in text and "LOADED []" in text
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1.5


def test_two_eval_files_may_have_one_name(tmp_path):
    """In two folders without packages, and in a package with relative imports: each runs with its own content."""
    (tmp_path / "script.json").write_text("{}")
    for folder, word in (("evals/one", "a"), ("evals/two", "b")):
        (tmp_path / folder).mkdir(parents=True)
        text = f"from trueup import cases\n@cases([{{'id': '{word}', 'text': '{word}'}}])\n"
        text += f"def eval_word(case, model):\n    assert model.chat(case.messages).text == '{word}'\n"
        (tmp_path / folder / "eval_word.py").write_text(text)
    package = tmp_path / "evals" / "packed"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "words.py").write_text("WORD = 'c'\n")
    (package / "eval_word.py").write_text(
        "from .words import WORD\ndef eval_word(model):\n    assert model.chat(WORD).text == WORD\n"
    )
    code, text = run(tmp_path, "evals", "--model", "scripted:script.json")
    assert code == 0 and "3 passed" in text
    assert all(f"{name}/eval_word::eval_word: passed 1.000" in text for name in ("one", "two", "packed"))
