"""Findings into one verdict: promote only on evidence, and say what is missing otherwise."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from harness.core.codec import decode, encode
from harness.errors import UsageError
from harness.gate.flaky_cases import sorted_out
from harness.gate.stage import gate
from harness.gate.stage import judge as judge_again
from harness.types import (
    Budget,
    Comparison,
    Contract,
    Guard,
    Info,
    Judgement,
    Pair,
    Policy,
    Quarantine,
    Suite,
    Target,
    Verdict,
    Waiver,
)


def compared(name, role, both, broken, fixed, neither, *, baseline="base", candidate="tuned", **more):
    """A comparison of pass/fail cases with that table."""
    table = [(1, 1)] * both + [(1, 0)] * broken + [(0, 1)] * fixed + [(0, 0)] * neither
    pairs = tuple(
        Pair(case_id=f"c{i}", baseline=float(x), candidate=float(y), cluster=f"c{i}") for i, (x, y) in enumerate(table)
    )
    suite = Suite(name=f"demo/eval_{name}::eval_{name}", role=role, cases=len(pairs), digest="d")
    return Comparison(
        suite=suite, baseline=baseline, candidate=candidate, metric="exact", pairs=pairs, binary=True, **more
    )


GAIN = compared("booking", Target(min_gain=0.05), 10, 2, 60, 28)
SAFE = compared("arc_easy", Guard(margin=0.08), 90, 3, 3, 54)
LOST = compared("piqa", Guard(margin=0.03), 100, 30, 2, 68)
SMALL = compared("piqa", Guard(margin=0.03), 20, 1, 1, 8)


def judge(*comparisons, policy=None, **more):
    return gate(comparisons, policy or Policy(), candidate="adapter", **more)


def test_promotes_what_gains_and_breaks_nothing():
    """A target that gains and a guard that holds: promote, and the sentence says both."""
    verdict = judge(GAIN, SAFE)
    assert verdict.outcome == "promote"
    assert verdict.sentence.startswith("Promote: booking (100 cases) improved by 58.0 points over base (95 % interval ")
    assert "nothing guarded got worse than allowed (1 guard)" in verdict.sentence
    assert verdict.sentence.endswith("no prompt was tried instead.")


def test_a_loss_holds_whatever_was_gained():
    """A guard that lost more than its margin holds, and is the reason."""
    verdict = judge(GAIN, SAFE, LOST)
    assert verdict.outcome == "hold"
    assert verdict.sentence.startswith("Hold: piqa dropped by 14.0 points against base (95 % interval ")
    assert "a drop of at most 3.0 is allowed" in verdict.sentence


def test_an_unresolved_guard_leaves_it_undecided():
    """Too few cases to rule the loss out: undecided, with the number that is missing."""
    verdict = judge(GAIN, SMALL)
    assert verdict.outcome == "undecided"
    assert "more cases" in verdict.sentence
    assert next(f for f in verdict.findings if f.rule == "guard").counts["needed"] > 100


def test_invalid_comes_before_everything():
    """A problem of the measurement outweighs a gain and a loss alike."""
    assert judge(GAIN, replace(LOST, problems=("the eval file changed",))).outcome == "invalid"


@pytest.mark.parametrize(
    ("comparisons", "outcome"),
    [
        ((), "undecided"),
        ((SAFE,), "undecided"),
        ((replace(GAIN, pairs=()),), "undecided"),
        ((compared("booking", Info(), 10, 2, 60, 28),), "undecided"),
        ((compared("booking", Target(0.0), 50, 3, 3, 44, candidate="base"),), "undecided"),
        ((replace(GAIN, baseline="prompted"), SAFE), "invalid"),
        ((replace(GAIN, baseline="prompted"),), "invalid"),
    ],
)
def test_no_evidence_no_promotion(comparisons, outcome):
    """Nothing measured, no target, an empty suite, an A/A run alone, no baseline: never promote."""
    assert judge(*comparisons).outcome == outcome


def test_every_baseline_must_be_there():
    """A champion that the policy names and nobody ran is a missing baseline."""
    verdict = judge(GAIN, SAFE, policy=Policy(baselines=("base", "champion")))
    assert verdict.outcome == "invalid"
    assert "no run of the baseline champion" in verdict.sentence


def test_every_baseline_must_be_beaten():
    """A gain over base that is a loss against the champion holds."""
    champion = compared("booking", Target(min_gain=0.05), 60, 12, 1, 27, baseline="champion")
    verdict = judge(GAIN, champion, policy=Policy(baselines=("base", "champion")))
    assert verdict.outcome == "hold"


def test_the_champion_is_not_held_against_itself():
    """When the candidate is the champion, only the other baselines count."""
    same = compared("booking", Target(min_gain=0.05), 60, 0, 0, 40, baseline="champion")
    policy = Policy(baselines=("base", "champion"))
    assert judge(GAIN, same, policy=policy, champion="adapter").outcome == "promote"
    assert judge(GAIN, same, policy=policy, champion="another").outcome != "promote"


def test_a_control_that_differs_is_invalid():
    """An arm that truly differs from itself shows that something besides the model changed."""
    assert judge(GAIN, SAFE, replace(GAIN, candidate="base")).outcome == "invalid"


def test_two_answers_to_one_question_are_invalid():
    """The same suite against the same baseline with other results, or two candidates, cannot be judged."""
    other = compared("booking", Target(min_gain=0.05), 10, 2, 59, 29)
    assert judge(GAIN, other).outcome == "invalid"
    assert judge(GAIN, replace(SAFE, candidate="second")).outcome == "invalid"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_none_never_promotes(value):
    """One NaN or infinite score makes the verdict invalid, and the verdict itself can be stored."""
    pairs = (replace(GAIN.pairs[0], candidate=value), *GAIN.pairs[1:])
    verdict = judge(replace(GAIN, pairs=pairs), SAFE)
    assert verdict.outcome == "invalid"
    assert decode(encode(verdict), Verdict) == verdict


@pytest.mark.parametrize("margin", [math.nan, math.inf, -0.1])
def test_a_threshold_that_is_none_never_promotes(margin):
    """A margin that is not a usable number makes the verdict invalid."""
    assert judge(GAIN, replace(SAFE, suite=replace(SAFE.suite, role=Guard(margin=margin)))).outcome == "invalid"


@pytest.mark.parametrize("limit", [math.nan, math.inf])
def test_a_limit_that_is_none_never_promotes(limit):
    """A budget's limit that is not a usable number makes the verdict invalid."""
    cheap = compared("tokens", Budget(limit=limit), 0, 0, 0, 60)
    assert judge(GAIN, SAFE, cheap).outcome == "invalid"


def test_run_problems_are_invalid():
    """What the evaluation reports as a problem is enough."""
    assert judge(GAIN, SAFE, problems=["tuned: a collection error"]).outcome == "invalid"


@pytest.mark.parametrize(
    "policy",
    [Policy(alpha=0.0), Policy(alpha=math.nan), Policy(min_cases=0), Policy(baselines=()), Policy(max_error_share=2)],
)
def test_a_policy_without_sense_is_refused(policy):
    """A policy that would let anything through, or nothing, is a usage error."""
    with pytest.raises(UsageError, match="cannot judge"):
        judge(GAIN, policy=policy)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"champion_gian": 0.1}, "did you mean 'champion_gain'"),
        ({"guard_slice": ["lang=de"]}, "did you mean 'guard_slices'"),
        ({"guard_slices": "lang=de"}, "must be a list of names"),
        ({"champion_gain": "0.1"}, "must be a number, 0 or more"),
        ({"slice_margin": -0.1}, "must be a number"),
        ({"slice_margin": math.nan}, "must be a number"),
        ({"champion_gain": math.inf}, "must be a number"),
        ({"discordance": True}, "must be a number from 0 to 1"),
        ({"train_anyway": "yes"}, "must be true or false"),
        ({"original": ""}, "must be a name"),
    ],
)
def test_an_option_that_no_rule_understands_is_refused(options, words):
    """A misspelt option, or one of the wrong kind, must not silently weaken the gate."""
    with pytest.raises(UsageError) as refused:
        judge(GAIN, policy=Policy(options=options))
    assert words in str(refused.value)


def test_judging_again_repeats_exactly():
    """The verdict is a function of its arguments: the same again, byte for byte, and another policy by its id."""
    assert encode(judge(GAIN, SAFE)) == encode(judge(GAIN, SAFE))
    other = judge(GAIN, SAFE, policy=Policy(min_cases=500))
    assert (other.outcome, judge(GAIN, SAFE).outcome) == ("undecided", "promote")
    assert other.policy != judge(GAIN, SAFE).policy


def test_waived_cases_leave_the_guard_until_they_expire():
    """A waiver takes its cases out of a guard up to and on its day; after it, or without a date, it counts as none."""
    broken = [pair.case_id for pair in LOST.pairs if pair.baseline and not pair.candidate]
    waivers = [
        Waiver(suite=LOST.suite.name, case_id=c, reason="known", owner="ann", expires="2026-05-31") for c in broken
    ]
    lenient = replace(LOST, suite=replace(LOST.suite, role=Guard(margin=0.08)))
    many = Policy(options={"waived_share": 0.3})
    assert judge(GAIN, lenient, waivers=waivers, today="2026-05-31", policy=many).outcome == "promote"
    assert judge(GAIN, lenient, waivers=waivers, today="2026-06-01", policy=many).outcome == "hold"
    assert judge(GAIN, lenient, waivers=waivers, policy=many).outcome == "hold"
    assert judge(GAIN, lenient, waivers=waivers * 2, today="2026-05-31", policy=many).sentence.endswith(
        "30 cases are waived and did not count."
    )
    shown = judge(GAIN, lenient, waivers=waivers[:1], today="2026-05-31").findings
    assert any(f.rule == "waived" and "ann waives case" in f.sentence for f in shown)


def test_waivers_are_for_few_cases_and_a_while():
    """More than a twentieth of a suite leaves the verdict undecided; one that runs for ever counts as none, with its reason."""
    broken = [pair.case_id for pair in LOST.pairs if pair.baseline and not pair.candidate]
    waivers = [
        Waiver(suite=LOST.suite.name, case_id=c, reason="known", owner="ann", expires="2026-05-31") for c in broken
    ]
    lenient = replace(LOST, suite=replace(LOST.suite, role=Guard(margin=0.08)))
    verdict = judge(GAIN, lenient, waivers=waivers, today="2026-05-31")
    assert verdict.outcome == "undecided" and "are waived; at most 5% may be" in verdict.sentence
    for_ever = [replace(waiver, expires="2999-12-31") for waiver in waivers]
    verdict = judge(GAIN, lenient, waivers=for_ever, today="2026-05-31")
    assert verdict.outcome == "hold"
    assert any("runs until 2999-12-31, longer than 90 days" in finding.sentence for finding in verdict.findings)


def test_a_waiver_of_everything_is_none():
    """A waiver that names neither case nor cluster waives nothing."""
    waiver = Waiver(suite=LOST.suite.name, reason="because", owner="bob", expires="2026-03-01")
    verdict = judge(GAIN, LOST, waivers=[waiver], today="2026-01-01")
    assert verdict.outcome == "hold"
    assert any("by bob names neither case nor cluster and counts as none" in f.sentence for f in verdict.findings)


def test_waivers_do_not_make_a_target():
    """Cases that did not improve cannot be waived away from a target."""
    worse = compared("booking", Target(min_gain=0.05), 40, 20, 10, 30)
    waivers = [
        Waiver(suite=worse.suite.name, case_id=p.case_id, reason="r", owner="o", expires="2026-03-01")
        for p in worse.pairs
        if p.candidate == 0.0
    ]
    verdict = judge(worse, waivers=waivers, today="2026-01-01")
    assert verdict.outcome == "hold"
    assert {finding.counts["cases"] for finding in verdict.findings if finding.rule == "waived"} == {0}


def test_a_used_up_held_out_set_is_undecided():
    """The look after the last allowed one asks for fresh cases; the last one still counts."""
    again = {GAIN.suite.name: 20}
    assert judge(GAIN, SAFE, looks=again).outcome == "promote"
    verdict = judge(GAIN, SAFE, looks={GAIN.suite.name: 21})
    assert verdict.outcome == "undecided"
    assert "fresh cases" in verdict.sentence


def test_a_decline_within_the_margin_is_said():
    """A guard that holds but truly declined is named in the sentence."""
    decline = compared("arc_easy", Guard(margin=0.1), 500, 30, 4, 466)
    verdict = judge(GAIN, decline)
    assert verdict.outcome == "promote"
    assert "arc_easy dropped, within the margin" in verdict.sentence


@st.composite
def suites(draw):
    """A few suites of any role, with any table, sometimes with gaps, problems or NaN."""
    found = []
    for number in range(draw(st.integers(1, 3))):
        role = draw(st.sampled_from([Target(0.0), Target(0.1), Guard(0.05), Guard(0.2), Contract(), Info()]))
        table = [draw(st.integers(0, 30)) for _ in range(4)]
        one = compared(f"s{number}", role, *table)
        pairs = list(one.pairs)
        for _ in range(draw(st.integers(0, 2)) if pairs else 0):
            place = draw(st.integers(0, len(pairs) - 1))
            pairs[place] = replace(pairs[place], candidate=draw(st.sampled_from([None, math.nan, 0.0, 1.0])))
        problems = draw(st.sampled_from([(), (), (), ("changed",)]))
        found.append(replace(one, pairs=tuple(pairs), problems=problems))
    return found


@settings(max_examples=60)
@given(suites())
def test_promote_implies_evidence(comparisons):
    """Promote implies: no problem, every number finite, n at least the minimum, every guard and contract held."""
    policy = Policy(min_cases=25)
    verdict = gate(comparisons, policy, candidate="adapter")
    if verdict.outcome != "promote":
        return
    assert not any(one.problems for one in comparisons if not isinstance(one.suite.role, Info))
    deciding = [f for f in verdict.findings if f.rule in ("target", "guard", "contract", "budget")]
    assert {f.outcome for f in deciding} == {"pass"}
    assert any(f.rule == "target" for f in deciding)
    judged = {f.suite for f in deciding}
    assert judged == {one.suite.name for one in comparisons if not isinstance(one.suite.role, Info)}
    for finding in deciding:
        if finding.rule != "contract":
            assert finding.counts["n"] >= policy.min_cases
            assert finding.interval is not None and math.isfinite(finding.interval.low)
            assert finding.bound is not None and finding.interval.low > finding.bound
    encode(verdict)


@settings(max_examples=25)
@given(suites(), st.randoms(use_true_random=False))
def test_order_renaming_and_duplication_change_no_verdict(comparisons, random):
    """Shuffled suites and cases, renamed cases and a comparison given twice leave the outcome as it is."""
    names = [f"n{number}" for number in range(200)]
    random.shuffle(names)
    changed = []
    for one in comparisons:
        pairs = [replace(p, case_id=names[i], cluster=names[i]) for i, p in enumerate(one.pairs)]
        random.shuffle(pairs)
        changed.append(replace(one, pairs=tuple(pairs)))
    random.shuffle(changed)
    policy = Policy()
    first = gate(comparisons, policy, candidate="adapter")
    second = gate([*changed, changed[0]], policy, candidate="adapter")
    assert first.outcome == second.outcome
    assert [f.outcome for f in first.findings] == [f.outcome for f in second.findings]


def test_a_judgement_gives_its_verdict_again():
    """All that decides stands in the judgement: stored, read and judged again it gives the same verdict."""
    judgement = Judgement(
        comparisons=(GAIN, SAFE),
        policy=Policy(),
        candidate="adapter",
        looks={GAIN.suite.name: 3},
        today="2026-05-01",
        problems=(),
    )
    first = judge_again(judgement)
    assert judge_again(decode(encode(judgement), Judgement)) == first
    assert judge_again(replace(judgement, comparisons=(SAFE, GAIN, GAIN))) == first
    assert len(first.comparisons) == 2


def flaky(comparison, number, **more):
    """Quarantine entries of the first cases, found flaky with another adapter."""
    entry = Quarantine(
        suite=comparison.suite.name,
        case_id="",
        flips=2,
        trials=6,
        measured_on="yesterday",
        fixed="2026-05-01",
        expires="2026-05-31",
    )
    return [replace(entry, case_id=pair.case_id, **more) for pair in comparison.pairs[:number]]


@pytest.mark.parametrize(
    ("more", "number", "left", "words"),
    [
        ({}, 5, 95, "5 flaky cases are left out of both arms until 2026-05-31"),
        ({}, 6, 100, "more than 5% of the suite"),
        ({"measured_on": "adapter"}, 5, 100, "the very evaluation that is judged"),
        ({"measured_on": ""}, 5, 100, "the very evaluation that is judged"),
        ({"fixed": "2026-05-11"}, 5, 100, "not yet fixed on the day"),
        ({"expires": "2026-05-09"}, 5, 100, "past their day"),
        ({"expires": "soon"}, 5, 100, "past their day"),
    ],
)
def test_flaky_cases_are_left_out_only_when_named_beforehand(more, number, left, words):
    """At most 5 % of a suite, found on another adapter, between its days: left out of both arms; else it counts."""
    verdict = judge(GAIN, quarantine=flaky(GAIN, number, **more), today="2026-05-10")
    assert next(f for f in verdict.findings if f.rule == "target").counts["n"] == left
    (told,) = [f for f in verdict.findings if f.rule == "quarantined"]
    assert words in told.sentence
    assert told.outcome == ("unresolved" if number == 6 else "info")


def test_each_suite_has_its_own_cap():
    """Entries that do not hold, or are of another suite, use up nothing of a suite's 5 %."""
    entries = [*flaky(GAIN, 5), *flaky(GAIN, 9, expires="2026-05-02")[5:], *flaky(SAFE, 9)]
    (gain, safe), told = sorted_out((GAIN, SAFE), entries, "adapter", "2026-05-10")
    assert (len(gain.pairs), len(safe.pairs)) == (95, 150)
    assert {(one.case.suite, one.fate) for one in told} == {
        (GAIN.suite.name, "left_out"),
        (GAIN.suite.name, "expired"),
        (SAFE.suite.name, "too_many"),
    }


def test_contract_cases_are_never_quarantined():
    """A contract asks for a pass in most repeats already, so none of its cases is left out."""
    whole = compared("refunds", Contract(), 20, 0, 0, 0)
    assert whole == sorted_out((whole,), flaky(whole, 1), "adapter", "2026-05-10")[0][0]


def test_noise_stands_beside_every_difference():
    """The flips of the baseline against itself are counted in the finding on each difference from it."""
    control = compared("booking", Target(min_gain=0.05), 50, 2, 3, 45, candidate="base")
    verdict = judge(GAIN, SAFE, control)
    assert verdict.outcome == "promote"
    beside = {f.rule: (f.counts.get("aa_flips"), f.counts.get("aa_n")) for f in verdict.findings}
    assert beside["target"] == (5, 100)
    assert beside["guard"] == (None, None)
    (noise,) = [f for f in verdict.findings if f.rule == "noise"]
    assert noise.counts["false_alarm"] == 0.0
    assert "would call that a gain in 0.0%" in noise.sentence


def test_training_without_enough_power_is_written_down():
    """`train_anyway` lets a weak plan through, and the verdict says so."""
    verdict = judge(GAIN, SMALL, policy=Policy(options={"train_anyway": True}))
    told = [f for f in verdict.findings if f.rule == "planned" and f.suite == SMALL.suite.name]
    assert [f.outcome for f in told] == ["info"]
    assert told[0].sentence.startswith("Trained anyway") and "piqa" in told[0].sentence
    assert not [f for f in judge(GAIN, SMALL).findings if f.rule == "planned"]


def test_training_by_the_flag_is_written_down_as_by_the_option():
    """`--train-anyway` is not in the policy, so the judgement says it; a candidate that is not trained has no plan."""
    told = [f for f in judge(GAIN, SMALL, trained_anyway=True).findings if f.rule == "planned"]
    assert [(f.suite, f.outcome) for f in told if f.suite == SMALL.suite.name] == [(SMALL.suite.name, "info")]
    assert all(f.sentence.startswith("Trained anyway, though the plan advised against it.") for f in told)
    assert not [f for f in judge(GAIN, SMALL, trained_anyway=True, fine_tuned=False).findings if f.rule == "planned"]


@pytest.mark.parametrize(
    "comparisons",
    [
        (),
        (SAFE,),
        (GAIN, LOST),
        (GAIN, SMALL),
        (replace(GAIN, problems=("changed",)),),
        (replace(GAIN, baseline="other"),),
    ],
)
def test_whatever_stands_in_the_way_names_formula_counts_and_the_next_step(comparisons):
    """Every finding has its formula and its counts; one that stands in the way says what to type next."""
    waiver = Waiver(suite=SAFE.suite.name, case_id="c1", reason="r", owner="o", expires="2020-01-01")
    for finding in judge(*comparisons, looks={SAFE.suite.name: 30}, waivers=[waiver], today="2026-01-01").findings:
        assert finding.counts, finding
        if finding.counts.get("n", 0) > 1:
            assert finding.formula, finding
        if finding.outcome in ("fail", "invalid", "unresolved"):
            assert finding.next, finding
