"""Stop an evaluation as soon as it is decided: ask the cases in parts, and look at the evidence after each.

    [eval]
    early_stop = 4      # four parts

The parts are cut from an order of the cases that was drawn beforehand, and every arm is asked the same part. A look may
only end what can no longer promote: a broken contract, or a bound that a confidence sequence rules out, which holds at
every look. So a candidate that is good is asked everything and judged as without looks, and none is promoted by luck at
an early one. Suites in clusters, with a judge, of a corpus measure or of numbers are waited for.
"""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from harness.core.plugins import says
from harness.evaluate import stage as evaluate_stage
from harness.evaluate.runner import sharding
from harness.gate import stage as gate_stage
from harness.gate import step as gate_step
from harness.gate.candidate import identity
from harness.gate.statistics.sequential import FORMULA
from harness.project import Project
from harness.types import EvalRequest, Finding, Policy, Run


def evaluate(
    project: Project,
    request: EvalRequest,
    adapter: str,
    on_event: Callable[[dict[str, Any]], None],
) -> tuple[Run, ...]:
    """The runs of the request's arms, as `harness.evaluate.stage` gives them.

    All end with the same part, and say why under `Run.stopped`, when the candidate among them is shown to be lost. What is
    only a selection of cases is asked at once.
    """
    parts = project.config.eval.early_stop
    if parts < 2 or request.select or project.config.gate.candidate not in {arm.name for arm in request.arms}:
        return evaluate_stage.evaluate(request, on_event=on_event, purse=project.purse, engine=project.config.engine)
    asked: list[tuple[Run, ...]] = []
    for number in range(1, parts + 1):
        part = replace(request, shard=f"{number}/{parts}", drawn=True)
        asked.append(
            evaluate_stage.evaluate(part, on_event=on_event, purse=project.purse, engine=project.config.engine)
        )
        runs = tuple(sharding.merge(of_arm) for of_arm in zip(*asked, strict=True))
        why = lost(project, {run.arm.name: run for run in runs}, adapter) if number < parts else ""
        if why:
            project.progress.note(f"ended after part {number} of {parts}: {why}")
            return tuple(replace(run, stopped=why) for run in runs)
    return runs


def lost(project: Project, runs: dict[str, Run], adapter: str) -> str:
    """Why the candidate can no longer be promoted, whatever the cases not yet asked would say; empty while it can."""
    policy = project.config.gate
    partial = {name: replace(run, stopped="a part was asked so far") for name, run in runs.items()}
    candidate = identity(runs, policy.candidate, adapter)
    verdict = gate_stage.judge(gate_step.of_runs(project, partial, candidate, policy))
    return next((one.sentence for one in verdict.findings if _final(one, policy)), "")


def _final(finding: Finding, policy: Policy) -> bool:
    """A failure that no further case mends. Where any target is enough, one that gained too little may not matter."""
    if finding.outcome != "fail" or says("rules", finding.rule, "FINAL", False):
        return finding.outcome == "fail"
    if finding.interval is None or finding.bound is None or finding.interval.method != FORMULA:
        return False
    enough = policy.targets == "any" and finding.rule == "target"
    return finding.interval.high < (0.0 if enough else finding.bound)
