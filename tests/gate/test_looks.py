"""One error rate for all nights: looks at the same cases are counted, and each may err in a share of it."""

import shutil

import numpy as np
import pytest
from msgspec.structs import replace

from harness.errors import InvalidError
from harness.gate import power, sights
from harness.gate import step as gate_step
from harness.gate.stage import gate
from harness.gate.statistics import tango
from harness.gate.statistics.spending import spent
from harness.project import EvaluationRuns
from harness.promote import step as promote_step
from harness.store.looks import Sight
from harness.store.store import Store
from harness.types import Guard, Policy, Target
from tests.gate.desk import BOOKING, CASES, DATASET, GENERAL, RIGHT, TUNED, answered, evaluated
from tests.gate.rules.conftest import compared

NIGHTS = 20


def seen(judged, *cases):
    return {"suite": Sight(judged=judged, cases=cases)}


@pytest.fixture
def looks(tmp_path):
    return Store.open(tmp_path / "store").ledger.looks


# ------------------------------------------------------------ counting


def test_judging_the_very_same_again_is_no_new_look(looks):
    """The number is that of the first time, however many looks there were since; anything else judged is a new one."""
    assert [looks.count(seen(one, "x", "y"))[0]["suite"] for one in ("a", "a", "b", "a")] == [1, 1, 2, 1]


def test_cases_count_whatever_their_suite_is_called(looks):
    """A suite that is renamed, or a part of its cases, or one that grew, goes on counting; fresh cases start anew."""
    looks.count(seen("a", *"abcdefghij"))
    renamed, numbers = {"other": Sight(judged="b", cases=tuple("abcdefghij"))}, []
    numbers.append(looks.count(renamed)[0]["other"])
    numbers.append(looks.count(seen("c", *"abc"))[0]["suite"])
    numbers.append(looks.count(seen("d", *"abcdefghijklmnop"))[0]["suite"])
    numbers.append(looks.count(seen("e", *"qrstuvwxyz"))[0]["suite"])
    assert numbers == [2, 3, 4, 1]


def test_two_suites_over_the_same_cases_are_one_look(looks):
    """What is judged at one time is looked at once, however many suites ask it."""
    both = {name: Sight(judged=name, cases=("x", "y")) for name in ("one", "two")}
    assert looks.count(both)[0] == {"one": 1, "two": 1}
    assert looks.next_number(("x", "y")) == 2


def test_a_look_that_was_deleted_is_missed(looks):
    """Each look names the one before: a gap, and a look that was put in another's place, are refused."""
    for judged in "abc":
        looks.count(seen(judged, "x"))
    first, second = looks._path(0), looks._path(1)
    kept = second.read_bytes()
    second.unlink()
    with pytest.raises(InvalidError, match="missing"):
        looks.count(seen("d", "x"))
    second.write_bytes(kept)
    assert looks.count(seen("d", "x"))[0]["suite"] == 4
    first.unlink()
    assert len(looks.verify()) == 1


# ------------------------------------------------------------ an evaluation that is judged


def nights(work, number):
    """The verdicts on candidates that answer otherwise each night."""
    for night in range(number):
        evaluated(work, {**RIGHT, "tuned": {"booking": 240 - night, "general": 198 + night}})
        yield gate_step.gate(work)


def test_every_suite_counts_its_looks_and_the_verdict_keeps_them(work):
    """Guards and targets alike; the interval of the third night is that of alpha / 12, and says its level."""
    verdicts = list(nights(work, 3))
    assert [verdict.looks for verdict in verdicts] == [{BOOKING.name: k, GENERAL.name: k} for k in (1, 2, 3)]
    levels = [next(f for f in v.findings if f.rule == "guard").interval.level for v in verdicts]
    assert levels == pytest.approx([1 - 2 * 0.05 / d for d in (2, 6, 12)])
    assert "(99.17 % interval" in verdicts[2].sentence
    assert gate_step.gate(work) == verdicts[2]


def test_an_evaluation_that_nobody_judged_is_a_look_too(work):
    """Who evaluates three candidates and judges the last has looked three times; the first one's look stays the first."""
    for right in (201, 202):
        evaluated(work, {**RIGHT, "tuned": {"booking": right, "general": right}})
    assert set(gate_step.gate(work).looks.values()) == {3}
    evaluated(work)
    assert set(gate_step.gate(work).looks.values()) == {1}


def test_new_ids_for_the_same_questions_are_no_fresh_cases():
    """What is asked counts, not what it is called, nor how it is spaced; another question is another case."""
    run = answered("tuned", {"booking": 1, "general": 1})

    def asked(change):
        cases = {name: tuple(change(case) for case in rows) for name, rows in run.cases.items()}
        return set(sights.sights([replace(run, cases=cases)], TUNED)[BOOKING.name].cases)

    part = CASES[0].messages[0].parts[0]
    spaced = replace(CASES[0].messages[0], parts=(replace(part, text="Table  for 0 "),))
    assert asked(lambda case: replace(case, id=f"new-{case.id}")) == asked(lambda case: case)
    assert asked(lambda case: replace(case, messages=(spaced,)) if case.id == "c0" else case) == asked(
        lambda case: case
    )
    other = replace(CASES[0].messages[0], parts=(replace(part, text="no table"),))
    assert len(asked(lambda case: replace(case, messages=(other,)))) == 1


def test_a_lost_ledger_is_invalid(work):
    """Looks that a verdict or a promotion rests on cannot be forgotten: not by deleting the last, nor all of them."""
    assert gate_step.gate(work).outcome == "promote"
    promoted = promote_step.promote(work)
    assert work.store.ledger.looks.knows(promoted.look)
    shutil.rmtree(work.store.root / "ledger" / "looks")
    shutil.rmtree(work.store.root / "verdict", ignore_errors=True)
    verdict = next(nights(work, 1))
    assert verdict.outcome == "invalid" and "the ledger does not know the look" in verdict.sentence


def test_what_was_looked_at_too_often_needs_fresh_cases(work):
    """The policy's number of looks still counts, suite by suite."""
    policy = replace(work.config.gate, looks=1)
    list(nights(work, 1))
    evaluated(work, {**RIGHT, "tuned": {"booking": 200, "general": 198}})
    verdict = gate_step.under(work, policy)
    assert verdict.outcome == "undecided" and "fresh cases" in verdict.sentence


def test_what_is_evaluated_in_part_is_no_look(work):
    """An arm by itself shows no candidate against its baseline."""
    runs = answered("tuned", {"booking": 5, "general": 5})
    ident = work.store.artifacts.put("run", runs)
    work.store.artifacts.put("evaluation", EvaluationRuns(dataset=DATASET, adapter=TUNED, runs=(("tuned", ident),)))
    assert set(gate_step.gate(work).looks.values()) == {1}


# ------------------------------------------------------------ what it is worth


def test_the_shares_of_all_looks_sum_to_alpha():
    """However many nights there are."""
    assert sum(spent(0.05, look) for look in range(1, 10_000)) == pytest.approx(0.05, rel=1e-3)
    with pytest.raises(ValueError, match="from 1"):
        spent(0.05, 0)


def exact(n, truth, discordance, bound, alpha):
    """Chance that a look passes, summed over every table."""
    z = tango.critical(n, bound, alpha)
    return float(tango.tail(z, n, bound, truth, np.array([discordance]))[0])


@pytest.mark.parametrize("n", [100, 500])
def test_twenty_nights_of_no_better_candidates_promote_in_five_per_cent(n):
    """Independent candidates no better than the base, 20 nights: at most 5 % in all, where alpha a night gives 40 %."""
    chances = [exact(n, 0.0, 0.2, 0.0, spent(0.05, look)) for look in range(1, NIGHTS + 1)]
    old = [exact(n, 0.0, 0.2, 0.0, 0.05)] * NIGHTS
    assert 1 - np.prod(1 - np.array(chances)) <= 0.05
    assert 1 - np.prod(1 - np.array(old)) > 0.4


def test_a_true_gain_of_ten_points_is_still_shown_on_the_last_night():
    """500 cases, 20 % of them differing: more than nine in ten on the 20th night, nearly always on the first."""
    first, last = (exact(500, 0.1, 0.2, 0.0, spent(0.05, look)) for look in (1, NIGHTS))
    assert first > 0.99 and last > 0.9


def test_a_later_look_must_be_surer():
    """The same table promotes at the first look and is undecided at the tenth: guard and target alike."""
    gain, held = compared("b", Target(), 20, 4, 18, 58), compared("g", Guard(margin=0.05), 300, 3, 3, 300)
    at = [
        gate((gain, held), Policy(), candidate="a", looks={one.suite.name: k for one in (gain, held)}) for k in (1, 10)
    ]
    assert [verdict.outcome for verdict in at] == ["promote", "undecided"]
    only_guard = gate((gain, held), Policy(), candidate="a", looks={held.suite.name: 20})
    assert only_guard.outcome == "promote" or "g dropped" not in only_guard.sentence


def test_the_plan_is_for_the_look_that_comes():
    """Cases that can show a gain at the first look may be too few for the tenth."""
    suites = (replace(BOOKING, cases=60),)
    first, tenth = (power.plan(suites, Policy(), {BOOKING.name: look})[0] for look in (1, 10))
    assert first.counts["power"] > tenth.counts["power"]
