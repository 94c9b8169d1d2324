"""Say what to type now: what stands between this verdict and a promotion."""

from msgspec import Struct

from harness.types import Story
from reports.parts.summary import worst_first

MOST = 3
FALLBACK = {
    "hold": "read the broken cases, then: trueup curate && trueup run",
    "undecided": "add cases, then: trueup run",
    "invalid": "fix what the strip marks, then: trueup run",
}
OURS = ("trueup ", "pytest ")
"""How a command starts; any other step is words."""


class NextStep(Struct):
    text: str
    command: bool
    """Whether it can be typed as it is."""
    why: str = ""
    """The rule and suite that ask for it."""


def next_steps(story: Story) -> list[NextStep]:
    """Of a promotion the command; else what the findings against it say, the worst first."""
    outcome = story.verdict.outcome
    if outcome == "promote":
        return [NextStep("trueup promote", True)]
    wrong = [f for f in worst_first(story.verdict.findings) if f.outcome in ("invalid", "fail", "unresolved")]
    steps: dict[str, NextStep] = {}
    for finding in wrong:
        if finding.next and "trueup report" not in finding.next:
            why = " ".join(filter(None, (finding.rule.replace("_", " "), finding.suite.rpartition("::")[2])))
            steps.setdefault(finding.next, NextStep(finding.next, finding.next.startswith(OURS), why))
    return list(steps.values())[:MOST] or [NextStep(FALLBACK[outcome], False)]
