"""`trueup eval` on good and bad eval files: what is wrong is named, and the rest runs."""

import json

import pytest

from tests.cli.inside import trueup

CONFIG = """
[project]
name = "mixed"

[arms.echo]
backend = "scripted"

[arms.gone]
backend = "recorded"
model = "nowhere.jsonl"
"""
FILES = {
    "eval_good.py": """
@suite(role=guard(margin=0.1), owner="payments", tags=["money"], repeats=2)
@cases([{"id": "a", "text": "yes"}, {"id": "b", "text": "no", "tags": ["slow"]}])
def eval_good(case, model):
    return score.text(model.chat(case.messages), "yes")

@cases([{"id": "raises", "text": "x"}, {"id": "unsaid", "text": "x"}, {"id": "fine", "text": "x", "expected": "x"}])
def eval_raising(case, model):
    if case.id == "raises":
        raise KeyError("column")
    return score.text(model.chat(case.messages), case.expected)

@cases([{"id": "right", "text": "late", "expected": "late"}, {"id": "wrong", "text": "lost", "expected": "late"}])
def eval_labels(case, model):
    return score.label(model.chat(case.messages), case.expected, among=["late", "lost"])

@cases([{"id": "lost", "text": "x"}])
def eval_fixture(case, model, fixture_that_is_not_there):
    pass
""",
    "eval_syntax.py": "def eval_it(case, model:\n",
    "eval_twice.py": '@cases("twice.jsonl")\ndef eval_twice(case, model): pass\n',
    "eval_empty.py": "@cases([])\ndef eval_empty(case, model): pass\n",
    "eval_column.py": '@suite(cluster="sesion")\n@cases([{"session": "s"}])\ndef eval_column(case, model): pass\n',
    "eval_bare.py": "@suite\n@cases([{}])\ndef eval_bare(case, model): pass\n",
    "eval_bare_cases.py": "@cases\ndef eval_bare(case, model): pass\n",
    "eval_mined.py": "@cases.held_out()\ndef eval_mined(case, model): pass\n",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mixed")
    (folder / "evals").mkdir()
    (folder / "trueup.toml").write_text(CONFIG)
    for name, text in FILES.items():
        (folder / "evals" / name).write_text("from harness import cases, guard, score, suite\n" + text)
    (folder / "evals" / "twice.jsonl").write_text('{"id": "a"}\n{"id": "b"}\n{"id": "a"}\n')
    return folder


def evaluated(folder, *words):
    done = trueup("eval", *words, "--json", cwd=folder)
    return done.returncode, json.loads(done.stdout)


@pytest.fixture(scope="module")
def ran(project):
    return evaluated(project)


def test_what_can_run_runs_and_what_cannot_is_an_error_with_its_case(ran):
    """Right and wrong answers are scored; a function that raises, nothing expected and a missing fixture are errors."""
    code, said = ran
    rows = {(row["suite"], row["arm"]): row for row in said["means"]}
    good, raising, fixture = (rows[f"eval_good::eval_{name}", "echo"] for name in ("good", "raising", "fixture"))
    assert (good["cases"], good["mean"], good["errors"]) == (4, 0.5, 0)
    assert (raising["cases"], raising["mean"], raising["errors"]) == (1, 1.0, 2)
    assert (fixture["cases"], fixture["errors"]) == (0, 1)
    assert code == 4


def test_a_model_that_is_not_there_makes_errors_and_a_problem(ran):
    """The other arm has its scores all the same."""
    _, said = ran
    gone = next(row for row in said["means"] if row["arm"] == "gone" and row["suite"] == "eval_good::eval_good")
    assert (gone["cases"], gone["errors"]) == (0, 4)
    assert any("gone" in problem and "does not exist" in problem for problem in said["problems"])


def test_errors_are_told_with_their_reason_and_number(ran):
    """The commonest first under each arm; where there are many reasons, how many more."""
    errors = ran[1]["errors"]
    assert any("under gone: InputError: the file of recorded calls does not exist" in line for line in errors)
    assert any(line.startswith("1 case is an error under echo: KeyError: 'column'") for line in errors)
    assert any("fixture 'fixture_that_is_not_there' not found" in line for line in errors)
    spent = {line["name"]: line for line in ran[1]["spent"]}
    assert (spent["echo"]["calls"], spent["echo"]["input"], spent["gone"]["calls"]) == (8, 8, 0)


def test_labels_that_are_taken_for_others_are_counted(ran):
    """What the confusion matrix holds beside its diagonal, the commonest first."""
    rows = [row for row in ran[1]["confused"] if row["arm"] == "echo"]
    assert [(row["expected"], row["said"], row["cases"]) for row in rows] == [("late", "lost", 1)]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("eval_syntax.py", "SyntaxError"),
        ("eval_twice.py", "twice.jsonl:3"),
        ("eval_empty.py", "eval_empty has an empty source"),
        ("eval_column.py", "no case has the column 'sesion'"),
        ("eval_bare.py", "@suite has no brackets"),
        ("eval_bare_cases.py", "@cases has no brackets"),
    ],
)
def test_each_file_that_cannot_be_used_says_why(ran, name, words):
    """A syntax error, an id that comes twice (with its line), no cases, a misspelt column: problems of their file."""
    (problem,) = [problem for problem in ran[1]["problems"] if name in problem]
    assert words in problem


def test_a_dry_run_lists_cases_and_problems_and_asks_nothing(project):
    """Ids are listed under their suites, once however often they are repeated; problems make the exit code. One for each
    bad file, and one for the fixture that `eval_fixture` asks for, which a dry run finds before any case runs."""
    code, said = evaluated(project, "--dry-run")
    assert said["cases"]["eval_good::eval_good"] == ["a", "b"]
    assert len(said["cases"]["eval_good::eval_raising"]) == 3
    fixture = "eval_fixture asks for the fixture 'fixture_that_is_not_there', which is not there"
    bad = [name for name in FILES if name not in ("eval_good.py", "eval_mined.py")]
    assert code == 4 and len(said["problems"]) == 7
    for words in (*bad, fixture):
        assert len([problem for problem in said["problems"] if words in problem]) == 1


@pytest.mark.parametrize(("select", "ids"), [("money", ["a", "b"]), ("payments and not slow", ["a"])])
def test_cases_are_selected_by_tag_and_owner(project, select, ids):
    """Tags of cases and suites, and the owner, are words for -k."""
    assert evaluated(project, select, "--dry-run")[1]["cases"] == {"eval_good::eval_good": ids}


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    """A project whose only arm answers, with one suite whose case may raise."""
    folder = tmp_path_factory.mktemp("clean")
    (folder / "evals").mkdir()
    (folder / "trueup.toml").write_text('[project]\nname = "clean"\n[arms.echo]\nbackend = "scripted"\n')
    head, _, rest = FILES["eval_good.py"].partition('@cases([{"id": "lost"')
    (folder / "evals" / "eval_good.py").write_text(f"from harness import cases, guard, score, suite\n{head}")
    return folder


def test_one_error_among_answers_is_told_by_the_exit_code(clean):
    """Two of three cases raise: 4, though the third has its score. What is selected without them ends with 0."""
    assert evaluated(clean, "raising")[0] == 4
    code, said = evaluated(clean, "-k", "labels")
    assert code == 0 and said["errors"] == []


def test_what_was_selected_is_kept_too_and_its_id_is_told(clean):
    """By SELECT or by --only; the ids are those that `trueup runs` lists, and no evaluation of a part is judged."""
    kept = [
        evaluated(clean, *words)[1]["runs"]["echo"]
        for words in (("labels",), ("--only", "labels"), ("-k", "eval_good"))
    ]
    assert kept[0] == kept[1] != kept[2]
    listed = json.loads(trueup("runs", "--json", cwd=clean).stdout)["runs"]
    assert {*kept} <= {line["id"] for line in listed} and not any(line["latest"] for line in listed)


def test_a_selection_that_nothing_matches_says_what_to_check(clean):
    """No file is at fault, so the hint names the selection."""
    missed = trueup("eval", "-k", "lables", cwd=clean)
    assert missed.returncode == 4 and "next:  check -k" in missed.stderr


def test_a_selection_is_given_once(clean):
    """SELECT and --only together are a usage error."""
    assert trueup("eval", "labels", "-k", "labels", cwd=clean).returncode == 2
