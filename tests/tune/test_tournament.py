"""Candidates: the weak ones end early, the rest are asked once, and the best is judged more strictly for having been chosen."""

import contextlib
import json

import pytest
from msgspec.structs import replace

from harness.config import load
from harness.errors import UsageError
from harness.evaluate import step as evaluate_step
from harness.gate import chosen
from harness.project import Project
from harness.sections import ArmSection, CandidateSection, Config, ModelSection
from harness.tune import candidates, sweep, tournament
from harness.types import CandidateResult, Guard, Recipe, Result, Run, Score, Suite, Target
from tests.cli.inside import trueup
from tests.cli.test_cli import CONFIG, TRACES, project
from tests.tiny import tiny_model


def configured(**given: CandidateSection) -> Config:
    return Config(model=ModelSection(base="/models/one"), tune=Recipe(rank=4, epochs=2.0), candidates=given)


def test_a_candidate_changes_what_it_states_and_nothing_else():
    """A rank of its own, everything else of [tune]; another base for the tuned arm alone."""
    found = candidates.configs(
        configured(wide=CandidateSection(tune={"rank": 64}), other=CandidateSection(model="/models/two"))
    )
    assert found["wide"].tune == Recipe(rank=64, epochs=2.0) and found["wide"].model.base == "/models/one"
    assert found["other"].tune.rank == 4 and found["other"].arms["tuned"].model == "/models/two"
    assert found["other"].arms["base"].model == "" and found["other"].arms["base"] == ArmSection()


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (CandidateSection(tune={"rnak": 8}), "rnak"),
        (CandidateSection(tune={"rank": "wide"}), "rank"),
        (CandidateSection(train_share=0.0), "train_share"),
        (CandidateSection(train_share=1.5), "train_share"),
    ],
)
def test_a_candidate_that_makes_no_sense_is_refused_by_name(spec, words):
    """Before anything is read: the table and the key are named."""
    with pytest.raises(UsageError, match=words) as told:
        candidates.configs(configured(odd=spec))
    assert "candidates.odd" in told.value.where


@pytest.mark.parametrize(("count", "expected"), [(1, 0), (2, 0), (3, 0), (4, 1), (9, 1), (10, 2), (27, 2), (28, 3)])
def test_short_rounds_until_three_are_left(count, expected):
    """Up to three candidates are trained whole at once."""
    assert tournament.rounds(count) == expected


class Progress:
    step = staticmethod(lambda name: contextlib.nullcontext())
    update = note = staticmethod(lambda *given: None)


@pytest.mark.parametrize("count", [3, 4, 9, 12])
def test_the_weak_end_early_and_are_told_of(count, monkeypatch):
    """The score is the number in the name: the highest stay, every one is left or told, and the shares grow threefold."""
    shares = []

    def trained(work, request, share):
        shares.append(share)
        return sweep.PartTraining(epochs=share, score=request / 100, loss=1.0)

    monkeypatch.setattr(tournament, "_request", lambda each, aside: int(each.name[1:]))
    monkeypatch.setattr(sweep, "trained", trained)
    work = type("Work", (), {"progress": Progress})
    left, ended = tournament._halved([candidates.Entrant(f"c{n}", work, None) for n in range(count)], ())
    assert len(left) <= 3 and {each.name for each in left} == {f"c{n}" for n in range(count - len(left), count)}
    assert sorted([each.name for each in left] + [one.name for one in ended]) == sorted(f"c{n}" for n in range(count))
    assert sorted(set(shares)) == pytest.approx(
        [3.0 ** (r - tournament.rounds(count)) for r in range(tournament.rounds(count))]
    )
    assert all(one.ended and one.validation == int(one.name[1:]) / 100 for one in ended)


def run_of(right: int, kept: int) -> Run:
    suites = (Suite(name="gain", role=Target(), metric="m"), Suite(name="keep", role=Guard(margin=0.1), metric="m"))
    results = tuple(
        Result(suite=suite, case_id=f"{n}", scores=(Score(name="m", value=float(n < count)),))
        for suite, count in (("gain", right), ("keep", kept))
        for n in range(10)
    )
    return Run(id="", arm=None, model_digest="", suites=suites, results=results)


def test_quality_is_of_the_targets_and_a_guard_that_dropped_comes_first():
    """Nine of ten right with a broken guard ranks below seven of ten with none; equal ones by size."""
    base = run_of(3, 9)
    assert tournament.quality(run_of(9, 5)) == pytest.approx(0.9)
    assert (tournament.broken(run_of(9, 7), base), tournament.broken(run_of(9, 9), base)) == (1, 0)
    greedy = CandidateResult(name="a", quality=0.9, broken_guards=1, bytes=1)
    solid, large = (CandidateResult(name=name, quality=0.7, bytes=size) for name, size in (("b", 5), ("c", 9)))
    assert min([greedy, large, solid], key=tournament.rank) == solid


def test_a_choice_is_remembered_whoever_is_left_out_later(tmp_path):
    """Three that were asked count as three for each of them, also after two of them are compared alone."""
    work = Project.open(Config(root=str(tmp_path)))
    assert chosen.among(work, "a") == 1
    chosen.announce(work, ["a", "b", "c"])
    chosen.announce(work, ["a", "b"])
    assert [chosen.among(work, name) for name in "abcd"] == [3, 3, 3, 1]


TWO = """
[candidates.plain]

[candidates.other]
model = "second"
train_share = 0.5
tune = { rank = 4 }
"""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_tournament_runs_whole_and_a_second_one_recalls_it(tmp_path):
    """Two candidates over two bases: both are asked, one verdict among two, and again the very same verdict."""
    folder = project(tmp_path / "p", CONFIG + TWO)
    tiny_model(folder / "second", seed=1)
    (folder / "traces").symlink_to(TRACES)
    first = trueup("run", "--json", cwd=folder)
    assert first.returncode in (1, 3), first.stderr
    work = Project.open(load(folder))
    verdict = work.latest_verdict()
    dataset, adapter = work.latest_or_none()
    result = tournament.told(work, adapter.id)
    assert {one.name for one in result.results} == {"plain", "other"} and all(one.adapter for one in result.results)
    assert result.results[0].name == result.winner and result.results[0].adapter == verdict.candidate
    assert [finding.counts["candidates"] for finding in verdict.findings if finding.rule == "chosen"] == [2]
    for one in result.results:  # each is asked over the base that it was trained on
        arm = evaluate_step.arms(work, dataset, work.adapter(one.adapter))["tuned"]
        assert arm.model.endswith("second" if one.name == "other" else "model")
    before = sorted(path.name for path in (folder / ".trueup" / "artifacts").rglob("*"))
    again = trueup("run", "--json", cwd=folder)
    assert json.loads(again.stdout)["id"] == json.loads(first.stdout)["id"]
    assert sorted(path.name for path in (folder / ".trueup" / "artifacts").rglob("*")) == before


def test_one_candidate_is_no_choice():
    """A table of its own changes nothing that [tune] could not say."""
    config = configured(only=CandidateSection())
    with pytest.raises(UsageError, match="one candidate"):
        tournament.tune(type("Work", (), {"config": replace(config)}), None)
