"""`--shard 2/4`: parts of an evaluation, and the whole put together from them."""

from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from harness.errors import InputError, InvalidError, UsageError
from harness.evaluate import step as evaluate_step
from harness.evaluate.runner.sharding import members, merge, parse
from harness.evaluate.stage import evaluate
from harness.project import Project
from harness.types import Arm, EvalRequest

BODY = """
from harness import *

@suite(repeats=2)
@cases([{"id": str(n), "text": str(n)} for n in range(7)])
def eval_many(case, model):
    said = model.chat(case.messages).text
    assert said != "3"
    return score.text(said, case.text)

@cases([{"id": "a", "text": "a"}])
def eval_one(case, model):
    return 0.5
"""
COUNT = 3


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The whole evaluation, and its three shards."""
    folder = tmp_path_factory.mktemp("evals")
    (folder / "eval_it.py").write_text(dedent(BODY))
    arm = Arm(name="echo", backend="scripted")
    request = EvalRequest(arms=(arm,), paths=(str(folder),), out=str(folder / "out"))
    asked = [request, *(replace(request, shard=f"{number}/{COUNT}") for number in range(1, COUNT + 1))]
    return [evaluate(one)[0] for one in asked]


def test_the_merged_shards_are_the_whole_run(runs):
    """The same results, scores and cases in the same order, so the same content id."""
    whole, *shards = runs
    merged = merge(shards)
    assert merged.id == whole.id
    assert merged.cases == whole.cases and merged.suites == whole.suites
    assert merged.generated == whole.generated == 14 + 1 - 1


def test_repeats_of_a_case_stay_in_one_shard(runs):
    """Every case is in exactly one shard, with both repeats."""
    for shard in runs[1:]:
        many = [result.case_id for result in shard.results if result.suite.endswith("eval_many")]
        assert all(many.count(ident) == 2 for ident in many)
    assert sum(len(shard.results) for shard in runs[1:]) == len(runs[0].results) == 15


def test_shards_of_other_models_or_files_are_refused(runs):
    """What was not asked of one model with one set of eval files is no one run; nor is a case that comes twice."""
    _, first, second, _ = runs
    with pytest.raises(InvalidError, match="different models"):
        merge([first, replace(second, model_digest="other")])
    with pytest.raises(InvalidError, match="different eval files"):
        merge([first, replace(second, suites=tuple(replace(suite, digest="x") for suite in second.suites))])
    with pytest.raises(InvalidError, match="same case"):
        merge([first, first])


def test_an_empty_shard_is_no_problem(runs, tmp_path):
    """More shards than cases: the last holds nothing and says nothing against the evaluation."""
    (tmp_path / "eval_it.py").write_text("def eval_it(model): return True")
    request = EvalRequest(arms=(Arm(name="echo", backend="scripted"),), paths=(str(tmp_path),), out=str(tmp_path / "o"))
    shards = [evaluate(replace(request, shard=f"{number}/2"))[0] for number in (1, 2)]
    assert shards[1].results == () and shards[1].problems == ()
    assert merge(shards).id == evaluate(request)[0].id


@given(st.lists(st.integers()), st.integers(1, 9), st.sampled_from([None, str]))
def test_shards_part_the_cases(keys, count, order):
    """Each key is in exactly one shard, and no two shards differ in size by more than one."""
    parts = [members(keys, f"{number}/{count}", order) for number in range(1, count + 1)]
    if order:
        assert [key for part in parts for key in sorted(part, key=order)] == sorted(set(keys), key=order)
    assert sorted(key for part in parts for key in part) == sorted(set(keys))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("shard", ["", "0/4", "5/4", "1", "1/", "a/b", "1/0", "-1/4", "1/4/2", "²/4"])
def test_what_is_no_shard_is_a_usage_error(shard):
    """The message says how it is written."""
    with pytest.raises(UsageError, match="is no shard"):
        parse(shard)


def project(folder, cases=6):
    """A project of a base and a tuned arm without a model."""
    (folder / "evals").mkdir(parents=True)
    (folder / "evals" / "eval_it.py").write_text(
        "from harness import *\n"
        f"@cases([{{'id': str(n), 'text': str(n)}} for n in range({cases})])\n"
        "def eval_it(case, model): return score.text(model.chat(case.messages), case.text)\n"
    )
    (folder / "trueup.toml").write_text(
        "[project]\nname = 'desk'\n[eval]\npaths = ['evals']\n[arms.base]\nbackend = 'scripted'\n"
    )


def test_merge_makes_the_shards_the_latest_evaluation(tmp_path):
    """Shards of two machines are joined on a third; a missing or doubled one is refused by name."""
    from harness import config
    from harness.evaluate import shards

    works = []
    for machine in ("one", "two", "three"):
        project(tmp_path / machine)
        works.append(Project.open(config.load(tmp_path / machine)))
    folders = [tmp_path / "shard-1", tmp_path / "shard-2"]
    for number, (work, folder) in enumerate(zip(works, folders, strict=False), start=1):
        shards.evaluate(work, None, None, f"{number}/2", folder)
    merged = shards.merge(works[2], folders[::-1])
    assert [result.case_id for result in merged["base"].results] == list("012345")
    assert merged["base"].results == evaluate_step.evaluate(works[2])["base"].results
    with pytest.raises(InvalidError, match="shard 2/2 is missing"):
        shards.merge(works[2], folders[:1])
    with pytest.raises(InvalidError, match="shard 1/2 comes twice"):
        shards.merge(works[2], [folders[0], *folders])
    with pytest.raises(InputError, match="contains no shard"):
        shards.merge(works[2], [tmp_path])
