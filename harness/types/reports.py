"""Define what a report is rendered from."""

from harness.types.base import Noun
from harness.types.canary import CanaryRecord
from harness.types.cost import CostSettings
from harness.types.curation import Case, Dataset
from harness.types.evaluation import Run
from harness.types.traces import Call, Feedback
from harness.types.tuning import Adapter, Tournament
from harness.types.verdicts import Comparison, Finding, Interval, Judgement, Policy, Promotion, Verdict, Waiver


class ArmMean(Noun, frozen=True):
    """Mean of one arm on one suite, with its interval; decides nothing."""

    suite: str
    arm: str
    n: int
    """Units that count: cases that ask the same are one."""
    mean: float
    interval: Interval | None = None
    """None: the scores have no range, so one rare case could outweigh all."""


class PairMean(Noun, frozen=True):
    """Means of two arms over the cases that were judged, and the interval of their difference."""

    suite: str
    baseline: str
    candidate: str
    n: int
    before: float
    after: float
    part: str = ""
    """`column=value` of a slice; empty: the whole suite."""
    interval: Interval | None = None
    """Of `after` minus `before`; None where it cannot be told."""
    waived: int = 0
    """Cases that a waiver in force takes out."""


class HistoryPoint(Noun, frozen=True):
    """One earlier night, for the trend."""

    at_ns: int
    outcome: str
    adapter: str
    means: dict[str, dict[str, float]] = {}
    """Suite name to arm name to mean of its metric."""
    clusters: dict[str, int] = {}
    """Failure cluster to the cases of it that the candidate failed."""
    report: str = ""
    """Path of that night's report, relative to the page that links to it; empty: no link."""
    verdict: str = ""
    dataset: str = ""
    """Content ids of the verdict and of the dataset that it was judged with."""


class BranchChange(Noun, frozen=True):
    """What a change alone changes: the candidate now against the one that the branch it goes into was judged with last."""

    branch: str
    outcome: str
    """Outcome of that branch's verdict."""
    comparisons: tuple[Comparison, ...] = ()
    """That branch's candidate as the baseline, today's as the candidate; a suite that is new or gone is missing on one side."""


class PlannedWay(Noun, frozen=True):
    """One way to get what is missing."""

    what: str
    command: str
    """What to type, or which file to edit."""


class PlannedCall(Noun, frozen=True):
    """A call that would help, were it labelled."""

    call_id: str
    asked: str
    reason: str


class DecisionPlan(Noun, frozen=True):
    """Why a run stopped before training, and how it can be decided. It is no verdict."""

    title: str
    sentence: str
    at_ns: int = 0
    findings: tuple[Finding, ...] = ()
    """Suites that could not be decided: with `n` and `needed` among the counts."""
    ways: tuple[PlannedWay, ...] = ()
    calls: tuple[PlannedCall, ...] = ()
    """Those to label next."""


class WatchedDay(Noun, frozen=True):
    """What `trueup watch` said after one day of traffic."""

    day: str
    """ISO date (UTC) of the last day of traffic."""
    action: str
    sentence: str
    next: str = ""
    alarms: tuple[tuple[str, str], ...] = ()
    """What to do, and what changed; what to act on first."""
    names: tuple[str, ...] = ()
    """Of the shares that the alarms are of."""
    calls: int = 0
    watched: int = 0


class Story(Noun, frozen=True):
    """All that a report is rendered from. A report opens nothing else."""

    title: str
    verdict: Verdict
    runs: tuple[Run, ...]
    """One an arm, in the order base, prompted, champion, tuned."""
    comparisons: tuple[Comparison, ...] = ()
    dataset: Dataset | None = None
    adapter: Adapter | None = None
    calls: dict[str, Call] = {}
    """Call id to the recorded call, for the lineage of mined cases."""
    history: tuple[HistoryPoint, ...] = ()
    promotions: tuple["Promotion", ...] = ()
    waivers: tuple["Waiver", ...] = ()
    """Those that were judged."""
    saved_waivers: tuple["Waiver", ...] = ()
    """What waivers.jsonl has, so that the page can save that file with more."""
    policy: Policy = Policy()
    seconds: dict[str, float] = {}
    """Step of the loop to its wall-clock time."""
    ingest: dict[str, int] = {}
    """Counts of what was read: calls, repeated, conflicts, quarantined, feedback, corrections."""
    tournament: Tournament | None = None
    """The candidates that the judged one was chosen among."""
    training: tuple[Case, ...] = ()
    """The rows that were trained on, for the lineage of a case to them and back."""
    feedback: tuple[Feedback, ...] = ()
    """What was said of the calls in `calls`."""
    previous: Dataset | None = None
    """The dataset of the night before, to show what training data changed."""
    previous_training: tuple[Case, ...] = ()
    """Its training rows."""
    judgement: Judgement | None = None
    """What the verdict was computed from."""
    trace_url: str = ""
    """Web address of a trace with `{trace_id}` in it; empty: cases link to none."""
    arm_means: tuple[ArmMean, ...] = ()
    """Each suite under each arm."""
    pair_means: tuple[PairMean, ...] = ()
    """Each suite and slice of the comparisons, without waived cases."""
    branch_change: BranchChange | None = None
    """Set in a job for a pull or merge request, where the store holds a verdict of the branch that it goes into."""
    watched: tuple[WatchedDay, ...] = ()
    """What was watched so far, the oldest day first."""
    canaries: tuple[CanaryRecord, ...] = ()
    """The oldest first."""
    cost: CostSettings = CostSettings()
    """What the machine costs, and the currency of all prices."""
    calls_a_day: float = 0.0
    """Of production; 0: not known."""
    places: dict[str, dict[str, str]] = {}
    """Suite name to case id to `FILE:LINE` below the repository; the eval function's own under the empty id."""
    served: dict[str, str] = {}
    """Content id of what was promoted or judged to what it is, in words."""
