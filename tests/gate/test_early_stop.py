"""An evaluation in parts: it ends when the verdict can only be hold, and not before."""

import pytest
from msgspec.structs import replace

from harness.config import load
from harness.core.digests import drawn
from harness.gate import early_stop
from harness.project import Project
from harness.types import Arm, Contract, EvalRequest, Guard, Policy, Result, Run, Score, Suite, Target
from harness.types import Case as Row

CASES = tuple(Row(id=f"c{number}") for number in range(200))


def answers(arm, values, role):
    """A run in which case i of the suite scored `values(i)`."""
    suite = Suite(name="demo/eval_demo::eval_demo", role=role, cases=len(CASES), digest="d", metric="exact")
    results = tuple(
        Result(suite=suite.name, case_id=case.id, scores=(Score(name="exact", value=float(values(i))),))
        for i, case in enumerate(CASES)
    )
    return Run(id=arm, arm=Arm(name=arm), model_digest=arm, suites=(suite,), results=results, cases={suite.name: CASES})


@pytest.fixture
def evaluated(tmp_path, monkeypatch):
    """Evaluate stand-in runs in four parts; gives the runs and how many parts were asked."""
    (tmp_path / "trueup.toml").write_text("[eval]\nearly_stop = 4\n")

    def evaluate(role, before, after, parts=4, policy=None):
        runs = {"base": answers("base", before, role), "tuned": answers("tuned", after, role)}
        asked = []

        def part(request, on_event=None, purse=None, engine=None):
            asked.append(request.shard)
            number, _, count = (request.shard or "1/1").partition("/")
            order = sorted(CASES, key=lambda case: drawn(case.id))
            mine = {case.id for case in order[(int(number) - 1) * 200 // int(count) : int(number) * 200 // int(count)]}
            assert request.drawn or not request.shard
            return tuple(_only(runs[arm.name], mine) for arm in request.arms)

        monkeypatch.setattr(early_stop.evaluate_stage, "evaluate", part)
        config = load(tmp_path)
        config = replace(config, eval=replace(config.eval, early_stop=parts), gate=policy or config.gate)
        work = Project.open(config)
        arms = tuple(Arm(name=name) for name in runs)
        request = EvalRequest(arms=arms, paths=(), out=str(tmp_path))
        return early_stop.evaluate(work, request, "a" * 64, lambda event: None), len(asked)

    return evaluate


def _only(run, ids):
    results = tuple(result for result in run.results if result.case_id in ids)
    return replace(
        run, results=results, cases={name: tuple(c for c in rows if c.id in ids) for name, rows in run.cases.items()}
    )


def test_a_clear_loss_ends_it(evaluated):
    """A guard that breaks half its cases ends after the first part."""
    runs, parts = evaluated(Guard(margin=0.03), lambda i: 1, lambda i: i % 2)
    assert parts == 1
    assert all("a drop of at most 3.0 is allowed" in run.stopped and len(run.results) == 50 for run in runs)


def test_a_broken_contract_ends_it(evaluated):
    """One broken case of a contract is enough."""
    _, parts = evaluated(Contract(), lambda i: 1, lambda i: 0)
    assert parts == 1


@pytest.mark.parametrize(
    ("role", "before", "after"),
    [
        (Guard(margin=0.03), lambda i: 1, lambda i: 1),
        (Target(min_gain=0.05), lambda i: 0, lambda i: 1),
        (Target(min_gain=0.05), lambda i: i % 2, lambda i: (i + i // 100) % 2),
    ],
)
def test_what_may_still_promote_is_asked_everything(evaluated, role, before, after):
    """A guard that holds, a target that gained and one that is undecided are asked to the end, and are whole runs."""
    runs, parts = evaluated(role, before, after)
    assert parts == 4
    assert all(not run.stopped and len(run.results) == 200 for run in runs)


def test_where_any_target_is_enough_only_a_loss_ends_it(evaluated):
    """A target that did not gain may be made up for by another; one that lost may not."""
    either = Policy(targets="any")
    role = Target(min_gain=0.9)
    assert evaluated(role, lambda i: 0, lambda i: i % 2, policy=either)[1] == 4
    assert evaluated(role, lambda i: 0, lambda i: i % 2)[1] == 1
    assert evaluated(role, lambda i: 1, lambda i: i % 2, policy=either)[1] == 1


def test_without_the_option_all_is_asked_at_once(evaluated):
    """No part is cut, however clear the loss."""
    runs, parts = evaluated(Guard(margin=0.03), lambda i: 1, lambda i: 0, parts=0)
    assert parts == 1 and not runs[0].stopped and len(runs[0].results) == 200
