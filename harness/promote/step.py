"""Promote as a step: move the alias to what was judged, an adapter or an arm without one, or back."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from harness.core import adapters
from harness.errors import InvalidError, NotYetError, UsageError
from harness.evaluate import identity
from harness.evaluate import step as evaluate_step
from harness.gate import candidate as gate_candidate
from harness.gate import step as gate_step
from harness.project import JUDGED, EvaluationRuns, Project
from harness.promote import deploy as deploying
from harness.redact.redaction import Redactor
from harness.store.promotions import ADAPTERS, ARMS
from harness.types import Arm, Json, Promotion, Run, Verdict

SECRETS = ("key", "secret", "token")
"""Kinds of redaction that no stored setting may hold."""


class Promotable(NamedTuple):
    """What may be promoted, and is stored."""

    verdict: Verdict
    expected: str | None
    """What the alias points at; None where it was never moved."""


def promote(project: Project, by: str = "") -> Promotion:
    """Move the alias and every deploy target to what was judged. Raises InvalidError unless the latest verdict is promote.

    The runs are judged once more, under the policy, waivers and quarantine that are in force now: a verdict that was edited, or
    made under another policy, promotes nothing.
    """
    deploying.recover(project)
    verdict, expected = promotable(project)
    return move(project, verdict.candidate, verdict.id, verdict.look, expected, by)


def move(project: Project, what: str, verdict: str, look: str, expected: str | None, by: str = "") -> Promotion:
    """Move the alias and every target from `expected` to what is stored already. Raises InvalidError when the alias was moved
    meanwhile."""
    alias = project.config.promote.alias

    def record() -> Promotion:
        return project.store.promotions.move(alias, what, verdict, by=by, expected=expected, look=look)

    return deploying.move(project, what, verdict, record)


def promotable(project: Project) -> Promotable:
    """The latest verdict, if what it judged may be promoted now; that is stored. Raises InvalidError saying why not."""
    verdict = project.latest_verdict()
    run, adapter = _judged(project, verdict)
    project.check_not_forgotten("adapter", adapter)
    if verdict.outcome != "promote":
        raise InvalidError(
            f"the latest verdict does not promote. {verdict.sentence}", where=verdict.id[:12], next="trueup report"
        )
    alias = project.config.promote.alias
    current = project.store.promotions.current(alias)
    expected = current.adapter if current else None
    if (expected or "") not in (verdict.champion, verdict.candidate):
        raise InvalidError(
            "something else was promoted since the verdict, which was not held against it",
            where=f"{alias}: {project.served(expected or '')}",
            next="trueup eval, then trueup gate",
        )
    _judge_again(project, verdict)
    if run and not project.store.artifacts.has(ADAPTERS, verdict.candidate):
        _keep(project, verdict.candidate, _as_configured(project, run), adapter)
    return Promotable(verdict, expected)


def _judged(project: Project, verdict: Verdict) -> tuple[Run | None, str]:
    """The run of the candidate, and the content id of its adapter (empty: it has none). None of a verdict whose runs are
    gone, which is that of an adapter or promotes nothing."""
    known = project.recalled(JUDGED, verdict.id, "evaluation")
    if not known:
        return None, verdict.candidate
    evaluation = project.store.artifacts.get("evaluation", known, EvaluationRuns)
    run = project.runs(evaluation)[gate_step.policy_of(project, verdict).candidate]
    return run, gate_candidate.adapter_of(run, evaluation.adapter)


def _judge_again(project: Project, verdict: Verdict) -> None:
    asked, configured = gate_step.policy_of(project, verdict), project.config.gate
    if asked.candidate != configured.candidate:
        raise InvalidError(
            f"the verdict is on the candidate {asked.candidate!r}, and trueup.toml says {configured.candidate!r}",
            where=verdict.id[:12],
            next=f'candidate = "{asked.candidate}" under [gate], then trueup gate',
        )
    again = gate_step.under(project, configured)
    if again.outcome != "promote":
        raise InvalidError(
            f"judged again with what is in force now, the verdict is {again.outcome}: {again.sentence}",
            where=verdict.id[:12],
            next="trueup gate, then trueup report",
        )
    if (again.candidate, again.policy) != (verdict.candidate, verdict.policy):
        raise InvalidError(
            "the policy was changed since the verdict, or something else was evaluated",
            where=verdict.id[:12],
            next="trueup gate, then trueup promote",
        )


def _as_configured(project: Project, run: Run) -> Arm:
    """The candidate's arm as trueup.toml has it now, with the paths of this machine; as it was run where it cannot be had."""
    return evaluate_step.arms(project, *project.latest_or_none()).get(run.arm.name, run.arm)


def _keep(project: Project, ident: str, arm: Arm, adapter: str) -> None:
    """Store what the alias will point at, where it is not there yet. Raises InvalidError where the arm is no longer what was
    judged, UsageError where its options hold a secret."""
    if adapter and not project.store.artifacts.has(ADAPTERS, adapter):
        adapters.intact(arm.adapter)
        copy = project.store.artifacts.scratch(ADAPTERS)
        shutil.copytree(arm.adapter, copy, dirs_exist_ok=True)
        project.store.artifacts.add_folder(ADAPTERS, adapter, copy)
    if ident == adapter:
        return
    secrets = list(_secrets(arm.options, "options"))
    if secrets:
        raise UsageError(
            f"the arm {arm.name!r} contains a secret in {secrets[0]}, and what is promoted is stored",
            where=f"[arms.{arm.name}]",
            next="read it from the environment, as key_env does, then trueup eval, trueup gate",
        )
    if identity.content(arm) != ident:
        raise InvalidError(
            f"what answers as {arm.name!r} changed since it was judged",
            where=f"[arms.{arm.name}]",
            next="trueup eval, then trueup gate",
        )
    project.store.artifacts.put(ARMS, _portable(arm, adapter, Path(project.config.root)), id=ident)


def _portable(arm: Arm, adapter: str, root: Path) -> Arm:
    """The arm with its model relative to the project, so that the project may be moved, and its adapter by content id."""
    model = os.path.relpath(arm.model, root) if Path(arm.model).is_relative_to(root) else arm.model
    return replace(arm, model=model, adapter=adapter)


def _secrets(value: Json, where: str) -> Iterator[str]:
    """Places in the options that hold a secret."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _secrets(inner, f"{where}.{name}")
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _secrets(inner, where)
    elif (
        isinstance(value, str)
        and Redactor(SECRETS).text(f"{where.rpartition('.')[2]}={value}").partition("=")[2] != value
    ):
        yield where


def rollback(project: Project, by: str = "") -> Promotion:
    """Move the alias and every deploy target back to what they were before."""
    deploying.recover(project)
    alias = project.config.promote.alias
    with project.store.lock():
        before = project.store.promotions.before(alias)
        return deploying.move(project, *before, record=lambda: project.store.promotions.rollback(alias, by=by))


def deploy(project: Project) -> list[str]:
    """Bring every target to what the alias points at, such as one that was added later; names those that changed."""
    deploying.check(project.config)
    deploying.recover(project)
    if not project.config.deploy:
        raise UsageError(
            "trueup.toml names no deploy target",
            where=project.config.root,
            next='[deploy.share] with kind = "folder" and path = "deployed"; see docs/how-to/deploy.md',
        )
    what, verdict = deploying.promoted(project)
    if not project.store.promotions.history(project.config.promote.alias):
        raise NotYetError("nothing is promoted yet", where=project.config.promote.alias, next="trueup promote")
    changed = [each.target for each in deploying.servings(project) if not each.is_right]
    if changed:
        deploying.move(project, what, verdict, record=lambda: None)
    return changed
