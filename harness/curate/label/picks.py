"""Pick the calls that a person should look at next, each with its reason.

Three kinds, which answer three questions:

- `missing`: failures that nothing says the right answer of. Each label is a row to train on or a case to judge by. Failure
  clusters in which many wait for one target that there is come first.
- `variety`: calls that nobody spoke of and no detector faulted, as unlike one another as can be: failures that nothing looks
  for are among them. The farthest text from all that was picked before comes next (T. Gonzalez, "Clustering to minimize the
  maximum intercluster distance", 1985).
- `random`: a simple random sample of all calls, in an order drawn by the call's id: it says how many calls fail. Calls that
  people complained of are in it as often as they occur, so it is judged without a hint of what was found.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import zip_longest

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from harness.core.codec import digest
from harness.core.near_duplicates import normalise
from harness.mine.mined import Mined
from harness.types import Cluster, Noun

KINDS = {"missing": 5, "variety": 3, "random": 2}
"""Kind to its part in ten labels."""
NEAREST = 4000
"""Calls among which variety looks, drawn by their id: each pick compares all of them."""


class LabelCandidate(Noun, frozen=True):
    """A call that may be picked, as far as picking has to know it."""

    call_id: str
    text: str
    """What was asked and answered."""
    asked: str
    fate: str
    """`no_target`, `no_signal`, or empty for a call that has a target."""
    route: str = ""


class Pick(Noun, frozen=True):
    call_id: str
    kind: str
    """missing, variety or random."""
    reason: str
    """Why it is worth a look, for a person."""
    cluster: str = ""
    """Id of the failure cluster that it is picked for; empty for the other kinds."""


def picks(
    candidates: Sequence[LabelCandidate],
    mined: Mined,
    most: int,
    *,
    labelled: Collection[str] = (),
    done: Collection[str] = (),
    checked: Collection[str] = (),
    kinds: Collection[str] = tuple(KINDS),
) -> list[Pick]:
    """At most `most` picks, the kinds mixed in their proportion, so that stopping early leaves no kind out.

    `candidates` are all usable calls. `labelled` are calls that have a target, `done` are calls that
    a person has reviewed, `checked` those among them that were judged as part of the random sample. Where a kind has too few
    calls the others fill up. The result does not depend on the order of the candidates.
    """
    pool = sorted(candidates, key=lambda item: _draw(item.call_id))
    chance = [item for item in pool if item.call_id not in checked] if "random" in kinds else []
    fresh = [item for item in pool if item.call_id not in done]
    sources: dict[str, Iterator[Pick]] = {
        "missing": _missing([item for item in fresh if item.fate == "no_target"], mined, labelled),
        "variety": _variety([item for item in fresh if item.fate == "no_signal"][:NEAREST]),
        "random": _random(chance, len(pool)),
    }
    return _mixed({kind: source for kind, source in sources.items() if kind in kinds}, most)


def _mixed(sources: Mapping[str, Iterator[Pick]], most: int) -> list[Pick]:
    """Takes from the kind that is most behind its part; no call twice."""
    chosen: dict[str, Pick] = {}
    taken = dict.fromkeys(sources, 0)
    open_kinds = set(sources)
    while open_kinds and len(chosen) < most:
        kind = min(open_kinds, key=lambda name: ((taken[name] + 1) / KINDS[name], name))
        pick = next((pick for pick in sources[kind] if pick.call_id not in chosen), None)
        if pick is None:
            open_kinds.discard(kind)
            continue
        chosen[pick.call_id] = pick
        taken[kind] += 1
    return list(chosen.values())


def _missing(candidates: Sequence[LabelCandidate], mined: Mined, labelled: Collection[str]) -> Iterator[Pick]:
    """One of each cluster in turn, those that lack most first; of one wording only the first. Hints come last."""
    by_id = {item.call_id: item for item in candidates}
    waiting: dict[str, list[LabelCandidate]] = defaultdict(list)
    for cluster in mined.clusters:  # largest first: of a call's clusters, a target says most about that
        for call_id in sorted(cluster.call_ids, key=_draw):
            if call_id in by_id:
                waiting[cluster.id].append(by_id.pop(call_id))
    targets = {cluster.id: sum(call_id in labelled for call_id in cluster.call_ids) for cluster in mined.clusters}
    order = sorted(
        (cluster for cluster in mined.clusters if cluster.id in waiting),
        key=lambda cluster: (-len(waiting[cluster.id]) / (1 + targets[cluster.id]), cluster.id),
    )
    hints = [cluster for cluster in order if cluster.detector in mined.hints]
    seen: set[str] = set()
    for group in ([cluster for cluster in order if cluster not in hints], hints):
        for turn in zip_longest(*(waiting[cluster.id] for cluster in group)):
            for cluster, item in zip(group, turn, strict=True):
                if item is not None and normalise(item.asked) not in seen:
                    seen.add(normalise(item.asked))
                    why = _wanting(cluster, targets[cluster.id], cluster in hints)
                    yield Pick(call_id=item.call_id, kind="missing", reason=why, cluster=cluster.id)


def _wanting(cluster: Cluster, targets: int, hint: bool) -> str:
    calls = f"{len(cluster.call_ids):,} {'call' if len(cluster.call_ids) == 1 else 'calls'}"
    known = f"{targets:,} of them with" if targets else "none of them with"
    what = "suspicious" if hint else "failed"
    return f"{what} ({cluster.detector}: {cluster.title}; {calls}, {known} a right answer)"


def _variety(candidates: Sequence[LabelCandidate]) -> Iterator[Pick]:
    """Farthest first, by the cosine of TF-IDF vectors, route by route in turn."""
    routes: dict[str, list[LabelCandidate]] = defaultdict(list)
    for item in candidates:
        routes[item.route].append(item)
    order = sorted(routes, key=lambda route: (-len(routes[route]), route))
    for turn in zip_longest(*(_farthest(routes[route]) for route in order)):
        for route, item in zip(order, turn, strict=True):
            if item is not None:
                count = len(routes[route])
                where = f" of {route}" if route else ""
                reason = (
                    f"unlike the calls picked before; nobody spoke of the {count:,} calls{where} that it stands for"
                )
                yield Pick(call_id=item.call_id, kind="variety", reason=reason)


def _farthest(candidates: Sequence[LabelCandidate]) -> Iterator[LabelCandidate]:
    """The first, then always the one whose nearest picked text is farthest away."""
    texts = [item.text for item in candidates]
    if not any(any(char.isalnum() for char in text) for text in texts):
        yield from candidates
        return
    vectors = TfidfVectorizer(token_pattern=r"(?u)\w+", sublinear_tf=True).fit_transform(texts)
    nearest = np.full(len(candidates), -1.0)
    at = 0
    for _ in candidates:
        yield candidates[at]
        nearest = np.maximum(nearest, (vectors @ vectors[at].T).toarray().ravel())
        nearest[at] = np.inf
        at = int(nearest.argmin())


def _random(candidates: Sequence[LabelCandidate], total: int) -> Iterator[Pick]:
    for item in candidates:
        reason = f"drawn at random from all {total:,} calls: shows how many of them fail"
        yield Pick(call_id=item.call_id, kind="random", reason=reason)


def _draw(call_id: str) -> str:
    return digest(["label", call_id])
