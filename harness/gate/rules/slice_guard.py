"""Guard slices that the policy names: none may lose more than the margin.

    [gate.options]
    guard_slices = ["lang=de"]
    slice_margin = 0.05          # else the guard's own margin, or that of a guard for a target

All must hold, so no correction for their number is due. A named slice that no suite has is unresolved, never forgotten.
"""

from collections.abc import Iterator

from msgspec.structs import replace

from harness.gate import options as gate_options
from harness.gate.context import Context
from harness.gate.rules import guard
from harness.types import Comparison, Finding, Guard, Role, Target

HARM = True
"""It finds something broken: of equal outcomes this comes before what was not gained."""
COMPARES = True
"""Its findings hold a difference of two arms, beside which A/A noise is shown."""
SLICES, MARGIN = gate_options.words("guard_slices"), gate_options.number("slice_margin", None)
OPTIONS = (SLICES, MARGIN)


def findings(context: Context) -> Iterator[Finding]:
    for name in sorted(set(SLICES.of(context.policy))):
        views = [view for role in (Target, Guard) for one in context.having(role) for view in _view(one, name, context)]
        for view in views:
            yield replace(guard.judge(view, context), rule="slice_guard")
        if not views and context.comparisons:
            yield Finding(
                rule="slice_guard",
                suite="",
                outcome="unresolved",
                sentence=f"The policy guards the slice {name}, and no target or guard suite has a case of it.",
                counts={"n": 0},
                formula="count",
                next="name its column in the suite: slices=[...]",
            )


def _view(comparison: Comparison, name: str, context: Context) -> Iterator[Comparison]:
    """The comparison's cases of that slice, as a guard; nothing where it has none."""
    pairs = tuple(pair for pair in comparison.pairs if name in pair.slices)
    if pairs:
        role = Guard(margin=_margin(comparison.suite.role, context))
        suite = replace(comparison.suite, name=f"{comparison.suite.name}[{name}]", role=role, cases=len(pairs))
        yield replace(comparison, suite=suite, pairs=pairs)


def _margin(role: Role, context: Context) -> float:
    asked = MARGIN.of(context.policy)
    if asked is not None:
        return float(asked)
    return role.margin if isinstance(role, Guard) else Guard().margin
