"""Repeats that are joined to pass^k: what an eval file may say, the tables, and the gate's bar."""

import pytest
from msgspec.structs import replace

from harness.errors import UsageError
from harness.evaluate.means import means
from harness.evaluate.stage import evaluate
from harness.evaluate.suites import budget, contract, declaration, suite, target
from harness.gate.compare import compare
from harness.gate.measure import measure
from harness.gate.suite_bar import lowered
from harness.types import Arm, EvalRequest, Suite, Target

EVAL = """
from trueup import cases, score, suite, target

rows = [{"id": f"c{n}", "text": str(n)} for n in range(4)]
seen = {}

@suite(role=target(), repeats=4, across="pass^2")
@cases(rows)
def eval_tries(case, model):
    model.chat(case.messages)
    key = model.arm.name, case.id
    seen[key] = seen.get(key, 0) + 1
    return score.check("done", seen[key] <= int(case.text) + (model.arm.name == "tuned"))
"""


def test_a_suite_is_scored_case_by_case_over_its_repeats(tmp_path):
    """Four tries of which c pass are C(c, 2) / 6 in the table, and in the pairs that the gate measures."""
    (tmp_path / "evals").mkdir()
    (tmp_path / "evals" / "eval_tries.py").write_text(EVAL)
    arms = tuple(Arm(name=name, backend="scripted") for name in ("base", "tuned"))
    base, tuned = evaluate(EvalRequest(arms=arms, paths=(str(tmp_path / "evals"),), out=str(tmp_path / "out")))
    assert [row[3] for row in means({"base": base, "tuned": tuned})] == pytest.approx([4 / 24, 10 / 24])
    (one,) = compare(base, tuned)
    assert [round(pair.candidate * 6) for pair in one.pairs] == [0, 1, 3, 6] and not one.problems
    evidence = measure(one, 0.05)
    assert evidence.estimate == pytest.approx(1 / 4) and evidence.interval.low < 1 / 4 < evidence.interval.high
    assert evidence.formula == "tango_effective"


def test_what_cannot_be_joined_is_refused_where_it_is_declared():
    """Unknown ways, and roles and metrics that count repeats themselves."""
    for wrong in (
        {"across": "best"},
        {"across": "pass^2", "role": contract()},
        {"across": "pass^2", "role": budget(3)},
    ):
        with pytest.raises(UsageError):
            suite(**wrong)
    with pytest.raises(UsageError, match="macro_f1"):
        suite(across="pass@2", metric="macro_f1", role=target())

    @suite(role=target(), repeats=8, across="pass^4")
    def eval_it(case, model): ...

    assert declaration(eval_it).across == "pass^4"


def test_fewer_tries_that_must_pass_lower_the_bar():
    """The gate names it; more tries do not."""
    before = Suite(name="a", role=Target(), across="pass^4", cases=9)
    assert lowered(before, replace(before, across="pass@4")) == "joins repeats by pass@4 instead of pass^4"
    assert "their mean instead of pass^4" in lowered(before, replace(before, across=""))
    assert lowered(before, replace(before, across="pass^8")) == ""
