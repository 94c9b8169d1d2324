"""Each rule by itself: what it says of comparisons whose answer is known."""

import pytest
from msgspec.structs import replace

from harness.core.plugins import load, names
from harness.gate.bar import GateBar
from harness.gate.context import Context
from harness.types import ArmSettings, Budget, Calibration, Contract, Guard, Info, Pair, Policy, Target, Waiver


def told(rule, *comparisons, policy=None, **more):
    """Findings of one rule, over comparisons against base."""
    policy = policy or Policy()
    context = Context(
        comparisons=tuple(one for one in comparisons if one.baseline != one.candidate),
        controls=tuple(one for one in comparisons if one.baseline == one.candidate),
        policy=policy,
        baselines=policy.baselines,
        **more,
    )
    return list(load("rules", rule).findings(context))


def numbers(comparison, before, after, **suite):
    """The comparison with those scores."""
    pairs = tuple(
        Pair(case_id=str(i), baseline=x, candidate=y, cluster=str(i))
        for i, (x, y) in enumerate(zip(before, after, strict=True))
    )
    return replace(comparison, pairs=pairs, binary=False, suite=replace(comparison.suite, cases=len(pairs), **suite))


def test_the_folder_is_the_list():
    """Every rule file is a plug-in; files that start with an underscore are helpers."""
    assert {"target", "guard", "contract", "budget", "evidence", "floor", "looks", "prompted"} <= set(names("rules"))
    assert not any(name.startswith("_") for name in names("rules"))


@pytest.mark.parametrize(
    ("table", "outcome"),
    [
        ((300, 9, 9, 300), "pass"),
        ((300, 60, 5, 300), "fail"),
        ((60, 2, 2, 60), "unresolved"),
        ((5, 0, 0, 5), "unresolved"),
    ],
)
def test_guard(compared, table, outcome):
    """Held, lost, too few to say, and fewer than the policy's minimum."""
    (finding,) = told("guard", compared("arc", Guard(margin=0.03), *table))
    assert finding.outcome == outcome
    assert "a decline" not in finding.sentence


def test_guard_names_its_evidence(compared):
    """Formula, counts, interval, bound and the next command are there."""
    (finding,) = told("guard", compared("arc", Guard(margin=0.03), 60, 3, 2, 60))
    assert finding.formula == "tango_exact"
    assert (finding.counts["n"], finding.counts["b"], finding.counts["c"]) == (125, 3, 2)
    assert finding.counts["needed"] > 100 and f"{finding.counts['needed']:,} more cases" in finding.sentence
    assert finding.bound == -0.03 and finding.interval.level == pytest.approx(0.95)
    assert finding.next.startswith("add cases to evals/demo.py")
    assert finding.counts["newcombe_low"] < finding.estimate < finding.counts["newcombe_high"]


def test_guard_that_lost_more_than_its_margin_asks_for_no_more_cases(compared):
    """When the loss that was seen is beyond the margin, more cases would not clear it: the cases are to be looked at."""
    (finding,) = told("guard", compared("arc", Guard(margin=0.04), 212, 36, 13, 236))
    assert finding.outcome == "unresolved" and finding.estimate < -0.04
    assert "needed" not in finding.counts and "sooner show it" in finding.sentence
    assert finding.next == "trueup report --open"


def test_guard_without_margin_cannot_be_shown(compared):
    """No number of cases rules out any loss at all; the finding says what to do."""
    (finding,) = told("guard", compared("arc", Guard(margin=0.0), 300, 3, 3, 300))
    assert finding.outcome == "unresolved"
    assert "margin above 0" in finding.next


@pytest.mark.parametrize(
    ("table", "outcome"),
    [((20, 1, 40, 39), "pass"), ((50, 6, 6, 38), "fail"), ((50, 3, 13, 34), "unresolved"), ((40, 30, 2, 28), "fail")],
)
def test_target(compared, table, outcome):
    """Gained enough, hardly moved, gained but not surely enough, and became worse."""
    policy = Policy()
    (finding,) = told("target", compared("booking", Target(min_gain=0.08), *table), policy=policy)
    assert finding.outcome == outcome


def test_target_without_minimum_still_needs_a_gain(compared):
    """With min_gain 0 McNemar decides: 8 of 8 is a gain, 4 of 4 is not yet."""
    outcomes = [told("target", compared("b", Target(), 20, 0, fixed, 20))[0].outcome for fixed in (8, 4)]
    assert outcomes == ["pass", "unresolved"]


def test_any_target_pays_for_the_choice(compared):
    """Under "any" one clear gain among two is enough, and one that is only just significant is not."""
    policy = Policy(targets="any")
    clear, flat = compared("one", Target(), 20, 0, 20, 20), compared("two", Target(), 20, 3, 3, 20)
    assert [f.outcome for f in told("target", clear, flat, policy=policy)] == ["pass", "info"]
    just = compared("one", Target(), 20, 0, 6, 20)
    assert told("target", just)[0].outcome == "pass"
    assert [f.outcome for f in told("target", just, flat, policy=policy)] != ["pass", "info"]


def test_all_targets_must_hold_by_themselves(compared):
    """Under "all" a target that did not move stays open beside one that gained."""
    clear, flat = compared("one", Target(), 20, 0, 20, 20), compared("two", Target(), 20, 3, 3, 20)
    found = told("target", clear, flat)
    assert [f.outcome for f in found] == ["pass", "unresolved"]
    assert not any("holm_p" in f.counts for f in found)


def test_any_target_excuses_no_loss(compared):
    """Under "any" a target that was shown to become worse stays a failure, however clear the other's gain."""
    clear, worse = compared("one", Target(), 20, 0, 20, 20), compared("two", Target(), 20, 20, 0, 20)
    assert [f.outcome for f in told("target", clear, worse, policy=Policy(targets="any"))] == ["pass", "fail"]


def test_champion_gain_is_the_policys(compared):
    """Against a later baseline any shown gain will do, unless the policy asks for more."""
    one = compared("booking", Target(min_gain=0.2), 60, 0, 10, 60, baseline="champion")
    policy = Policy(baselines=("base", "champion"))
    assert told("target", one, policy=policy)[0].outcome == "pass"
    assert told("target", one, policy=replace(policy, options={"champion_gain": 0.2}))[0].outcome == "fail"


@pytest.mark.parametrize("missing", ["candidate", "baseline"])
def test_a_gap_in_one_arm_must_survive_the_worst_case(compared, missing):
    """Cases that one arm did not answer count against the candidate; if that changes the answer, it is invalid."""
    one = compared("arc", Guard(margin=0.08), 90, 2, 4, 54)
    gone = replace(one.pairs[0], **{missing: None}), replace(one.pairs[-1], **{missing: None})
    few = replace(one, pairs=(*gone, *one.pairs[1:-1]))
    assert told("guard", few)[0].outcome == "pass"
    many = [replace(p, **{missing: None}) if i % 4 == 0 else p for i, p in enumerate(one.pairs)]
    (finding,) = told("guard", replace(one, pairs=tuple(many)))
    assert finding.outcome == "invalid"
    assert "counted against the candidate" in finding.sentence


@pytest.mark.parametrize(("share", "outcomes"), [(0.5, []), (0.01, ["invalid"])])
def test_errors_have_a_share(compared, share, outcomes):
    """Errored cases up to the policy's share are told apart; above it the run is invalid, with the first error."""
    one = compared("booking", Target(), 20, 0, 20, 20)
    bad = replace(one.pairs[0], candidate=None, baseline=None, candidate_error="timeout after 60 s")
    one = replace(one, pairs=(bad, *one.pairs[1:]))
    found = told("evidence", one, policy=Policy(max_error_share=share))
    assert [f.outcome for f in found] == outcomes
    assert not found or "timeout after 60 s" in found[0].sentence


@pytest.mark.parametrize("margin", [1.0, 3.0])
def test_a_margin_of_everything_is_no_guard(compared, margin):
    """`margin=3` for three points would let a model pass that lost everything: invalid, with what to write."""
    (finding,) = told("guard", compared("arc", Guard(margin=margin), 10, 300, 0, 300))
    assert finding.outcome == "invalid" and "margin=0.03" in finding.next
    seconds = numbers(compared("speed", Guard(margin=margin), 1, 0, 0, 0), [2.0 + i % 7 for i in range(99)], [2.1] * 99)
    assert told("guard", seconds)[0].outcome != "invalid"


def test_a_gain_of_everything_is_no_target(compared):
    """`min_gain=5` for five points would never promote anything: invalid, with what to write."""
    (finding,) = told("target", compared("arc", Target(min_gain=5), 10, 0, 40, 50))
    assert finding.outcome == "invalid" and "min_gain=0.05" in finding.next


def test_waived_cases_are_counted_in_the_guard(compared):
    """The finding says how many cases did not count."""
    one = compared("arc", Guard(margin=0.2), 60, 3, 3, 54)
    waiver = Waiver(suite=one.suite.name, case_id="c61", reason="r", owner="o", expires="2030-01-01")
    (finding,) = told("guard", one, waivers=(waiver,))
    assert (finding.counts["n"], finding.counts["b"], finding.counts["waived"]) == (119, 2, 1)


def test_a_suite_against_one_baseline_only_is_invalid(compared):
    """A guard that was held against base and not against the champion, while the target was, is a gap."""
    policy = Policy(baselines=("base", "champion"))
    gain, guard = compared("booking", Target(), 20, 0, 20, 20), compared("arc", Guard(), 90, 0, 0, 54)
    there = replace(gain, baseline="champion")
    assert [f.suite for f in told("evidence", gain, there, guard, policy=policy)] == [guard.suite.name]
    assert not told("evidence", gain, there, guard, replace(guard, baseline="champion"), policy=policy)


def test_what_is_in_production_must_be_a_baseline(compared):
    """A promoted adapter that the candidate was not held against makes the verdict invalid."""
    gain = compared("booking", Target(), 20, 0, 20, 20)
    (finding,) = told("evidence", gain, champion="c0ffee")
    assert finding.outcome == "invalid" and "in production" in finding.sentence
    both = Policy(baselines=("base", "champion"))
    assert not told("evidence", gain, replace(gain, baseline="champion"), policy=both, champion="c0ffee")


def test_required_suites_must_be_there_and_decide(compared):
    """A suite that the policy names is invalid when it is gone or only measured; its short name will do."""
    gain, told_only = compared("booking", Target(), 20, 0, 20, 20), compared("arc", Info(), 20, 0, 0, 20)
    policy = Policy(options={"required": ["booking", gain.suite.name, "arc", "piqa"]})
    found = told("required", gain, told_only, policy=policy)
    assert [f.outcome for f in found] == ["invalid", "invalid"]
    assert "arc, and it has the role info" in found[0].sentence and "piqa, and it was not" in found[1].sentence
    assert not told("required", gain, told_only)


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        (Guard(margin=0.03), None, "is gone"),
        (Guard(margin=0.03), Info(), "has the role info instead of guard"),
        (Guard(margin=0.03), Guard(margin=0.1), "may lose 0.1 instead of 0.03"),
        (Target(min_gain=0.1), Target(min_gain=0.05), "must gain 0.05 instead of 0.1"),
        (Target(min_gain=0.1), Guard(), "has the role guard instead of target"),
        (Budget(limit=1.0), Budget(limit=2.0), "may reach 2 instead of 1"),
        (Budget(limit=1.0, quantile=0.95), Budget(limit=1.0, quantile=0.5), "50% of its cases instead of 95%"),
        (Guard(margin=0.1), Guard(margin=0.03), ""),
        (Guard(margin=0.1), Contract(), ""),
        (Info(), None, ""),
    ],
)
def test_a_lowered_bar_is_undecided_until_it_is_meant(compared, before, now, words):
    """What decided when the champion was promoted decides again; a new version of the policy makes it a note."""
    bar = (compared("arc", before, 60, 0, 0, 40).suite,)
    there = [compared("arc", now, 60, 0, 0, 40)] if now else []
    found = told("lowered", compared("booking", Target(), 20, 0, 20, 20), *there, bar=GateBar(suites=bar))
    assert [f.outcome for f in found] == (["unresolved"] if words else [])
    assert all(words in f.sentence for f in found)
    meant = told(
        "lowered", *there, compared("b", Target(), 9, 0, 9, 9), bar=GateBar(suites=bar), policy=Policy(version="2")
    )
    assert [f.outcome for f in meant] == (["info"] if words else [])


def test_a_suite_that_shrank_or_lets_a_case_go_lowers_the_bar(compared):
    """A tenth of the cases, or a name that no longer must pass, is said; a few cases fewer are not."""
    now = compared("arc", Guard(), 60, 0, 0, 40)
    for before, words in (({"cases": 112}, "from 112 to 100"), ({"cases": 111}, ""), ({"must_pass": ("c1",)}, "c1")):
        found = told("lowered", now, bar=GateBar(suites=(replace(now.suite, **before),)))
        assert [words in f.sentence for f in found] == ([True] if words else [])


def test_without_a_guard_it_is_said(compared):
    """A verdict that rests on targets alone says what it does not know."""
    assert [f.outcome for f in told("unguarded", compared("b", Target(), 20, 0, 20, 20))] == ["info"]
    assert not told("unguarded", compared("arc", Guard(), 20, 0, 0, 20))


def test_contract_breaks_on_one_case(compared):
    """Every contract case must pass in most of its repeats; the broken one is named."""
    one = compared("refunds", Contract(), 4, 0, 0, 0)
    assert told("contract", one)[0].outcome == "pass"
    flaky = replace(one, pairs=(replace(one.pairs[0], candidate=2 / 3), *one.pairs[1:]))
    assert told("contract", flaky)[0].outcome == "pass"
    broken = replace(one, pairs=(replace(one.pairs[0], candidate=1 / 3), *one.pairs[1:]))
    (finding,) = told("contract", broken)
    assert finding.outcome == "fail" and "c0" in finding.sentence
    unknown = replace(one, pairs=(replace(one.pairs[0], candidate=None), *one.pairs[1:]))
    assert told("contract", unknown)[0].outcome == "invalid"


@pytest.mark.parametrize(("limit", "outcome"), [(2.0, "pass"), (0.5, "fail"), (1.0, "unresolved")])
def test_budget(compared, limit, outcome):
    """The mean's upper bound is at the limit or below, its lower bound is above it, or neither."""
    after = [0.9 + 0.01 * (i % 21) for i in range(63)]
    one = numbers(compared("speed", Budget(limit=limit), 1, 0, 0, 0), after, after, range=(0.0, 5.0))
    assert told("budget", one)[0].outcome == outcome


def test_budget_of_a_rate_is_exact(compared):
    """No harm in 60 answers leaves up to 6.0 % possible at the first look: a limit of 6 % holds, of 5 % does not yet."""
    outcomes = [told("budget", compared("harm", Budget(limit=limit), 0, 0, 0, 60))[0].outcome for limit in (0.06, 0.05)]
    assert outcomes == ["pass", "unresolved"]


def test_floor_stops_what_learnt_only_the_spread_of_answers(compared):
    """A tuned model no better than the commonest answer fails, however far above base it is."""
    like = compared("booking", Target(), 30, 10, 10, 50, baseline="constant")
    better = compared("booking", Target(), 30, 2, 40, 28, baseline="constant")
    assert told("floor", like)[0].outcome == "fail"
    assert told("floor", better)[0].outcome == "pass"


def test_prompted_tie_says_do_not_fine_tune(compared):
    """Prompting that does as well within the margin holds the promotion, unless the policy only wants to be told."""
    tie = compared("booking", Target(), 300, 4, 5, 191, baseline="prompted")
    (finding,) = told("prompted", tie)
    assert finding.outcome == "fail" and "do not fine-tune for this" in finding.sentence
    assert told("prompted", tie, policy=Policy(prompted_tie="say"))[0].outcome == "info"
    better = compared("booking", Target(), 300, 4, 60, 136, baseline="prompted")
    (finding,) = told("prompted", better)
    assert finding.outcome == "info" and "does what the prompt does not" in finding.sentence


def test_prompted_says_no_more_than_is_shown(compared):
    """A prompt that does better is said to; a difference that could be either way is said not to be told."""
    worse = compared("booking", Target(), 200, 60, 4, 136, baseline="prompted")
    assert "prompting does better" in told("prompted", worse)[0].sentence
    open_ = compared("booking", Target(), 40, 4, 9, 47, baseline="prompted")
    (finding,) = told("prompted", open_)
    assert finding.outcome == "unresolved" and "was not shown to do better than the prompt" in finding.sentence
    assert told("prompted", open_, policy=Policy(prompted_tie="say"))[0].outcome == "info"


def test_a_prompt_that_nobody_asked_is_said(compared):
    """Each arm that the policy names and that did not run is told, unless it is a baseline, which evidence tells."""
    one = compared("booking", Target(), 20, 0, 20, 20)
    policy = Policy(options={"prompted_arms": ["prompted", "few_shot"]})
    assert [f.baseline for f in told("prompted", one, policy=policy)] == ["prompted", "few_shot"]
    assert all("is not known" in f.sentence for f in told("prompted", one, policy=policy))
    assert told("prompted", one)[0].counts == {"n": 0}
    assert not told("prompted", compared("arc", Guard(), 20, 0, 0, 20))


def test_a_prompt_that_a_search_found_has_to_be_beaten_too(compared):
    """Whatever its arm is called, and though no option names it; an arm with another prompt is not asked for."""
    rivals = [compared("booking", Target(), 300, 4, 5, 191, baseline=name) for name in ("best", "other")]
    arms = {"best": ArmSettings(searched=True), "other": ArmSettings()}
    given = told("prompted", *rivals, arms=arms, policy=Policy(options={"prompted_arms": []}))
    assert [(finding.baseline, finding.outcome) for finding in given] == [("best", "fail")]


def test_noise_is_shown(compared):
    """A/A flips are counted and shown, and decide nothing while they are balanced."""
    (finding,) = told("noise", compared("arc", Guard(), 50, 3, 2, 45, baseline="base", candidate="base"))
    assert (finding.outcome, finding.counts["flips"]) == ("info", 5)
    (even,) = told("noise", compared("arc", Guard(), 50, 3, 3, 44, baseline="base", candidate="base"))
    assert even.p_value == 1.0


def test_many_controls_alarm_no_oftener_than_one(compared):
    """A difference that one control alone would call more than chance is none among ten; a clear one stays one."""

    def alarms(fixed, others):
        odd = compared("s0", Guard(), 50, 0, fixed, 50, candidate="base")
        even = [compared(f"s{i}", Guard(), 50, 2, 2, 50, candidate="base") for i in range(1, others + 1)]
        return [f.outcome for f in told("noise", odd, *even)].count("invalid")

    assert (alarms(7, 0), alarms(7, 9), alarms(20, 9)) == (1, 0, 1)
    weak = compared("s", Guard(), 50, 0, 20, 50, candidate="base")
    weak = replace(weak, pairs=tuple(replace(p, cluster=str(i % 5)) for i, p in enumerate(weak.pairs)))
    (finding,) = told("noise", weak)
    assert (finding.outcome, finding.p_value) == ("info", 1.0)


def test_slices_show_only_what_is_not_chance(compared):
    """One slice that truly lost is named among those that did not."""
    one = compared("arc", Guard(margin=0.5), 60, 20, 0, 0)
    pairs = tuple(replace(p, slices=("lang=de",) if i >= 55 else ("lang=en",)) for i, p in enumerate(one.pairs))
    found = told("slices", replace(one, pairs=pairs))
    assert [f.outcome for f in found] == ["info"]
    assert "lang=de" in found[0].sentence and "dropped by" in found[0].sentence


def test_what_ended_early_shows_a_confidence_sequence(compared):
    """Of an evaluation in part the sequence is published, in the order that was drawn; a clear loss fails by it."""
    lost = replace(compared("arc", Guard(margin=0.03), 20, 30, 0, 10), stopped="arc lost")
    (finding,) = told("guard", lost)
    assert (finding.outcome, finding.formula, finding.interval.method) == ("fail", *["betting_sequence"] * 2)
    assert "newcombe_low" not in finding.counts
    held = compared("arc", Guard(margin=0.1), 200, 1, 1, 100)
    assert finding.interval != told("guard", replace(lost, stopped=""))[0].interval
    wider = told("guard", replace(held, stopped="piqa lost"))[0].interval
    assert wider.low < told("guard", held)[0].interval.low
    backwards = replace(lost, pairs=lost.pairs[::-1])
    assert told("guard", backwards)[0].interval == finding.interval


def test_what_has_no_sequential_method_is_not_judged_in_part(compared):
    """Clusters, numbers and budgets of an evaluation that ended early are unresolved, with no interval of a full one."""
    whole = replace(compared("arc", Guard(margin=0.5), 100, 1, 1, 50), stopped="piqa lost")
    grouped = replace(whole, pairs=tuple(replace(p, cluster=str(i // 2)) for i, p in enumerate(whole.pairs)))
    numbered = replace(numbers(whole, [5.0 + i % 3 for i in range(60)], [5.0 + i % 4 for i in range(60)]), stopped="x")
    for one in (grouped, numbered):
        (finding,) = told("guard", one)
        assert (finding.outcome, finding.formula, finding.interval.method) == ("unresolved", "none", "range")
        assert "only a part" in finding.sentence and finding.p_value == 1.0
    (budget,) = told("budget", replace(compared("harm", Budget(limit=0.5), 0, 0, 0, 60), stopped="x"))
    assert (budget.outcome, budget.interval) == ("unresolved", None)


def test_what_ended_early_never_promotes(compared):
    """The evaluation that ended early is unresolved as a whole, with how much of it was asked and why it ended."""
    one = replace(compared("booking", Target(), 20, 0, 40, 20), stopped="piqa loses 30 points.")
    one = replace(one, suite=replace(one.suite, cases=400))
    (finding,) = told("stopped", one)
    assert finding.outcome == "unresolved" and "after 80 of 400 cases: piqa loses" in finding.sentence
    assert not told("stopped", replace(one, stopped=""))


def test_looks_are_counted(compared):
    """Each suite has its own number of looks: within the policy's number a look is told, past it the cases are used up."""
    assert [f.outcome for f in told("looks", looks={"a": 3})] == ["info"]
    assert [(f.suite, f.outcome) for f in told("looks", looks={"a": 3, "b": 21})] == [
        ("a", "info"),
        ("b", "unresolved"),
    ]
    assert told("looks", looks={}) == []


def sliced(comparison, names):
    pairs = tuple(replace(p, slices=(names[i % len(names)],)) for i, p in enumerate(comparison.pairs))
    return replace(comparison, pairs=pairs)


def test_named_slices_are_guards(compared):
    """A slice that the policy names must not lose more than the margin; one that no suite has is unresolved."""
    one = sliced(compared("booking", Target(), 100, 0, 40, 60), ("lang=de", "lang=en"))
    lost = [replace(p, candidate=0.0) if p.slices == ("lang=de",) and p.baseline else p for p in one.pairs]
    policy = Policy(options={"guard_slices": ["lang=de", "lang=en", "lang=fr"], "slice_margin": 0.1})
    found = {
        f.suite.rpartition("[")[2]: f.outcome
        for f in told("slice_guard", replace(one, pairs=tuple(lost)), policy=policy)
    }
    assert found == {"lang=de]": "fail", "lang=en]": "pass", "": "unresolved"}
    assert told("slice_guard", one) == []


def test_a_guards_own_margin_holds_for_its_slices(compared):
    """Without a margin for slices a guard's slice has the guard's, a target's that of a guard."""
    policy = Policy(options={"guard_slices": ["a=b"]})
    bounds = [
        told("slice_guard", sliced(compared("arc", role, 60, 1, 1, 60), ("a=b",)), policy=policy)[0].bound
        for role in (Guard(margin=0.2), Target(min_gain=0.5))
    ]
    assert bounds == [-0.2, -0.03]


def test_a_rate_of_clusters_counts_clusters(compared):
    """No harm in 60 answers of 12 sessions is not as sure as in 60 sessions; under ten sessions it is not judged."""

    def harm(groups):
        one = compared("harm", Budget(limit=0.06), 0, 0, 0, 60)
        return replace(one, pairs=tuple(replace(p, cluster=str(i % groups)) for i, p in enumerate(one.pairs)))

    assert [told("budget", harm(groups))[0].outcome for groups in (60, 12, 9)] == ["pass", "unresolved", "unresolved"]
    assert told("budget", harm(12))[0].formula == "clopper_pearson_effective"
    assert "9 clusters" in told("budget", harm(9))[0].sentence


def test_a_mean_without_a_range_is_not_judged(compared):
    """One reply that no sample holds moves the mean of seconds at will; a range, or a quantile, makes it a question that can
    be answered."""
    seconds = [1.0 + 0.01 * i for i in range(98)] + [120.0] * 2
    whole = numbers(compared("speed", Budget(limit=130.0), 1, 0, 0, 0), seconds, seconds)
    (open_,) = told("budget", whole)
    assert open_.outcome == "unresolved" and "budget(limit, quantile=0.95)" in open_.sentence
    assert told("budget", replace(whole, suite=replace(whole.suite, range=(0.0, 125.0))))[0].outcome == "pass"
    share = [
        told("budget", replace(whole, suite=replace(whole.suite, role=Budget(limit=2.0, quantile=quantile))))[0]
        for quantile in (0.9, 0.95, 0.999)
    ]
    assert [one.outcome for one in share] == ["pass", "unresolved", "fail"]
    assert "above 2 in 2.0% of the cases" in share[0].sentence


def test_a_judge_without_labels_decides_nothing(compared):
    """A judged suite is unresolved, whatever it gained, where people never checked the judge, and where it is not known
    whether it is laxer on one arm; with a bound on that it is corrected."""
    one = compared("tone", Target(), 20, 1, 40, 39)
    checked = Calibration(judge="tone-1", true_pass=180, false_fail=20, false_pass=10, true_fail=190)
    outcomes = []
    for judge in (Calibration(judge="tone-1"), checked, replace(checked, most_bias=0.05)):
        (finding,) = told("target", replace(one, suite=replace(one.suite, judge=judge)))
        outcomes.append(finding.outcome)
        assert ("which cannot be judged" in finding.sentence) == (finding.outcome == "unresolved")
    assert outcomes == ["unresolved", "unresolved", "pass"]


def test_a_corpus_measure_decides(compared):
    """With macro-F1 the labels decide; a gap in one arm is filled with a wrong answer, and a pass must survive it."""
    one = compared("intent", Guard(margin=0.1), 90, 3, 3, 24)
    wanted = [("x", "y", "z")[i % 3] for i in range(120)]
    said = lambda right, label: label if right else "other"  # noqa: E731
    pairs = tuple(
        replace(p, labels=((w, said(p.baseline, w), said(p.candidate, w)),))
        for p, w in zip(one.pairs, wanted, strict=True)
    )
    whole = replace(one, pairs=pairs, suite=replace(one.suite, corpus="macro_f1"))
    (finding,) = told("guard", whole)
    assert (finding.outcome, finding.formula) == ("pass", "bootstrap_macro_f1")
    gone = tuple(
        replace(p, candidate=None, labels=((p.labels[0][0], p.labels[0][1], ""),)) if i % 4 == 0 else p
        for i, p in enumerate(pairs)
    )
    assert told("guard", replace(whole, pairs=gone))[0].outcome == "invalid"


def test_replies_that_were_cut_off_unequally_are_told(compared):
    """The counts of both arms, where they differ; nothing where they do not."""
    comparison = compared("a", Target(), 6, 0, 2, 2)

    def cut(*sides):
        pairs = tuple(replace(pair, cut_off=side) for pair, side in zip(comparison.pairs, sides, strict=False))
        return told("truncated", replace(comparison, pairs=(*pairs, *comparison.pairs[len(pairs) :])))

    assert not cut() and not cut((True, True), (True, True)) and not cut((True, False), (False, True))
    (finding,) = cut((True, False), (True, False), (True, True))
    assert finding.outcome == "info" and finding.counts == {"n": 10, "baseline": 3, "candidate": 1}
