"""Say which arm is the candidate and what it is, and refuse early what cannot be judged.

The candidate is any arm of the evaluation: the fine-tune by default, else one with another prompt, model or endpoint.
"""

from collections.abc import Mapping

from msgspec.structs import replace

from harness.config import check_arms
from harness.core import adapters
from harness.core.codec import digest
from harness.errors import InvalidError, NotYetError, UsageError
from harness.evaluate import arms as evaluate_arms
from harness.evaluate.arms import CHAMPION, TUNED
from harness.sections import Config
from harness.types import Policy, Run

SHOWN = 3
"""Suites or cases that a refusal names."""


def named(policy: Policy, candidate: str = "", baselines: tuple[str, ...] = ()) -> Policy:
    """The policy with another candidate or other baselines, where these are given."""
    return replace(policy, candidate=candidate or policy.candidate, baselines=baselines or policy.baselines)


def is_tuned(config: Config, policy: Policy) -> bool:
    """Whether the candidate answers with tonight's adapter, so that something has to be trained first."""
    section = evaluate_arms.sections(config).get(policy.candidate)
    return section is not None and section.adapter == TUNED


def check(config: Config, policy: Policy) -> None:
    """Raises UsageError where the candidate or a baseline is no arm, or both are the same one."""
    check_arms(replace(config, gate=policy), "[gate]")
    known = evaluate_arms.sections(config)
    if "base" in policy.baselines and "base" not in known:
        others = [name for name in known if name not in (policy.candidate, TUNED)] or ["NAME"]
        raise UsageError(
            "the candidate is held against the arm 'base', and there is no [arms.base]",
            where="[gate] baselines",
            next=f'baselines = ["{others[0]}"] under [gate], or trueup gate --baseline {others[0]}',
        )


def identity(runs: Mapping[str, Run], name: str, adapter: str = "") -> str:
    """Content id of what answered under an arm. `adapter` is the id of the one that `tuned` was asked with."""
    run = runs[name]
    if name == TUNED and adapter:
        return adapter
    if run.content:
        return run.content
    if run.arm.adapter:  # a run of before contents were kept
        return adapters.read_manifest(run.arm.adapter).id
    return digest([run.model_digest, run.arm.template_options])


def adapter_of(run: Run, adapter: str = "") -> str:
    """Content id of the adapter that answered under an arm; empty when none did."""
    if run.arm.name == TUNED and adapter:
        return adapter
    return adapters.read_manifest(run.arm.adapter).id if run.arm.adapter else ""


def is_fine_tuned(run: Run) -> bool:
    """Whether an adapter answered."""
    return run.arm.name == TUNED or bool(run.arm.adapter)


def check_runs(config: Config, runs: Mapping[str, Run], policy: Policy) -> None:
    """Raises NotYetError where the candidate was not evaluated, InvalidError where it and a baseline were asked different
    cases, UsageError where both are the same model, prompt and options under two names."""
    if policy.candidate not in runs:
        raise _unevaluated(config, runs, policy.candidate)
    candidate = runs[policy.candidate]
    for name in policy.baselines:
        if name in runs and name != CHAMPION and candidate.content and runs[name].content == candidate.content:
            raise UsageError(
                f"the candidate {policy.candidate!r} and the baseline {name!r} are the same model, prompt and options",
                next=f"change [arms.{policy.candidate}], then trueup eval",
            )
        if name in runs and (what := _different(runs[name], candidate)):
            raise InvalidError(
                f"{name} and {policy.candidate} were evaluated on different cases: {what}",
                next="trueup eval, for all arms at once",
            )


def _unevaluated(config: Config, runs: Mapping[str, Run], name: str) -> NotYetError:
    asked = f"the latest evaluation has {', '.join(runs)}"
    if name == TUNED:
        return NotYetError(
            "no adapter was evaluated yet",
            where=asked,
            next='trueup run; or, to judge another arm, candidate = "NAME" under [gate] (trueup gate --candidate NAME)',
        )
    return NotYetError(f"the candidate {name!r} was not evaluated yet", where=asked, next=f"trueup eval --model {name}")


def _different(baseline: Run, candidate: Run) -> str:
    """Suites or cases that one of the two was asked and the other was not; empty when there are none."""
    if baseline.stopped or candidate.stopped:
        return ""
    ours, theirs = _cases(candidate), _cases(baseline)
    apart = sorted(ours.keys() ^ theirs.keys()) or sorted(
        f"{suite}: {case}" for suite in ours for case in ours[suite] ^ theirs[suite]
    )
    more = f" and {len(apart) - SHOWN} more" if len(apart) > SHOWN else ""
    return ", ".join(apart[:SHOWN]) + more


def _cases(run: Run) -> dict[str, set[str]]:
    cases: dict[str, set[str]] = {suite.name: set() for suite in run.suites}
    for result in run.results:
        cases.setdefault(result.suite, set()).add(result.case_id)
    return cases
