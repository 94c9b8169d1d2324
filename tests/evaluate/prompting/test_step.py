"""A prompt is searched once for a dataset, on training rows only, and joins the arms."""

import pytest

from harness import config, loop
from harness.core.codec import encode, write_atomic, write_lines
from harness.core.dataset_files import write_train
from harness.errors import UsageError
from harness.evaluate import step as evaluate_step
from harness.evaluate.prompting import step
from harness.project import Project
from harness.tune import request as tune_request
from harness.types import Dataset
from tests.evaluate.prompting.rows import learner, row

CONFIG = """
[project]
name = "desk"

[model]
backend = "scripted"
base = "script.json"

[prompts.best]
system = "Name the team."
optimise = "demos"

[prompts.best.options]
validation = 24
"""


def project(folder, text=CONFIG):
    (folder / "trueup.toml").write_text(text)
    (folder / "script.json").write_text("{}")
    return Project.open(config.load(folder))


def dataset(work, train=80, ident="d" * 64):
    folder = work.store.artifacts.scratch("dataset")
    write_train(folder, [row(at) for at in range(train)])
    write_lines(folder / "held_out.jsonl", [row(at, "held_out") for at in range(40)])
    write_lines(folder / "regression.jsonl", [row(at, "regression") for at in range(40)])
    made = Dataset(id=ident)
    write_atomic(folder / "dataset.json", encode(made) + b"\n")
    work.store.artifacts.add_folder("dataset", ident, folder)
    return made


@pytest.fixture
def asked(monkeypatch):
    requests: list = []
    monkeypatch.setattr(step, "_ask", lambda answerer, arm: learner(requests))
    return requests


def test_the_prompt_that_was_found_is_an_arm_of_its_own(tmp_path, asked):
    """With how it was found; the second time it is recalled."""
    work = project(tmp_path)
    made = dataset(work)
    assert "best" not in evaluate_step.arms(work, made, None)
    step.search(work, made)
    first, calls = evaluate_step.arms(work, made, None)["best"], len(asked)
    found = first.prompt.search
    assert found and (found.before, found.after, found.cases, found.calls) == (0.0, 1.0, 24, calls)
    assert first.prompt.messages[0].text == "Name the team." and len(found.shown) == 2
    assert all(name.startswith("call train") for name in found.shown)
    step.search(work, made)
    assert len(asked) == calls and evaluate_step.arms(work, made, None)["best"] == first


def test_nothing_that_was_held_out_is_asked_or_shown(tmp_path, asked):
    """Neither as a question nor as an example, in any request of the search."""
    work = project(tmp_path)
    step.search(work, dataset(work))
    texts = {message.text for request in asked for message in request.messages}
    assert asked and not {text for text in texts if "held_out" in text or "regression" in text}


def test_another_dataset_or_option_is_another_search(tmp_path, asked):
    work = project(tmp_path)
    step.search(work, dataset(work))
    other = dataset(work, train=90, ident="e" * 64)
    assert step.known(work, other) == {}
    before = len(asked)
    step.search(work, other)
    assert len(asked) > before and step.known(work, other).keys() == {"best"}
    changed = Project.open(config.load(project(tmp_path, CONFIG + "most = 2\n").config and tmp_path))
    assert step.known(changed, other) == {}


def test_too_few_rows_leave_the_arm_out(tmp_path, asked):
    """The others are evaluated; the note says what is missing."""
    work = project(tmp_path)
    made = dataset(work, train=30)
    step.search(work, made)
    step.search(work, None)
    assert asked == [] and "best" not in evaluate_step.arms(work, made, None)
    with pytest.raises(UsageError, match="too few"):
        evaluate_step.eval_request(work, made, None, ["best"])


def test_only_the_arms_that_are_asked_are_searched_for(tmp_path, asked):
    work = project(tmp_path)
    step.search(work, dataset(work), ["base"])
    assert asked == []


@pytest.mark.parametrize(
    ("more", "match"),
    [
        ('optimise = "demo"', "prompt_optimiser"),
        ('optimise = "demos"\noptions = { cals = 3 }', "unknown option 'cals'"),
        ('optimise = "demos"\noptions = { calls = 0 }', "wrong value"),
        ('optimise = "demos"\noptions = { scorer = "jsn" }', "no scorer"),
        ('optimise = "gepa"', "none is named"),
        ('optimise = "gepa"\noptions = { model = "nobody" }', "no arm 'nobody'"),
        ('optimise = "gepa"\noptions = { model = "base", money = 2.0 }', "needs prices"),
        ("options = { calls = 5 }", "no search"),
    ],
)
def test_wrong_sections_are_refused_before_anything_is_asked(tmp_path, more, match):
    work = project(tmp_path, f'[prompts.best]\nsystem = "x"\n{more}\n[arms.base]\n')
    with pytest.raises(UsageError, match=match):
        loop.check(work.config)


def test_nothing_is_trained_under_a_prompt_that_is_searched(tmp_path):
    work = project(tmp_path, CONFIG + '[arms.base]\nprompt = "best"\n[arms.tuned]\nprompt = "best"\n')
    with pytest.raises(UsageError, match="searched after the training"):
        tune_request.tune_request(work, dataset(work))
