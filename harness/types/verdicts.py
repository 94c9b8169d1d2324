"""Define what is decided: comparisons, findings, verdicts, promotions, and waivers."""

from typing import Literal

from msgspec import field

from harness.types.base import Json, Noun
from harness.types.bounds import Chance, Change, Count, CountOr0, ZeroToOne
from harness.types.curation import Share
from harness.types.evaluation import Suite


class Pair(Noun, frozen=True):
    """One case under both arms, repeats averaged; None where an arm has no valid score."""

    case_id: str
    baseline: float | None
    candidate: float | None
    cluster: str = ""
    """Value of the suite's cluster column, or the id of the case's unit."""
    baseline_error: str = ""
    candidate_error: str = ""
    slices: tuple[str, ...] = ()
    """`column=value` of each slice column of the suite."""
    labels: tuple[tuple[str, str, str], ...] = ()
    """Of a suite with a corpus measure, one a repeat: what was expected, what the baseline and the candidate said."""
    stratum: tuple[str, str, bool] | None = None
    """Of a mined case: route, failure cluster, and whether a failure was found; see `Share`."""
    unit: str = ""
    """Id of the first case that asks the same thing: all of one unit are averaged and count once. Empty: it is alone."""
    cut_off: tuple[bool, bool] = (False, False)
    """Whether a reply of the baseline, and one of the candidate, was cut off."""


class Comparison(Noun, frozen=True):
    """Two arms on one suite, paired by case."""

    suite: Suite
    baseline: str
    """Arm name."""
    candidate: str
    metric: str
    pairs: tuple[Pair, ...]
    binary: bool
    """All scores are 0 or 1 and there is one repeat."""
    problems: tuple[str, ...] = ()
    """Changed case sets, digests that differ, NaN: a comparison with problems never promotes."""
    conditions: str = ""
    """Digest of what both arms' scores depend on beside the replies; see `Run.conditions`."""
    stopped: str = ""
    """Why only a part of the cases was asked; its evidence is a confidence sequence, and it never promotes."""


class Interval(Noun, frozen=True):
    low: float
    high: float
    level: float
    """Two-sided confidence level, 0 to 1."""
    method: str
    """Name of the formula, such as `newcombe10`."""


class Finding(Noun, frozen=True):
    """What one rule says of one suite."""

    rule: str
    suite: str
    outcome: Literal["pass", "fail", "unresolved", "invalid", "info"]
    sentence: str
    """For a person: what was found, with the numbers."""
    baseline: str = ""
    candidate: str = ""
    metric: str = ""
    estimate: float | None = None
    bound: float | None = None
    """The margin or minimum gain that the interval is held against, as a signed difference."""
    interval: Interval | None = None
    p_value: float | None = None
    """Of the contrary of what a pass or fail says; where neither is shown, of the contrary of a pass."""
    formula: str = ""
    counts: dict[str, float] = {}
    """n, b (broken), c (fixed), clusters, errors, missing, needed, ..."""
    next: str = ""
    """The command to type next."""


class Verdict(Noun, frozen=True):
    outcome: Literal["promote", "hold", "undecided", "invalid"]
    sentence: str
    findings: tuple[Finding, ...] = ()
    comparisons: tuple[str, ...] = ()
    """Content ids of the comparisons it was computed from."""
    policy: str = ""
    """Content id of the policy."""
    candidate: str = ""
    """Content id of what was judged: the adapter's digest, or of an arm without one that of model, prompt and options."""
    champion: str = ""
    dataset: str = ""
    looks: dict[str, int] = {}
    """Suite to the number of this look at its cases, which its share of alpha was for."""
    look: str = ""
    """Content id of the newest of those looks in the ledger."""
    id: str = ""
    at_ns: int = 0


class Policy(Noun, frozen=True):
    """The gate's section of trueup.toml."""

    alpha: Chance = 0.05
    """One-sided error rate of each guard and target, over all looks at its cases: look k gets alpha / (k (k + 1))."""
    min_cases: CountOr0 = 20
    """Cases of a suite below which its verdict stays undecided."""
    max_error_share: ZeroToOne = 0.02
    """Share of a suite's cases that may be errors; above it the verdict is invalid."""
    baselines: tuple[str, ...] = ("base",)
    """Arms that the candidate is held against: champion where there is one, base always."""
    net_gain: Change = 0.0
    """What the effect on production's traffic must be shown to be above, as a share of calls, -1 to 1."""
    prompted_tie: Literal["undecided", "say"] = "undecided"
    """What it means that the fine-tune was not shown to do better than the prompt: no promotion, or only a word on it."""
    targets: Literal["all", "any", "none"] = "all"
    """Which targets must pass. `none`: there need be no target, for a change that must only break nothing; guards decide."""
    looks: Count = 20
    """How often the same cases may be looked at before fresh ones are asked for."""
    options: dict[str, Json] = {}
    """Options of the rules, such as `train_anyway`; see docs/how-to/gate.md."""
    version: str = ""
    """The team's own name for this policy, shown beside its content id."""
    candidate: str = "tuned"
    """The arm that is judged: `tuned`, or any other, such as one with a new prompt, model or endpoint."""


class ArmSettings(Noun, frozen=True):
    """How an arm was asked, as far as that differs from how the tuned arm was; without a tuned arm all of it."""

    backend: str = ""
    """Name of another one; empty: the tuned arm's."""
    model: str = ""
    """Name of another model; empty: the tuned arm's base."""
    prompt: str = ""
    """Digest of another prompt, or that it is the traces'; empty: the tuned arm's."""
    options: dict[str, Json] = {}
    template_options: dict[str, Json] = {}
    promoted: bool = False
    """It is what was promoted last, so whatever changed about it is no weaker baseline."""
    content: str = ""
    """Content id of what answered."""
    searched: bool = False
    """Its prompt was found by a search."""
    alone: bool = False
    """There was no tuned arm, so all of it is told."""


class Judgement(Noun, frozen=True):
    """All that a verdict was computed from: `harness.gate.stage.judge` makes the same verdict of it again."""

    comparisons: tuple[Comparison, ...]
    """The judged arm against each other arm, and arms against themselves (A/A)."""
    policy: Policy
    candidate: str
    """Content ids of what is judged, of the dataset, and of what is promoted."""
    dataset: str = ""
    champion: str = ""
    looks: dict[str, int] = field(default_factory=dict, name="looks_by_suite")
    """Suite to the number of this look at its cases, 1 for the first; suites that are not named are looked at first."""
    look: str = ""
    """Content id of the newest of those looks in the ledger."""
    shares: tuple[Share, ...] = ()
    """What production's calls are like, from the dataset that was evaluated."""
    problems: tuple[str, ...] = ()
    waivers: tuple["Waiver", ...] = ()
    quarantine: tuple["Quarantine", ...] = ()
    today: str = ""
    """ISO date, for what expires."""
    arms: dict[str, ArmSettings] = {}
    """How each arm was asked."""
    bar: tuple[Suite, ...] = ()
    """What was asked for before (`harness.gate.bar`): suites, policy and its version, and how arms were asked."""
    bar_version: str = ""
    bar_policy: Policy | None = None
    bar_arms: dict[str, ArmSettings] = {}
    bar_promoted: bool = True
    """False: nothing was promoted yet, and it is what the verdicts so far asked for."""
    production: str = ""
    """The arm that is in production; empty: no arm is, or it is the candidate."""
    fine_tuned: bool = True
    """Whether the candidate has an adapter: False switches off the rules that ask whether training was worth it."""
    trained_anyway: bool = False
    """Whether the adapter was trained though the power plan advised against it."""
    among: int = 1
    """How many candidates were asked the same cases so that the best could be judged."""


class Promotion(Noun, frozen=True):
    alias: str
    adapter: str
    """Content id of an adapter, or of an arm without one (a prompt, a model, an endpoint); empty: the base model."""
    verdict: str
    at_ns: int
    by: str = ""
    reason: str = ""
    """`promote` or `rollback`, or a waiver's words."""
    previous: str = ""
    look: str = ""
    """Content id of the look that its verdict rests on; see `harness.store.ledger`."""


class Waiver(Noun, frozen=True):
    suite: str
    reason: str
    owner: str
    expires: str
    """ISO date; after it the waiver counts as none."""
    case_id: str = ""
    cluster: str = ""


class Quarantine(Noun, frozen=True):
    """A flaky case: its repeats under one and the same arm disagree, so it is left out of later judgements."""

    suite: str
    case_id: str
    flips: int
    """Repeats, over all arms, that differ from the commoner outcome of their arm."""
    trials: int
    """Repeats over all arms."""
    measured_on: str
    """Content id of the candidate whose evaluation showed it; that candidate is never judged without the case."""
    fixed: str
    """ISO date of the measurement."""
    expires: str
    """ISO date; after it the case counts again."""
    also: tuple[str, ...] = ()
    """Content ids of the other arms of that evaluation: none of them is, either."""
