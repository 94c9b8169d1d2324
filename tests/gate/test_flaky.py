"""Flaky cases: found from repeats, written to a file, read back."""

import pytest

from harness.errors import InputError, UsageError
from harness.gate.flaky import measure, read, write
from harness.types import Arm, Result, Run, Score, Suite

SUITE = Suite(name="demo::eval_demo", cases=60, repeats=3)


def run(arm, wrong):
    """60 cases of three repeats, all right but those `(case, repeat)` in `wrong`."""
    results = tuple(
        Result(
            suite=SUITE.name, case_id=f"c{i:02}", repeat=r, scores=(Score(name="x", value=float((i, r) not in wrong)),)
        )
        for i in range(60)
        for r in range(3)
    )
    return Run(id=arm, arm=Arm(name=arm), model_digest=arm, suites=(SUITE,), results=results)


def test_the_flakiest_cases_of_both_arms_are_named():
    """Repeats that differ from the commoner outcome of their arm are flips, over both arms; a steady fail is none."""
    steady = {(5, 0), (5, 1), (5, 2)}
    found = measure([run("base", {(1, 0), *steady}), run("tuned", {(1, 2), (2, 0)})], "adapter", "2026-05-01")
    assert [(one.case_id, one.flips, one.trials) for one in found] == [("c01", 2, 6), ("c02", 1, 6)]
    assert {(one.measured_on, one.fixed, one.expires) for one in found} == {("adapter", "2026-05-01", "2026-05-31")}


def test_never_more_than_a_twentieth():
    """Of 60 cases at most three, the flakiest."""
    wrong = {(i, 0) for i in range(10)}
    assert [one.case_id for one in measure([run("base", wrong), run("tuned", set())], "a", "2026-05-01")] == [
        "c00",
        "c01",
        "c02",
    ]


def test_two_repeats_are_too_few():
    """With two it cannot be told which is the odd one; the message names what to write."""
    short = run("base", set())
    short = Run(
        id="b",
        arm=short.arm,
        model_digest="b",
        suites=(SUITE,),
        results=tuple(r for r in short.results if r.repeat < 2),
    )
    with pytest.raises(UsageError, match="3 times"):
        measure([run("tuned", set()), short], "a", "2026-05-01")


def test_newer_entries_take_the_place_of_older_ones(tmp_path):
    """One entry a case; what another night found stays."""
    file = tmp_path / "quarantine.jsonl"
    assert read(file) == ()
    old = measure([run("base", {(1, 0), (2, 0)})], "a", "2026-05-01")
    new = measure([run("base", {(2, 0), (3, 0)})], "b", "2026-05-20")
    write(file, old)
    assert [(one.case_id, one.measured_on) for one in write(file, new)] == [("c01", "a"), ("c02", "b"), ("c03", "b")]
    assert len(read(file)) == 3


def test_a_line_that_is_no_entry_is_named(tmp_path):
    """File and line stand in the message."""
    (tmp_path / "quarantine.jsonl").write_text("{}\n")
    with pytest.raises(InputError) as caught:
        read(tmp_path / "quarantine.jsonl")
    assert "quarantine.jsonl:1" in str(caught.value.where)
