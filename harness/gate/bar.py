"""Set the bar: what the last promotions asked for, so that a gate that asks for less is noticed.

Promotions under one `version` of the policy share one bar, the strictest of each thing that they asked for. So a bar that is
lowered a little every night, or after a rollback, is compared with where it began. Before the first promotion it is that of
the verdicts so far.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from harness.core.codec import digest
from harness.evaluate.arms import CHAMPION, FIXED, TUNED
from harness.gate.suite_bar import weaker
from harness.project import Project
from harness.types import Arm, ArmSettings, Judgement, Message, Policy, Prompt, Run, Suite

TRACES, SEARCHED, AS_CANDIDATE = "of the traces", "of a search", ""


@dataclass(frozen=True)
class GateBar:
    """What was asked for before."""

    version: str = ""
    """Of the policy."""
    promoted: bool = True
    """False: nothing was promoted yet, and it is what the verdicts so far asked for."""
    policy: Policy | None = None
    suites: tuple[Suite, ...] = ()
    arms: Mapping[str, ArmSettings] = field(default_factory=dict)

    @classmethod
    def of(cls, judgement: Judgement) -> "GateBar":
        """The bar that a judgement was made by."""
        return cls(
            version=judgement.bar_version,
            promoted=judgement.bar_promoted,
            policy=judgement.bar_policy,
            suites=judgement.bar,
            arms=judgement.bar_arms,
        )


def of(project: Project, candidate: str = TUNED) -> GateBar:
    """The bar that the next candidate is judged by: that of the last promotion, undone or not, else of the last verdict on the
    arm of that name."""
    artifacts = project.store.artifacts
    moves = project.store.promotions.history(project.config.promote.alias)
    promoted = [move.verdict for move in moves if move.reason == "promote" and artifacts.has("judgement", move.verdict)]
    idents = promoted[-1:] or reversed(artifacts.ids("judgement"))
    judged = (artifacts.get("judgement", ident, Judgement) for ident in idents)
    last = next((each for each in judged if promoted or each.policy.candidate == candidate), None)
    return raised(last, bool(promoted)) if last else GateBar()


def raised(judgement: Judgement, promoted: bool) -> GateBar:
    """The bar after a judgement: the one that it was made by and what it asked for itself, the stricter of each. Where it was
    made by none, by one of another version, or is the first that promoted, it is what it asked for itself."""
    own, before = judgement.policy, GateBar.of(judgement)
    if before.policy is None or before.version != own.version or before.promoted != promoted:
        before = GateBar()
    return GateBar(
        version=own.version,
        promoted=promoted,
        policy=_stricter_policy(before.policy, own) if before.policy else own,
        suites=_strictest((*before.suites, *_suites(judgement))),
        arms={**judgement.arms, **before.arms},
    )


def _suites(judgement: Judgement) -> Iterator[Suite]:
    return (each.suite for each in judgement.comparisons if each.baseline != each.candidate)


def _strictest(suites: Iterable[Suite]) -> tuple[Suite, ...]:
    """Of each name the suite that asks for most, with the most cases and all that ever had to pass."""
    kept: dict[str, Suite] = {}
    for suite in suites:
        before = kept.setdefault(suite.name, suite)
        kept[suite.name] = replace(
            before if weaker(before, suite) else suite,
            cases=max(before.cases, suite.cases),
            must_pass=tuple(sorted({*before.must_pass, *suite.must_pass})),
        )
    return tuple(kept[name] for name in sorted(kept))


def _stricter_policy(first: Policy, second: Policy) -> Policy:
    """What either asks for. Which way an option is stricter depends on it, so the first one's stay."""
    return replace(
        first,
        alpha=min(first.alpha, second.alpha),
        max_error_share=min(first.max_error_share, second.max_error_share),
        looks=min(first.looks, second.looks),
        min_cases=max(first.min_cases, second.min_cases),
        net_gain=max(first.net_gain, second.net_gain),
        baselines=tuple(dict.fromkeys((*first.baselines, *second.baselines))),
        targets=min(first.targets, second.targets, key=("all", "any", "none").index),
        prompted_tie="undecided" if "undecided" in (first.prompted_tie, second.prompted_tie) else "say",
    )


def settings(
    runs: Mapping[str, Run], recorded: Sequence[Prompt], candidate: str = TUNED, promoted: str = ""
) -> dict[str, ArmSettings]:
    """Arm to how it was asked, as far as that differs from how the tuned arm was; all of it where there is none. The candidate,
    adapters and the fixed answers are not among them. `recorded` are the prompts of the traces, and `promoted` is the
    content id of what is in production."""
    own = runs[TUNED].arm if TUNED in runs else Arm(name="", backend="", prompt=Prompt(name=""))
    texts = [prompt.messages for prompt in recorded]
    return {
        name: ArmSettings(
            backend=AS_CANDIDATE if run.arm.backend == own.backend else run.arm.backend,
            model=AS_CANDIDATE if run.arm.model == own.model else run.arm.model.rstrip("/").rpartition("/")[2],
            prompt=AS_CANDIDATE if run.arm.prompt == own.prompt else _prompt(run.arm.prompt, texts),
            options={} if run.arm.options == own.options else run.arm.options,
            template_options={} if run.arm.template_options == own.template_options else run.arm.template_options,
            promoted=bool(promoted) and run.content == promoted,
            content=run.content,
            searched=run.arm.prompt.search is not None,
            alone=TUNED not in runs,
        )
        for name, run in runs.items()
        if name not in (TUNED, CHAMPION, *FIXED, candidate)
    }


def _prompt(prompt: Prompt, recorded: Sequence[tuple[Message, ...]]) -> str:
    """Its digest; of production's own prompt that it is from the traces, since it changes with production, and of one that a
    search found just that, since each dataset has its own."""
    if prompt.search:
        return SEARCHED
    return TRACES if prompt.messages and prompt.messages in recorded else digest([prompt.messages, prompt.nearest])
