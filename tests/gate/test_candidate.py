"""Any arm may be the candidate: same rules, same looks, same bar; what cannot be judged is refused early."""

from dataclasses import replace as copied

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from harness.cli.main import cli
from harness.errors import InvalidError, NotYetError, UsageError
from harness.evaluate import identity
from harness.gate import bar as gate_bar
from harness.gate import candidate as gate_candidate
from harness.gate import early_stop, flaky_cases
from harness.gate import stage as gate_stage
from harness.gate import step as gate_step
from harness.project import ANYWAY, EvaluationRuns
from harness.sections import ArmSection
from harness.types import Arm, Judgement, Quarantine
from tests.gate.desk import BOOKING, OTHER, RIGHT, TUNED, answered, evaluated

NEXT = Arm(name="next", backend="constant", options={"reply": "v2"})
ARMS = {name: ArmSection(backend="constant") for name in ("base", "next", "other")}
SHARES = {"base": RIGHT["base"], "next": RIGHT["tuned"]}


def asked(arm, right):
    """A run of an arm as the evaluation would have kept it."""
    return replace(answered(arm.name, right), arm=arm, content=identity.content(arm))


def kept(work, runs, **more):
    """Store runs as the latest evaluation."""
    idents = tuple((name, work.store.artifacts.put("run", run)) for name, run in runs.items())
    work.keep_evaluation(EvaluationRuns(runs=idents, **more), whole=True)


@pytest.fixture
def change(work):
    """A project without a fine-tune: `next` is better than `base` at booking and as good elsewhere."""
    config = replace(work.config, arms=ARMS, gate=replace(work.config.gate, candidate="next"))
    work = copied(work, config=config)
    base = Arm(name="base", backend="constant", options={"reply": "v1"})
    kept(work, {"base": asked(base, SHARES["base"]), "next": asked(NEXT, SHARES["next"])})
    return work


def rules(verdict):
    return {finding.rule for finding in verdict.findings}


def test_an_arm_without_an_adapter_is_judged_by_the_same_rules(change):
    """Targets, guards and looks as ever; what asks whether training was worth it is left out."""
    verdict = gate_step.gate(change)
    assert verdict.outcome == "promote", verdict.sentence
    assert verdict.candidate == identity.content(NEXT) and verdict.dataset == ""
    assert {"target", "guard", "looks", "net_effect"} <= rules(verdict)
    assert not rules(verdict) & {"prompted", "floor", "planned"}
    assert "no prompt was tried" not in verdict.sentence


def test_a_fine_tune_is_asked_all_of_it(work):
    """The default candidate is the fine-tune, known by its adapter."""
    verdict = gate_step.gate(work)
    assert verdict.candidate == TUNED and "prompted" in rules(verdict)


def test_an_arm_with_another_adapter_is_a_fine_tune_of_that_adapter(work):
    """Runs of before contents were kept are known by the adapter's manifest."""
    folder = str(work.store.artifacts.folder("adapter", OTHER))
    evaluated(work, {**RIGHT, "mine": RIGHT["tuned"]}, mine=folder)
    work = copied(work, config=replace(work.config, arms={**ARMS, "mine": ArmSection(adapter=folder)}))
    verdict = gate_step.gate(work, gate_candidate.named(work.config.gate, "mine"))
    assert verdict.candidate == OTHER and "prompted" in rules(verdict)


def test_the_command_judges_another_arm_and_the_report_shows_it(work):
    """`--candidate` and `--baseline` give a stored verdict of the same evaluation, with the exit code of its outcome."""
    root = work.config.root
    done = CliRunner().invoke(
        cli, ["gate", "--candidate", "prompted", "--baseline", "tuned", "--config", root, "--quiet"]
    )
    assert done.exit_code == 1 and "against tuned" in done.output
    verdict = work.latest_verdict()
    kept = work.store.artifacts.get("judgement", verdict.id, Judgement)
    assert (kept.policy.candidate, kept.policy.baselines, kept.fine_tuned) == ("prompted", ("tuned",), False)
    assert {(pair.baseline, pair.candidate) for pair in kept.comparisons} == {
        ("base", "prompted"),
        ("tuned", "prompted"),
    }
    assert CliRunner().invoke(cli, ["report", "--config", root, "--quiet"]).exit_code == 0


@pytest.mark.parametrize(
    ("candidate", "baselines", "words"),
    [
        ("nxt", (), "did you mean 'next'?"),
        ("champion", (), "names no arm: 'champion'"),
        ("next", ("bass",), "did you mean 'base'?"),
        ("base", (), "its own baseline"),
        ("next", ("base", "next"), "its own baseline"),
    ],
)
def test_names_that_cannot_be_meant_are_refused_with_the_nearest(change, candidate, baselines, words):
    """A usage error, before a look is counted."""
    with pytest.raises(UsageError) as raised:
        gate_step.gate(change, gate_candidate.named(change.config.gate, candidate, baselines))
    assert words in str(raised.value)
    assert not change.store.ledger.looks.all()


def test_arms_without_the_default_baseline_are_told_which_to_name(change):
    """A project whose arms are `current` and `next` has to say what `next` is held against."""
    config = replace(change.config, arms={"current": ArmSection(), "next": ArmSection()})
    with pytest.raises(UsageError, match=r"no \[arms.base\]") as raised:
        gate_candidate.check(config, config.gate)
    assert 'baselines = ["current"]' in str(raised.value)


def test_what_was_not_evaluated_is_refused(change):
    """The message says which arms were, and what to type."""
    for name, command in (("other", "trueup eval --model other"), ("tuned", "trueup run")):
        with pytest.raises(NotYetError) as raised:
            gate_step.gate(change, gate_candidate.named(change.config.gate, name))
        assert command in str(raised.value) and "base, next" in str(raised.value)


def test_one_thing_under_two_names_is_refused(change):
    """A change that was not made: the prompt, the model and the options of both arms are equal."""
    runs = change.runs(change.latest_evaluation())
    kept(change, {**runs, "base": asked(replace(NEXT, name="base"), SHARES["base"])})
    with pytest.raises(UsageError, match="the same model, prompt and options"):
        gate_step.gate(change)
    assert not change.store.ledger.looks.all()


def test_arms_that_were_asked_different_cases_are_refused(change):
    """One case less under one arm, or a suite that only one was asked; named, and no look is counted."""
    runs = change.runs(change.latest_evaluation())
    short = replace(runs["base"], results=runs["base"].results[1:])
    one_suite = replace(
        runs["base"],
        suites=runs["base"].suites[:1],
        results=tuple(result for result in runs["base"].results if result.suite == BOOKING.name),
    )
    for base, words in ((short, f"{BOOKING.name}: c0"), (one_suite, "eval_general")):
        kept(change, {**runs, "base": base})
        with pytest.raises(InvalidError, match="different cases") as raised:
            gate_step.gate(change)
        assert words in str(raised.value)
    assert not change.store.ledger.looks.all()


def test_every_candidate_that_is_judged_is_a_look_and_a_new_name_is_none(change):
    """Judging `other` on the same cases is one more look; `next` under a new name is not."""
    gate_step.gate(change)
    runs = change.runs(change.latest_evaluation())
    other = Arm(name="other", backend="constant", options={"reply": "v3"})
    kept(change, {**runs, "other": asked(other, RIGHT["prompted"])})
    numbers = [
        set(gate_step.gate(change, gate_candidate.named(change.config.gate, name)).looks.values())
        for name in ("next", "other", "next")
    ]
    assert numbers == [{2}, {3}, {2}]
    renamed = {name: run for name, run in change.runs(change.latest_evaluation()).items() if name != "next"}
    again = asked(replace(NEXT, name="new"), SHARES["next"])
    arms = {**ARMS, "new": ArmSection()}
    change = copied(change, config=replace(change.config, arms=arms, gate=replace(change.config.gate, candidate="new")))
    kept(change, {**renamed, "new": again})
    assert set(gate_step.gate(change).looks.values()) == {2}


def test_guards_alone_decide_where_no_target_is_needed(change):
    """A change that must only break nothing: undecided by default, promoted with targets = "none", held when a guard lost."""
    runs = change.runs(change.latest_evaluation())

    def only_guard(run, right=200):
        made = asked(run.arm, {"booking": 0, "general": right})
        results = tuple(result for result in made.results if result.suite != BOOKING.name)
        return replace(
            made, suites=made.suites[1:], results=results, cases={made.suites[1].name: made.cases[BOOKING.name]}
        )

    outcomes = []
    for targets, right in (("all", 200), ("none", 200), ("none", 120)):
        kept(change, {"base": only_guard(runs["base"]), "next": only_guard(runs["next"], right)})
        policy = replace(change.config.gate, targets=targets)
        outcomes.append(gate_step.under(change, policy).outcome)
    assert outcomes == ["undecided", "promote", "hold"]


def test_no_target_is_the_laxest_policy(work):
    """The bar keeps the stricter of two, and the rule names it."""
    strict, lax = work.config.gate, replace(work.config.gate, targets="none")
    assert gate_bar._stricter_policy(lax, strict).targets == "all"
    gate_step.gate(work)
    verdict = gate_step.under(work, lax)
    assert any("no target is needed" in finding.sentence for finding in verdict.findings)


def test_nothing_that_must_hold_is_not_enough(change):
    """With no target and no guard nothing was shown."""
    runs = change.runs(change.latest_evaluation())
    bare = {name: replace(run, suites=(), results=(), cases={}) for name, run in runs.items()}
    kept(change, bare)
    assert gate_step.under(change, replace(change.config.gate, targets="none")).outcome == "undecided"


def test_an_evaluation_in_parts_ends_early_for_any_candidate(change):
    """A guard that the candidate is shown to have lost ends it; a good candidate is asked everything."""
    runs = change.runs(change.latest_evaluation())
    assert early_stop.lost(change, runs, "") == ""
    worse = {**runs, "next": asked(NEXT, {"booking": 240, "general": 60})}
    assert "general dropped" in early_stop.lost(change, worse, "")


def test_nothing_but_the_rules_of_a_fine_tune_is_left_out(work):
    """The same judgement of an arm without an adapter: the prompt and the commonest answer are no rivals, all else is asked."""
    evaluated(work, {**RIGHT, "constant": RIGHT["base"]})
    tuned, _ = gate_step.judgement(work, replace(work.config.gate, options={"train_anyway": True, "power": 0.99}))
    left_out = rules(gate_stage.judge(tuned)) - rules(gate_stage.judge(replace(tuned, fine_tuned=False)))
    assert {"prompted", "floor"} <= left_out <= {"prompted", "floor", "planned"}


def test_a_training_that_the_plan_advised_against_is_known_by_its_adapter(work):
    """Whichever verdict is made of the adapter later, and of no other."""
    evaluated(work)
    before, evaluation = gate_step.judgement(work, work.config.gate)
    work.store.memo.remember(ANYWAY, evaluation.adapter, evaluation.adapter)
    after, _ = gate_step.judgement(work, work.config.gate)
    assert (before.trained_anyway, after.trained_anyway) == (False, True)
    other = gate_step.of_runs(work, work.runs(evaluation), "f" * 64, work.config.gate)
    assert not other.trained_anyway


def test_the_candidate_is_never_what_production_runs(change):
    """The effect on traffic is held against another arm: with production = true on the candidate there is none."""
    for name, production in (("base", "base"), ("next", "")):
        arms = {**ARMS, name: replace(ARMS[name], production=True)}
        there = copied(change, config=replace(change.config, arms=arms))
        assert gate_step.judgement(there, there.config.gate)[0].production == production


def test_flaky_cases_of_an_evaluation_count_for_every_arm_of_it(change):
    """Whichever arm is judged next, nobody chooses with the results in sight."""
    entry = Quarantine(
        suite=BOOKING.name,
        case_id="c0",
        flips=1,
        trials=6,
        measured_on="a",
        fixed="2026-01-01",
        expires="2026-01-20",
        also=("b",),
    )
    fates = [flaky_cases._fate(entry, candidate, "2026-01-02") for candidate in "abc"]
    assert fates == ["own_run", "own_run", "left_out"]
