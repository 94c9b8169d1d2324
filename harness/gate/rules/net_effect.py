"""Is production better off? The effect on its traffic must be shown to be above `net_gain`, 0 by default.

Held-out cases are calls that production failed, and regression cases are calls that it passed: with a greedy base the first can
only rise and the second only fall, so neither says what a fine-tune does to traffic. Together with the shares of both they do.
Where a suite has the random sample of production, that alone is asked, with the same shares.

The candidate is held against what is in production: the champion, else the arm with production's prompt. Where no arm is, it is
held against the baselines, and the finding names them.

Of several suites on the same split the one that shows least decides. Without any mined suite nothing can be said, which decides
nothing unless the policy sets a `net_gain` of its own.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec.structs import replace

from harness.gate import measure, strata, wording
from harness.gate.context import Context
from harness.gate.statistics.net_effect import FORMULA, net_effect
from harness.types import Comparison, Finding, Guard, Info, Interval, Share, Target

RULE = "net_effect"
ADVICE = True
"""Its interval is of traffic, not of a suite."""
PARTS = {"held_out": True, "regression": False}
"""Split to whether its calls failed."""


def findings(context: Context) -> Iterator[Finding]:
    if context.policy.targets != "none" and not any(True for _ in context.having(Target)):
        return
    for baseline in (context.production,) if context.production else context.baselines:
        mined = [suite for suite in context.comparisons if suite.baseline == baseline and _decides(suite)]
        rates = [suite for suite in mined if wording.is_rate(suite)]
        if not mined:
            yield _unknown(context, baseline)
        elif not rates:
            yield _uncounted(baseline, "the scores of mined suites do not lie in 0 to 1", "score them from 0 to 1")
        elif not sum(share.calls for share in context.shares):
            yield _uncounted(baseline, "the dataset does not say how many calls fail and pass", "trueup curate")
        elif 0 < (reviewed := sum(share.reviewed for share in context.shares)) < REVIEWED:
            why = f"{reviewed} calls were reviewed at random, and {REVIEWED} are needed to say how many fail"
            yield _uncounted(baseline, why, "review more calls")
        else:
            yield _judge(rates, baseline, context)


def _decides(comparison: Comparison) -> bool:
    """Does it say what becomes of calls? A suite without a margin of its own, `info()`, does so too."""
    return bool(comparison.suite.mined) and isinstance(comparison.suite.role, (Target, Guard, Info))


def _unknown(context: Context, baseline: str) -> Finding:
    return Finding(
        rule=RULE,
        suite="",
        outcome="info" if context.policy.net_gain == 0.0 else "unresolved",
        sentence="The net effect on traffic is not known: no suite has cases that were mined from it.",
        baseline=baseline,
        counts={"n": 0},
        formula="count",
        next="add suites with @cases.held_out() and @cases.regression(), or @cases.production()",
    )


def _uncounted(baseline: str, why: str, fix: str) -> Finding:
    return Finding(
        rule=RULE,
        suite="",
        outcome="unresolved",
        sentence=f"The net effect on traffic is not known: {why}.",
        baseline=baseline,
        counts={"n": 0},
        formula="count",
        next=f"{fix}, then trueup run",
    )


def _judge(suites: Sequence[Comparison], baseline: str, context: Context) -> Finding:
    alpha = min(context.alpha(comparison.suite.name) for comparison in suites)
    chosen = _chosen(suites, alpha)
    estimate, interval = effect(chosen, context.shares, alpha)
    bound = context.policy.net_gain
    finding = Finding(
        rule=RULE,
        suite="",
        outcome="unresolved",
        sentence=f"Net effect on traffic: {_effect(estimate, interval, _named(baseline, context))}",
        baseline=baseline,
        candidate=suites[0].candidate,
        estimate=estimate,
        bound=bound,
        interval=interval,
        formula=FORMULA,
        counts=_numbers(chosen, context.shares),
    )
    asked = (
        f"more than {wording.amount(bound, True)}" if bound > 0 else "a gain" if bound == 0 else f"above {bound:+.1%}"
    )
    if interval.high < bound:
        return replace(finding, outcome="fail", sentence=f"{finding.sentence}, and {asked} is asked for.", next=REPORT)
    missing = _missing(chosen, context.shares)
    if missing or interval.low <= bound:
        more = f" {missing}" if missing else ""
        text = f"{finding.sentence}: {asked} is not shown.{more}"
        return replace(finding, sentence=text, next=MORE)
    filled = {split: measure.worst_case(suite) if suite else None for split, suite in chosen.items()}
    if effect(filled, context.shares, alpha)[1].low <= bound:
        text = f"{finding.sentence}, but not when cases without a score count against the candidate."
        return replace(finding, outcome="invalid", sentence=text, next="trueup eval")
    return replace(finding, outcome="pass", sentence=f"{finding.sentence}; {asked} was asked for.")


def _named(baseline: str, context: Context) -> str:
    """`production (prompted)`, or the name of an arm that is asked in its place."""
    return f"production ({baseline})" if baseline == context.production else baseline


REVIEWED = 30
"""Calls that people reviewed at random, from which they say how many fail."""
REPORT, MORE = "trueup report --open", "trueup mine, or [curate] production_share for a sample of all calls"


def _chosen(suites: Sequence[Comparison], alpha: float) -> dict[str, Comparison | None]:
    """Split to the suite that speaks for it: the sample of production where there is one, else one for each part."""
    splits = ["production"] if any(suite.suite.mined == "production" for suite in suites) else list(PARTS)
    return {name: _least([suite for suite in suites if suite.suite.mined == name], alpha) for name in splits}


def _least(suites: Sequence[Comparison], alpha: float) -> Comparison | None:
    def low(comparison: Comparison) -> float:
        known = sum(None not in (pair.baseline, pair.candidate) for pair in comparison.pairs) >= 2
        return measure.measure(comparison, alpha).interval.low if known else -1.0

    return min(suites, key=low, default=None)


def effect(chosen: dict[str, Comparison | None], shares: Sequence[Share], alpha: float) -> tuple[float, Interval]:
    """The net effect on traffic and its interval, as shares of calls."""
    weights, counted = strata.weights(shares)
    pools = [
        pool
        for split, failed in PARTS.items()
        for pool in strata.pools(chosen.get(split, chosen.get("production")), weights, failed, alpha)
    ]
    return net_effect(pools, counted, alpha)


def _effect(estimate: float, interval: Interval, over: str) -> str:
    """`+1.2 points over production (prompted), 95 % interval +0.4 to +2.0`."""
    return f"{100 * estimate:+.1f} points over {over}, {wording.level(interval)} {100 * interval.low:+.1f} to {100 * interval.high:+.1f}"


def _numbers(chosen: dict[str, Comparison | None], shares: Sequence[Share]) -> dict[str, Any]:
    failed, sample = [share for share in shares if share.failed], chosen.get("production")
    return {
        "n": sum(len(suite.pairs) for suite in chosen.values() if suite),
        "calls": sum(share.calls for share in shares),
        "reviewed": sum(share.reviewed for share in shares),
        "failed_calls": sum(share.calls for share in failed),
        "failed_with_target": sum(share.labelled for share in failed),
        "sampled": len(sample.pairs) if sample else 0,
    }


def _missing(chosen: dict[str, Comparison | None], shares: Sequence[Share]) -> str:
    """What part of traffic no suite asks about."""
    for split, what in (("held_out", "failed"), ("regression", "passed")):
        if split in chosen and chosen[split] is None and any(s.calls and s.failed == PARTS[split] for s in shares):
            return f"No suite asks about calls that {what}; add one with @cases.{split}()."
    return ""
