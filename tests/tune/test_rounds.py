"""Rounds of tuning: what is added again, what decides whether another round helped, and the walk as a whole process."""

import json
import shutil
from collections import Counter

import pytest
from msgspec.structs import replace

from harness.errors import UndecidedError, UsageError
from harness.tune.rounds import Round, deciding, gains, split, with_failures
from harness.types import Adapter, Case, Dataset, Prompt, Recipe, Suite, Target
from tests.cli.inside import trueup
from tests.cli.test_cli import TRACES, project

TRAIN = [Case(id=f"c{number}", group=f"g{number // 2}") for number in range(200)]
ADAPTER = Adapter(
    id="a", method="sft", base="", tokenizer="", template="", dataset="", recipe=Recipe(), prompt=Prompt(name="none")
)
MINED = """
from harness import cases, guard, score, suite, target

@suite(role=target(min_gain=0.1))
@cases.held_out("tiny")
def eval_mined(case, model):
    return score.text(model.chat(case.messages, max_tokens=2), case.expected)

@suite(role=target(min_gain=0.1))
@cases([{"id": f"c{n}", "text": f"case {n}", "expected": "yes"} for n in range(12)])
def eval_tiny(case, model):
    return score.text(model.chat(case.messages, max_tokens=2), case.expected)
"""


def scored(share: float) -> Round:
    return Round(Dataset(id="d"), ADAPTER, {f"c{n}": float(n < share * 200) for n in range(200)}, {})


def test_no_group_is_trained_on_and_checked_on():
    """A fifth of the cases checks the rounds, and shares no group with those that are trained on."""
    train, check = split(TRAIN, seed=1)
    assert len(check) == 40 and len(train) == 160
    assert not {case.group for case in train} & {case.group for case in check}
    assert split(TRAIN, seed=1) == (train, check)


def test_too_few_cases_are_undecided():
    """Below what can show anything, rounds are refused, with what to type instead."""
    with pytest.raises(UndecidedError, match="too few"):
        split(TRAIN[:30], seed=1)


def test_only_a_gain_beyond_the_noise_is_a_gain():
    """Twenty points on 200 cases are a gain; half a point and a loss are not."""
    assert gains(scored(0.5), scored(0.7), TRAIN, 0.05)
    assert not gains(scored(0.5), scored(0.505), TRAIN, 0.05)
    assert not gains(scored(0.7), scored(0.5), TRAIN, 0.05)


def test_what_failed_twice_is_added_twice():
    """A case is added once for each round it failed in, under an id of its own, with the answer it was failed with."""
    rows = with_failures(TRAIN[:3], Counter({"c1": 2}), {"c1": "wrong"})
    assert [row.id for row in rows] == ["c0", "c1", "c2", "c1+1", "c1+2"]
    assert rows[3].rejected == rows[4].rejected == "wrong" and rows[1].rejected is None
    assert replace(rows[3], id="c1", rejected=None) == TRAIN[1]


def test_the_deciding_suite_is_named_or_the_only_target():
    """With two targets the one to go by has to be named; the message lists them."""
    one, two = (Suite(name=f"eval_it::eval_{name}", role=Target()) for name in ("one", "two"))
    assert deciding([one], "") == one and deciding([one, two], "eval_two") == two
    with pytest.raises(UsageError, match="2 target suites") as caught:
        deciding([one, two], "")
    assert "eval_one" in caught.value.next


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_rounds_end_in_one_verdict_on_what_was_held_out(tmp_path):
    """Two rounds of a whole project: the second is kept only if it gained, what was held out is that of the first
    curation, and the verdict is on the round that was kept."""
    folder = project(tmp_path / "tiny", evals=MINED)
    shutil.copytree(TRACES, folder / "traces")
    done = trueup("run", "--iterations", "2", "--by", "eval_mined", "--json", cwd=folder)
    assert done.returncode in (1, 3), done.stderr
    assert "within the noise" in done.stderr or "training cases still fail" in done.stderr or done.stdout
    assert json.loads(done.stdout)["verdict"] in ("hold", "undecided")
    held = [path.read_bytes() for path in (folder / ".trueup" / "artifacts" / "dataset").glob("*/held_out.jsonl")]
    assert len(held) == 3 and len(set(held)) == 1
