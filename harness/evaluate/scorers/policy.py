"""Count the steps of a session that break a policy: rules are plain functions of a step."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from harness.errors import UsageError
from harness.evaluate.scorers._made import MadeStep
from harness.evaluate.scorers.first_failure import SteppedRun
from harness.types import Score

Rule = Callable[..., bool | str | None]
"""Called with a step, or with a step and those before it: True or None, it keeps the rule; False or why it does not."""
NAMED = 5
"""Violations that an explanation names."""


def policy(run: SteppedRun, *, attempts: bool = False, **rules: Rule) -> tuple[Score, ...]:
    """Scores `policy` (1 when no step breaks a rule; decides) and `violations`, how many do.

    policy(run, confirmed=lambda step: step.name != "refund" or "yes" in step.user.lower(),
                small=lambda step: step.name != "refund" or step.args["amount"] <= 100)

    A step has `name`, `args`, `result`, `turn` and `user`, which is what the user had said last. Only calls that were
    carried out are asked about; `attempts` also those that a tool refused. Raises UsageError without a rule, and when a rule
    gives something else than its answer.
    """
    if not rules:
        raise UsageError("score.policy has no rule", next="policy(run, no_refund=lambda step: step.name != 'refund')")
    broken: list[str] = []
    for number, step in enumerate(run.steps, 1):
        if step.refused and not attempts:
            continue
        broken += _broken(rules, number, step, run.steps[: number - 1])
    more = f"; and {len(broken) - NAMED} more" if len(broken) > NAMED else ""
    return (
        Score(name="policy", value=float(not broken), explanation="; ".join(broken[:NAMED]) + more),
        Score(name="violations", value=float(len(broken))),
    )


def _broken(rules: dict[str, Rule], number: int, step: MadeStep, earlier: Sequence[MadeStep]) -> list[str]:
    found = []
    for name, rule in rules.items():
        answer: Any = rule(step, earlier) if _takes_two(rule) else rule(step)
        if answer is not None and not isinstance(answer, (bool, str)):
            raise UsageError(f"the rule {name!r} gave {answer!r}", next="return True, False, or why the step breaks it")
        if answer is False or (isinstance(answer, str) and answer):
            found.append(f"step {number}, {step.name}: {answer or name}")
    return found


def _takes_two(rule: Rule) -> bool:
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(parameter.kind in kinds for parameter in inspect.signature(rule).parameters.values()) >= 2
