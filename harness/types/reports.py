"""Define what a report is rendered from."""

from harness.types.base import Noun
from harness.types.curation import Case, Dataset
from harness.types.evaluation import Run
from harness.types.traces import Call, Feedback
from harness.types.tuning import Adapter
from harness.types.verdicts import Comparison, Finding, Judgement, Policy, Promotion, Verdict, Waiver


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
    policy: Policy = Policy()
    seconds: dict[str, float] = {}
    """Step of the loop to its wall-clock time."""
    ingest: dict[str, int] = {}
    """Counts of what was read: calls, repeated, conflicts, quarantined, feedback, corrections."""
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
    served: dict[str, str] = {}
    """Content id of what was promoted or judged to what it is, in words."""
