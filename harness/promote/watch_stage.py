"""Say what changed in production and what to do about it: train, label, prompt, environment, guards, look, or wait.

Each share of `harness.promote.daily` is tested for a move, so that all nights and all shares together raise a false alarm with a
chance of at most alpha; see `harness.gate.statistics.shift`. Four kinds of shares get a quarter of alpha each.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Literal

from harness.gate.statistics.shift import BASELINE, FORMULA, Shift, shift, spent, weigh
from harness.promote.daily import Daily, DailyShare, Kind
from harness.types import Cluster, Noun

Action = Literal["train", "label", "prompt", "retrieval", "environment", "guards", "look", "wait"]
LEVERS: dict[str, Action] = {
    "fine-tune": "train",
    "prompt": "prompt",
    "retrieval": "retrieval",
    "environment": "environment",
    "": "label",
}
"""Lever of a cluster (`harness.curate.levers`) to what to do when it grew."""
KINDS: tuple[Kind, ...] = ("clusters", "inputs", "answers", "outcomes")
TO_LABEL = 50
"""Calls that are named for labelling."""
NEXT: dict[Action, str] = {
    "train": "trueup run",
    "label": "trueup review, for the calls that are named",
    "prompt": "change the prompt and judge it: trueup gate --candidate NAME",
    "retrieval": "give the model the facts that the answers lack; a fine-tune cannot know them",
    "environment": "repair what times out or breaks; no model can change it",
    "guards": "add cases of this traffic to the guard suites, then trueup eval",
    "look": "check what serves and what was deployed that day: trueup status, trueup monitor",
    "wait": "",
}


class Alarm(Noun, frozen=True):
    """One share that moved."""

    kind: Kind
    name: str
    action: Action
    sentence: str
    since: str
    """ISO date (UTC): the first day after the likeliest move."""
    raised: str
    """ISO date (UTC) of the first night that shows it."""
    before: float
    now: float
    """Share of people before that day, and from it on."""
    log_evidence: float
    """Natural log of the evidence after the last day; `bar` is what an alarm needs."""
    bar: float
    dispersion: float
    next: str = ""
    cluster: str = ""
    call_ids: tuple[str, ...] = ()
    """Newest calls to label."""
    formula: str = FORMULA


class WatchedShare(Noun, frozen=True):
    """One share that is watched, alarm or not."""

    kind: Kind
    name: str
    now: float
    """Share of people on the last day."""
    log_evidence: float
    bar: float
    """What `log_evidence` must reach for an alarm."""
    cluster: str = ""


class WatchReport(Noun, frozen=True):
    action: Action
    """The first thing to do."""
    sentence: str
    next: str = ""
    alarms: tuple[Alarm, ...] = ()
    """What to act on first."""
    days: tuple[str, str] = ("", "")
    """First and last day."""
    nights: int = 0
    calls: int = 0
    watched: int = 0
    """Shares that were tested."""
    shares: tuple[WatchedShare, ...] = ()
    """Each of them."""
    ready: bool = True
    """False: fewer days than a shift can be told from."""


def watch(
    daily: Daily,
    clusters: Iterable[Cluster],
    targets: Collection[str] = (),
    asked: Collection[str] | None = None,
    alpha: float = 0.05,
) -> WatchReport:
    """`clusters` have their lever. `targets`: ids of calls that have a target already. `asked`: routes that the eval cases come
    from; None where that is not known."""
    days, nights = (daily.days[0], daily.days[-1]) if daily.days else ("", ""), len(daily.days)
    if nights <= BASELINE:
        left = BASELINE + 1 - nights
        return WatchReport(
            action="wait",
            sentence=f"{nights} days of traffic; a change can be seen from {BASELINE + 1} on.",
            next=f"ingest {left} more {'day' if left == 1 else 'days'} of traffic, then trueup watch",
            days=days,
            nights=nights,
            calls=daily.calls,
            ready=False,
        )
    known = {cluster.id: cluster for cluster in clusters}
    tested = list(_tested(daily, alpha))
    raised = list(_alarms(daily, tested, known, targets, asked))
    order = list(NEXT)
    raised.sort(key=lambda alarm: (order.index(alarm.action), -alarm.log_evidence))
    first = raised[0] if raised else None
    return WatchReport(
        action=first.action if first else "wait",
        sentence=first.sentence if first else f"Nothing changed that {nights} days of traffic can show.",
        next=first.next if first else "",
        alarms=tuple(raised),
        days=days,
        nights=nights,
        calls=daily.calls,
        watched=len(daily.shares),
        shares=tuple(_watched(share, moved, bar) for share, moved, bar in tested if moved),
    )


Tested = tuple[DailyShare, Shift | None, float]
"""A share, what its days say, and what the evidence must reach."""


def _tested(daily: Daily, alpha: float) -> Iterator[Tested]:
    if not daily.shares:
        return
    rank: Counter[str] = Counter()
    weighed = weigh([share.events for share in daily.shares], [share.trials for share in daily.shares])
    for place, share in enumerate(daily.shares):
        bar = spent(rank[share.kind], alpha / len(KINDS))
        rank[share.kind] += 1
        yield share, shift(weighed, place, bar), bar


def _watched(share: DailyShare, moved: Shift, bar: float) -> WatchedShare:
    return WatchedShare(
        kind=share.kind,
        name=share.name,
        now=share.events[-1] / max(share.trials[-1], 1),
        log_evidence=moved.log_evidence,
        bar=bar,
        cluster=share.cluster,
    )


def _alarms(
    daily: Daily,
    tested: Iterable[Tested],
    clusters: Mapping[str, Cluster],
    targets: Collection[str],
    asked: Collection[str] | None,
) -> Iterator[Alarm]:
    for share, moved, bar in tested:
        if moved is None or moved.first < 0:
            continue
        action = _action(share, moved, clusters, asked)
        calls = _to_label(clusters[share.cluster], targets) if action == "label" and share.cluster else ()
        yield Alarm(
            kind=share.kind,
            name=share.name,
            action=action,
            sentence=_sentence(share, moved, daily, clusters),
            since=daily.days[moved.day],
            raised=daily.days[moved.first],
            before=moved.before,
            now=moved.since,
            log_evidence=moved.log_evidence,
            bar=bar,
            dispersion=moved.dispersion,
            next=NEXT[action],
            cluster=share.cluster,
            call_ids=calls,
        )


def _action(share: DailyShare, moved: Shift, clusters: Mapping[str, Cluster], asked: Collection[str] | None) -> Action:
    rose = moved.since > moved.before
    if share.kind == "inputs":
        covered = bool(share.value) and asked is not None and share.value in asked
        return "guards" if rose and not covered else "wait"
    if share.kind == "answers":
        return "look"
    if not rose:
        return "wait"
    if share.kind == "clusters":
        return LEVERS.get(clusters[share.cluster].lever, "label")
    return "environment" if "environment" in share.name else "look"


def _to_label(cluster: Cluster, targets: Collection[str]) -> tuple[str, ...]:
    """The newest calls without a target; the calls of a cluster are in order of time."""
    return tuple(call for call in reversed(cluster.call_ids) if call not in targets)[:TO_LABEL]


def _sentence(share: DailyShare, moved: Shift, daily: Daily, clusters: Mapping[str, Cluster]) -> str:
    way = "rose" if moved.since > moved.before else "fell"
    text = f"{share.name} {way} from {moved.before:.1%} to {moved.since:.1%} of people a day, since {daily.days[moved.day]}"
    lever = clusters[share.cluster].evidence if share.cluster in clusters else ""
    return f"{text} ({lever})." if lever else f"{text}."
