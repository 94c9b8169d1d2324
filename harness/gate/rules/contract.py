"""Check contracts case by case: each must pass in most of its repeats. No inference: one broken case fails it.

The cases of a suite with the role contract, and the checks and cases that another suite names in `must_pass`: each of
these is a comparison of its own with that role. A repeat passes at full score (`harness.gate.compare`).
"""

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from harness.gate import measure, wording
from harness.gate.context import Context
from harness.types import Comparison, Contract, Finding, Pair

HARM = True
"""It finds something broken: of equal outcomes this comes before what was not gained."""
FINAL = True
"""No further case can undo its failure."""
PASSED = 0.5
"""A case passes when its mean over the repeats is above this."""
NAMED = 5
"""How many broken cases the sentence names."""


def findings(context: Context) -> Iterator[Finding]:
    seen: set[str] = set()
    for comparison in context.comparisons:
        if isinstance(comparison.suite.role, Contract) and comparison.suite.name not in seen:
            seen.add(comparison.suite.name)
            yield _judge(comparison, context.unwaived(comparison).pairs)


def _judge(comparison: Comparison, pairs: Sequence[Pair]) -> Finding:
    name = wording.label(comparison.suite.name)
    broken = [pair for pair in pairs if pair.candidate is not None and pair.candidate <= PASSED]
    unknown = [pair for pair in pairs if pair.candidate is None]
    counts = {"n": len(pairs), "b": len(broken), "missing": len(unknown), "waived": len(comparison.pairs) - len(pairs)}
    finding = replace(measure.start("contract", comparison), counts=counts, formula="every_case")
    if broken:
        was = sum(pair.baseline is not None and pair.baseline > PASSED for pair in broken)
        text = (
            f"{name} breaks {len(broken)} of {len(pairs)} contract cases ({was} passed under {comparison.baseline}): "
        )
        sentence = f"{text}{_names(broken)}."
        return replace(finding, outcome="fail", sentence=sentence, next="trueup report --open")
    if unknown:
        text = f"{name} has no score for {len(unknown)} of {len(pairs)} contract cases: {_names(unknown)}."
        return replace(finding, outcome="invalid", sentence=text, next="trueup eval")
    if not pairs:
        return replace(
            finding,
            sentence=f"{name} has no contract case left to check.",
            next=f"add cases to {wording.file(comparison)}",
        )
    return replace(finding, outcome="pass", sentence=f"{name} keeps all {len(pairs)} contract cases.")


def _names(pairs: Sequence[Pair]) -> str:
    rest = f" and {len(pairs) - NAMED} more" if len(pairs) > NAMED else ""
    return ", ".join(pair.case_id for pair in pairs[:NAMED]) + rest
