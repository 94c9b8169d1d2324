"""What a recipe learns from beside its rows: names in its options become plain values of the request."""

import pytest
from msgspec.structs import replace

from harness.errors import UsageError
from harness.tune import request as tune_request
from harness.types import Arm, Dataset, Prompt, Recipe, Suite, TuneRequest

REQUEST = TuneRequest(
    base="name-of-an-endpoint", dataset="d", prompt=Prompt(name="none"), recipe=Recipe(method="distill"), out=""
)
DATASET = Dataset(id="d")


@pytest.fixture
def complete(monkeypatch):
    """`lessons.complete` on a project whose one other arm asks an endpoint."""
    arm = Arm(name="large", backend="openai_compatible", model="m", options={"url": "http://127.0.0.1:1/v1"})
    monkeypatch.setattr(tune_request.evaluate_step, "arms", lambda *given: {"base": Arm(name="base"), "large": arm})

    class FakeProject:
        class config:
            class eval:
                paths, pytest_args = ("evals",), ("-p", "plugin")

    def with_options(**options):
        return tune_request.complete(
            FakeProject, DATASET, replace(REQUEST, recipe=replace(REQUEST.recipe, options=options))
        )

    return with_options


def test_names_become_plain_values(complete):
    """A suite brings the eval paths, a teacher its arm, and an endpoint the name of its key."""
    found = complete(suite="eval_it", teacher="large")
    assert found.evals == ("evals",) and found.pytest_args == ("-p", "plugin")
    assert found.teacher.name == "large" and found.secrets == ("OPENAI_API_KEY",)
    assert complete(url="http://127.0.0.1:1/v1", key_env="MY_KEY").secrets == ("MY_KEY",)
    assert complete() == replace(REQUEST, recipe=replace(REQUEST.recipe, options={}))


def test_a_teacher_that_is_no_arm_is_named_with_those_there_are(complete):
    """A misspelt teacher lists the arms that could teach."""
    with pytest.raises(UsageError, match="'larg' is no arm") as caught:
        complete(teacher="larg")
    assert "base, large" in caught.value.next


def test_the_same_training_has_the_same_key_until_its_judge_or_teacher_changes(complete):
    """The key holds the suite that scores and the teacher, so a changed eval file trains anew; other suites do not."""
    request = complete(suite="eval_it", teacher="large")
    suites = [Suite(name="a::eval_it", digest="1"), Suite(name="a::eval_other", digest="2")]
    key = tune_request.reads_of(request, DATASET, suites).key
    assert tune_request.reads_of(request, DATASET, [suites[0], replace(suites[1], digest="3")]).key == key
    assert tune_request.reads_of(request, DATASET, [replace(suites[0], digest="4"), suites[1]]).key != key
    other = replace(request, teacher=replace(request.teacher, model="n"))
    assert tune_request.reads_of(other, DATASET, suites).key != key


@pytest.mark.parametrize(("options", "again"), [({}, True), ({"url": "http://127.0.0.1:1/v1"}, False)])
def test_other_trainers_train_anew_unless_that_is_paid(complete, monkeypatch, options, again):
    """An adapter of an older version is not taken for what this one would make; a provider's job is not bought twice."""
    request = complete(**options)
    before = tune_request.reads_of(request, DATASET, ()).key
    monkeypatch.setattr(tune_request, "plugin_code", lambda kind, names: {kind: "another version"})
    assert (tune_request.reads_of(request, DATASET, ()).key != before) is again
