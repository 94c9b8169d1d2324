"""What a pull request alone changes: its candidate against the latest one of the branch that it goes into."""

from harness.core.ci_job import CiJob
from harness.gate import branches
from harness.gate import step as gate_step
from tests.gate.desk import RIGHT, evaluated

MAIN, PULL = CiJob(host="github", branch="main"), CiJob(host="github", base="main", change="12")


def test_a_change_is_held_against_its_base_branch(work):
    """The verdict of main is remembered; the pull request's candidate is compared with main's, case by case."""
    before = gate_step.gate(work)
    branches.remember(work, before, MAIN)
    worse = {**RIGHT, "tuned": {suite: max(0, share - 30) for suite, share in RIGHT["tuned"].items()}}
    evaluated(work, worse)
    after = gate_step.gate(work)
    assert after.id != before.id
    branches.remember(work, after, PULL)  # a change never moves what its base is
    made = branches.change(work, after, PULL)
    assert made.branch == "main" and made.outcome == before.outcome
    moved = [(p.baseline, p.candidate) for each in made.comparisons for p in each.pairs if p.baseline != p.candidate]
    assert moved and all(old > new for old, new in moved)


def test_nothing_is_told_where_nothing_is_known(work):
    """Outside of a change, without a verdict of the base branch, and when its runs are gone."""
    verdict = gate_step.gate(work)
    assert branches.change(work, verdict, CiJob()) is None
    assert branches.change(work, verdict, PULL) is None
    branches.remember(work, verdict, CiJob())
    assert not list((work.store.root / "memo").glob("branch/*"))
    branches.remember(work, verdict, MAIN)
    same = branches.change(work, verdict, PULL)
    assert all(p.baseline == p.candidate for each in same.comparisons for p in each.pairs)
    for file in (work.store.root / "artifacts" / "run").glob("*.json"):
        file.unlink()
    work.verified_runs.clear()
    assert branches.change(work, verdict, PULL) is None
