"""Pairing two runs: what is paired, and what is named because it cannot be."""

import pytest
from msgspec.structs import replace

from harness.gate.compare import compare, control
from harness.types import Arm, Case, Contract, Guard, Message, Result, Run, Score, Suite, TextPart

SUITE = Suite(name="demo/eval_demo::eval_demo", role=Guard(), cases=3, digest="d")
CASES = tuple(Case(id=name, session_id=f"s-{name}", fields={"lang": "en"}) for name in "abc")


def result(case_id, value, repeat=0, **more):
    return Result(suite=SUITE.name, case_id=case_id, repeat=repeat, scores=(Score(name="exact", value=value),), **more)


def run(arm, results, suite=SUITE, cases=CASES):
    return Run(
        id=arm, arm=Arm(name=arm), model_digest=arm, suites=(suite,), results=tuple(results), cases={suite.name: cases}
    )


BASE = run("base", [result("a", 1.0), result("b", 0.0), result("c", 1.0)])


def only(baseline, candidate):
    (one,) = compare(baseline, candidate)
    return one


def test_pairs_by_case_whatever_the_order():
    """Results in another order pair by case id, and the metric is the score's name."""
    one = only(BASE, run("tuned", [result("c", 0.0), result("a", 1.0), result("b", 1.0)]))
    assert [(p.case_id, p.baseline, p.candidate) for p in one.pairs] == [("a", 1, 1), ("b", 0, 1), ("c", 1, 0)]
    assert (one.metric, one.binary, one.problems) == ("exact", True, ())


def test_repeats_are_averaged_first():
    """Three repeats give one pair a case, with their mean, and no longer a pass/fail comparison."""
    three = [result(name, float(name == "a" or r == 0), r) for name in "abc" for r in range(3)]
    one = only(run("base", three), run("tuned", three))
    assert [p.baseline for p in one.pairs] == pytest.approx([1.0, 1 / 3, 1 / 3])
    assert not one.binary


@pytest.mark.parametrize(
    ("results", "words"),
    [
        ([result("a", 1.0), result("b", 1.0)], "has no result of 1 cases: c"),
        ([result("a", 1.0), result("a", 1.0), result("b", 1.0), result("c", 1.0)], "recorded twice: a"),
        ([result("a", float("nan")), result("b", 1.0), result("c", 1.0)], "not a finite number"),
        ([result("a", 1.0), result("b", 1.0), result("c", 1.0), result("x", 1.0)], "base has no result of 1 cases: x"),
        ([*(result(n, 1.0) for n in "abc"), result("a", 1.0, repeat=1)], "repeats are missing: b, c"),
    ],
)
def test_what_cannot_be_paired_is_a_problem(results, words):
    """A lost, doubled or foreign case, a missing repeat and a NaN are each named."""
    assert any(words in problem for problem in only(BASE, run("tuned", results)).problems)


@pytest.mark.parametrize(
    ("suite", "words"),
    [
        (replace(SUITE, digest="other"), "the eval file or its cases changed"),
        (replace(SUITE, cases=4), "3 cases were collected for base and 4 for tuned"),
        (replace(SUITE, role=Guard(margin=0.5)), "declared differently"),
    ],
)
def test_another_suite_is_a_problem(suite, words):
    """A changed eval file, another number of cases and another margin are never compared in silence."""
    candidate = run("tuned", [result(n, 1.0) for n in "abc"], suite=suite)
    assert any(words in problem for problem in only(BASE, candidate).problems)


def test_a_suite_that_only_one_arm_ran():
    """A suite without a baseline is still there, with its problem."""
    one = only(replace(BASE, suites=(), results=(), cases={}), run("tuned", [result(n, 1.0) for n in "abc"]))
    assert "base has no run of this suite" in one.problems
    assert all(p.baseline is None and p.baseline_error == "no result" for p in one.pairs)


def test_what_ended_early_is_compared_where_both_were_asked():
    """The cases that both arms were asked are paired, without a problem for the others, and the comparison says so."""
    part = replace(run("tuned", [result("a", 1.0), result("b", 1.0)], cases=CASES[:2]), stopped="lost")
    one = only(BASE, part)
    assert ([p.case_id for p in one.pairs], one.stopped, one.problems) == (["a", "b"], "lost", ())
    other = replace(SUITE, name="demo/eval_other::eval_other")
    both = replace(BASE, suites=(SUITE, other), results=(*BASE.results, replace(BASE.results[0], suite=other.name)))
    assert [one.suite.name for one in compare(both, part)] == [SUITE.name]
    assert only(BASE, replace(part, stopped="")).problems


def test_a_shrunken_suite_is_a_problem():
    """Three results of four collected cases is not the whole suite, though both arms agree."""
    suite = replace(SUITE, cases=4)
    runs = [run(arm, [result(n, 1.0) for n in "abc"], suite=suite) for arm in ("base", "tuned")]
    assert "4 cases were collected and 3 have a result" in only(*runs).problems


def test_errors_and_skips_have_no_score():
    """An errored or skipped case is kept, without a value and with its reason; one bad repeat spoils the case."""
    broken = Result(suite=SUITE.name, case_id="a", error="timeout")
    skipped = Result(suite=SUITE.name, case_id="b", skipped="no tool")
    one = only(BASE, run("tuned", [broken, skipped, result("c", 1.0)]))
    assert [(p.candidate, p.candidate_error) for p in one.pairs] == [
        (None, "timeout"),
        (None, "skipped: no tool"),
        (1.0, ""),
    ]
    partial = only(run("base", [result("a", 1.0), replace(broken, repeat=1)]), BASE)
    assert partial.pairs[0].baseline is None


def test_a_score_by_another_name_is_no_score():
    """With a metric named, a result without it is an error, not its first score."""
    named = replace(SUITE, metric="f1")
    one = only(run("base", BASE.results, suite=named), run("tuned", BASE.results, suite=named))
    assert all(p.candidate is None and "no score named 'f1'" in p.candidate_error for p in one.pairs)


def test_clusters_and_slices_come_from_the_case():
    """The cluster column's value, or the case id where it has none; slices as column=value."""
    suite = replace(SUITE, cluster="session_id", slices=("lang", "nothing"))
    cases = (replace(CASES[0], session_id=""), *CASES[1:])
    one = only(run("base", BASE.results, suite, cases), run("tuned", BASE.results, suite, cases))
    assert [p.cluster for p in one.pairs] == ["a", "s-b", "s-c"]
    assert one.pairs[0].slices == ("lang=en",)


def test_a_misspelt_cluster_column_is_a_problem():
    """Otherwise every case would be its own cluster, and the interval too narrow."""
    suite = replace(SUITE, cluster="sesion_id")
    one = only(run("base", BASE.results, suite), run("tuned", BASE.results, suite))
    assert "no case has a value in the cluster column 'sesion_id'" in one.problems


def test_what_must_pass_is_a_contract_of_its_own():
    """Cases in must_pass become a contract, and so does the score of each other name."""
    suite = replace(SUITE, must_pass=("limit", "a"))
    checked = [replace(r, scores=(*r.scores, Score(name="limit", value=1.0))) for r in BASE.results]
    main, check, named = compare(run("base", checked, suite), run("tuned", checked, suite))
    if named.metric == "limit":
        check, named = named, check
    assert (check.suite.name, check.metric, check.suite.role) == (f"{SUITE.name}[limit]", "limit", Contract())
    assert (named.suite.name, named.metric, named.suite.role) == (f"{SUITE.name}[must_pass]", "exact", Contract())
    assert [p.case_id for p in named.pairs] == ["a"] and not named.problems
    assert main.metric == "exact" and len(main.pairs) == 3


def test_a_name_that_must_pass_and_is_nothing_is_a_problem():
    """A misspelt case or check is said, with the scores there are."""
    suite = replace(SUITE, must_pass=("limmit",))
    _, check = compare(run("base", BASE.results, suite), run("tuned", BASE.results, suite))
    assert "no result has a score named 'limmit'; there are exact" in check.problems


def test_a_contract_passes_at_full_score_only():
    """Of a contract each repeat passes at 1.0: nine tenths of an answer break it, two of three repeats keep it."""
    values = {"a": (0.9, 0.9, 0.9), "b": (1.0, 1.0, 0.5), "c": (0.0, 1.0, 0.0)}
    results = [result(name, value, repeat) for name, three in values.items() for repeat, value in enumerate(three)]
    contract = replace(SUITE, role=Contract())
    one = only(run("base", results, contract), run("tuned", results, contract))
    assert [p.candidate for p in one.pairs] == pytest.approx([0.0, 2 / 3, 1 / 3])
    guard = only(run("base", results), run("tuned", results))
    assert guard.pairs[0].candidate == pytest.approx(0.9)


def test_one_case_under_many_ids_is_one_cluster():
    """Copies of a case say no more than the case; cases that expect something else, or hold nothing, are their own."""
    asked = (Message(role="user", parts=(TextPart(text="hello"),)),)
    cases = (Case(id="a", messages=asked), Case(id="b", messages=asked), Case(id="c", messages=asked, expected="x"))
    one = only(run("base", BASE.results, cases=cases), run("tuned", BASE.results, cases=cases))
    assert [p.cluster for p in one.pairs] == ["a", "a", "c"]
    assert [p.cluster for p in only(BASE, replace(BASE, arm=Arm(name="tuned"))).pairs] == ["a", "b", "c"]


def test_doubled_case_ids_are_a_problem():
    """Two cases by one id cannot be told apart."""
    cases = (*CASES, CASES[0])
    one = only(run("base", BASE.results, cases=cases), run("tuned", BASE.results, cases=cases))
    assert "case ids are not unique: a" in one.problems


def test_repeats_are_an_arm_against_itself():
    """Even repeats against odd ones, as many of each; suites that were asked once give no control."""
    three = [result(name, float(name == "a" or r == 1), r) for name in "abc" for r in range(3)]
    (one,) = control(run("base", three))
    assert (one.baseline, one.candidate, one.problems) == ("base", "base", ())
    assert [(p.baseline, p.candidate) for p in one.pairs] == [(1.0, 1.0), (0.0, 1.0), (0.0, 1.0)]
    assert control(BASE) == ()


def labelled(arm, said, suite):
    """A run whose scores are labels, right where `said` is the case's id."""
    results = [
        Result(
            suite=SUITE.name,
            case_id=ident,
            scores=(Score(name="label", value=float(word == ident), label=word, expected=ident),),
        )
        for ident, word in zip("abc", said, strict=True)
    ]
    return run(arm, results, suite)


def test_labels_are_paired_for_a_corpus_measure():
    """What was expected and what each arm said stand in the pair, only where a corpus measure asks for them."""
    suite = replace(SUITE, corpus="macro_f1")
    one = only(labelled("base", "abb", suite), labelled("tuned", "abc", suite))
    assert [p.labels for p in one.pairs] == [(("a", "a", "a"),), (("b", "b", "b"),), (("c", "b", "c"),)]
    assert one.problems == ()
    assert all(p.labels == () for p in only(labelled("base", "abb", SUITE), labelled("tuned", "abc", SUITE)).pairs)


def test_a_corpus_measure_without_labels_is_a_problem():
    """macro-F1 cannot be counted from scores that name no label."""
    suite = replace(SUITE, corpus="macro_f1")
    one = only(run("base", BASE.results, suite), run("tuned", BASE.results, suite))
    assert any("macro_f1 is counted from labels" in problem for problem in one.problems)


def repeated(arm, passes, repeats=4, across="pass^2", **suite):
    """Each case with so many of its repeats passed."""
    asked = replace(SUITE, across=across, repeats=repeats, **suite)
    results = [result(name, float(r < passes[name]), r) for name in passes for r in range(repeats)]
    return run(arm, results, asked)


def test_repeats_are_joined_to_pass_hat_k_case_by_case():
    """C(c, 2) / C(4, 2) for each case: the case is the unit, and the metric stays the score's."""
    one = only(repeated("base", {"a": 4, "b": 3, "c": 1}), repeated("tuned", {"a": 2, "b": 4, "c": 0}))
    assert [(p.baseline, p.candidate) for p in one.pairs] == [(1.0, 1 / 6), (0.5, 1.0), (0.0, 0.0)]
    assert (one.metric, one.problems, one.binary) == ("exact", (), False)
    least = only(
        repeated("base", {"a": 4, "b": 3, "c": 1}, across="pass@2"),
        repeated("t", dict.fromkeys("abc", 0), across="pass@2"),
    )
    assert [p.baseline for p in least.pairs] == pytest.approx([1.0, 1.0, 0.5])


@pytest.mark.parametrize(
    ("arm", "words"),
    [
        (repeated("tuned", dict.fromkeys("abc", 1), repeats=1), "pass^2 needs 2 repeats or more, and there are 1"),
        (run("tuned", [result(n, 0.5, r) for n in "abc" for r in range(4)], replace(SUITE, across="pass^2", repeats=4)), "are neither"),
    ],
)  # fmt: skip
def test_repeats_that_cannot_be_joined_are_a_problem(arm, words):
    """Too few of them, and scores that are no pass or fail."""
    assert any(words in problem for problem in only(arm, arm).problems)


def test_half_of_the_repeats_are_averaged_where_they_are_too_few():
    """An arm against itself has half as many: noise is then measured on their means."""
    (one,) = control(repeated("base", {"a": 4, "b": 2, "c": 1}, across="pass^4"))
    assert one.suite.across == "" and one.problems == ()
    assert [(p.baseline, p.candidate) for p in one.pairs] == [(1.0, 1.0), (0.5, 0.5), (0.5, 0.0)]
    (kept,) = control(repeated("base", {"a": 4, "b": 2, "c": 1}))
    assert kept.suite.across == "pass^2"
