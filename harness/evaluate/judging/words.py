"""Describe a judge's trial in words."""

from collections.abc import Iterable

from harness.evaluate.judging import labels
from harness.types import Calibration, Run


def sentences(runs: Iterable[Run]) -> list[str]:
    """One sentence a suite with a judge, each once."""
    found = {suite.name: suite.judge for run in runs for suite in run.suites if suite.judge is not None}
    return [f"{suite}: {sentence(judge)}" for suite, judge in found.items()]


def sentence(judge: Calibration) -> str:
    """How far the judge can be believed."""
    labelled = judge.true_pass + judge.false_fail + judge.false_pass + judge.true_fail
    agreement = "was never held against people's labels"
    if labelled:
        kappa = "undefined" if judge.kappa is None else f"{judge.kappa:.2f}"
        good, bad = judge.true_pass + judge.false_fail, judge.false_pass + judge.true_fail
        agreement = (
            f"agrees with people at kappa {kappa} on {labelled} answers: it passes {judge.true_pass} of {good} that they "
            f"pass, and {judge.false_pass} of {bad} that they fail"
        )
    attacks = f"{judge.flips} of {judge.attacks} attacks fooled it" if judge.attacks else "no attack could be tried"
    if judge.problem:
        return f"the judge {judge.name!r} {agreement}; {attacks}; it does not count: {judge.problem}"
    if judge.brief:
        return f"the judge {judge.name!r} was tried briefly: {agreement}; {attacks}; trueup run tries all labels and attacks"
    lacking = labels.weakness(judge)
    verdict = f"counts (pin {judge.judge[:16]})" + (f", but decides nothing yet: {lacking}" if lacking else "")
    return f"the judge {judge.name!r} {agreement}; {attacks}; it {verdict}"
