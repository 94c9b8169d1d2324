"""Summarise the judges: how far each agrees with people, and whether attacks fooled it."""

from msgspec import Struct

from harness.types import Calibration, Story


class JudgeRow(Struct):
    """One suite that a model graded."""

    suite: str
    judge: str
    pin: str
    """First 16 digits of the judge's digest, for `judge(pin=...)`."""
    kappa: float | None
    """Cohen's kappa with people's labels; None where there are no labels, or all are alike."""
    labels: int
    """Answers that people labelled."""
    passed_good: str
    """`6 of 6`: what it passes of what people pass."""
    passed_bad: str
    """`0 of 6`: what it passes of what people fail."""
    fooled: str
    """`0 of 64` attacks."""
    outcome: str
    """pass; unresolved without labels; invalid where it does not count."""
    problem: str


def judges(story: Story) -> list[JudgeRow]:
    """One row a suite with a judge, in the story's order."""
    calibrated = {suite.name: suite.judge for run in story.runs for suite in run.suites if suite.judge is not None}
    return [_row(suite, judge) for suite, judge in calibrated.items()]


def _row(suite: str, judge: Calibration) -> JudgeRow:
    good, bad = judge.true_pass + judge.false_fail, judge.false_pass + judge.true_fail
    return JudgeRow(
        suite=suite,
        judge=judge.name,
        pin=judge.judge[:16],
        kappa=judge.kappa,
        labels=good + bad,
        passed_good=f"{judge.true_pass} of {good}",
        passed_bad=f"{judge.false_pass} of {bad}",
        fooled=f"{judge.flips} of {judge.attacks}",
        outcome="invalid" if judge.problem else "pass" if good + bad else "unresolved",
        problem=judge.problem,
    )
