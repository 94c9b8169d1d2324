"""Define a canary: what was started, under which rules it is judged, and how it ended."""

from typing import Literal

from harness.types.base import Noun
from harness.types.verdicts import Finding

CanaryMetric = Literal["failures", "errors", "thumbs_down", "guards", "slow", "costly"]


SERVED = "trueup.served"
"""Attribute of a model's span: content id of what answered, or `base`. Ingest keeps it in the call's metadata."""
SHADOW = "trueup.shadow"
"""Likewise: true where the answer was shown to nobody."""


class Canary(Noun, frozen=True):
    """One canary as it was started. Its rules are fixed then: a later change of trueup.toml does not change them."""

    id: str
    """Content id of all the rest."""
    candidate: str
    """Content id of what gets the share: an adapter or an arm."""
    verdict: str
    """Content id of the verdict that allows its promotion."""
    champion: str
    """Content id of what serves everybody else; empty: the base model."""
    alias: str
    look: str
    """As of the verdict; a promotion keeps it."""
    share: float
    """Share of sessions that the candidate answers; in shadow, of those that are mirrored to it."""
    salt: str
    """What the hash of a session is salted with."""
    start_ns: int
    """Unix nanoseconds."""
    metrics: tuple[CanaryMetric, ...]
    alpha: float
    """Chance that a candidate that harms nothing is rolled back, over all metrics and all looks."""
    most_harm: float
    least_calls: int
    days: float
    candidate_name: str
    """The model name that gateways ask for."""
    control_name: str
    candidate_ids: tuple[str, ...]
    """Digests by which a call tells that the candidate answered."""
    control_ids: tuple[str, ...]
    control_models: tuple[str, ...] = ()
    """Model names without a digest that mean the control."""
    guards: tuple[str, ...] = ()
    """Detectors of the metric `guards`."""
    shadow: bool = False
    slow_s: float | None = None
    """Seconds that nine in ten calls before the start stayed under; None: too few calls were known."""
    costly_tokens: float | None = None
    """Output tokens that nine in ten calls before the start stayed under."""
    by: str = ""


class CanaryEvent(Noun, frozen=True):
    """A canary was started, or it ended."""

    kind: Literal["started", "rolled back", "stopped", "finished"]
    canary: Canary
    at_ns: int
    by: str = ""
    reason: str = ""
    """Why it ended, in a sentence."""
    findings: tuple[Finding, ...] = ()
    """What it ended on, with formulas."""


class ShadowDay(Noun, frozen=True):
    """What mirrored requests took on one day, those that are being answered at their bound."""

    day: str
    """ISO date (UTC)."""
    asked: int = 0
    tokens: int = 0
    cost: float = 0.0
    refused: int = 0
    """Mirrored requests that were not asked, since the day was closed."""
    closed: str = ""
    """Which budget the next request would have passed; empty: none."""


class CanaryDay(Noun, frozen=True):
    """What a canary that runs was judged to be, after one day of traffic."""

    canary: str
    """Its content id."""
    day: str
    """ISO date (UTC) of the newest call."""
    outcome: str
    """harm, held or undecided."""
    sentence: str
    findings: tuple[Finding, ...] = ()
    calls: dict[str, int] = {}
    """Arm to its calls since the start."""
    notes: tuple[str, ...] = ()
    """What else was to be said, such as a shadow's budget that is spent."""


class CanaryRecord(Noun, frozen=True):
    """One canary from its start to its end, as reports show it."""

    canary: Canary
    offline: str = ""
    """What the verdict said that allowed it; empty where it is not kept."""
    days: tuple[CanaryDay, ...] = ()
    """What was judged live, the oldest day first."""
    end: CanaryEvent | None = None
    """None: it runs."""


class TrafficSplit(Noun, frozen=True):
    """What a gateway is told."""

    alias: str
    """The model name that applications ask for."""
    candidate: str
    """The model name of either arm, at `url`."""
    control: str
    share: float
    """Of sessions that go to the candidate; 0: none, 1: all."""
    salt: str
    header: str
    """Request header with the session."""
    url: str
    """Address of the server of both models, with `/v1`."""
