"""Which lever fits each failure cluster: a prompt, retrieval, the environment, or a fine-tune. Rules only, no model.

A fine-tune teaches a behaviour. It does not mend a tool that times out, it cannot know facts that stand nowhere in its
input, and for a handful of format slips an instruction is cheaper. Each cluster gets the first rule that holds, with
the counts that the rule was judged by.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from harness.answers import comparable, grounded, json_object, padded
from harness.curation.duplicates import normalise
from harness.curation.mined import Mined
from harness.curation.rows import spoken
from harness.curation.traffic import Traffic, day
from harness.types import Call, Cluster, Feedback, Noun

FORM = frozenset({"schema_break", "incomplete", "language", "refusal", "loop"})
"""Detectors of slips in form, which an instruction may mend."""
ENOUGH = 20
"""Corrected cases from which a fine-tune has something to learn."""
FEW = 50
"""Slips in form below which an instruction is tried first."""
INVENTED = 0.5
"""Share of corrections with facts from outside the input from which retrieval is missing."""
CONSISTENT = 0.9
RECURS = 5
"""How often, on average, each value of a field is met in corrections from which the field is a choice among labels."""


class Inspection(Noun, frozen=True):
    clusters: tuple[Cluster, ...]
    """With `lever` and `evidence`."""
    calls: int
    failed: int
    """Calls with at least one failure."""
    corrected: int
    passed: int
    detectors: dict[str, int]
    routes: dict[str, int]
    days: dict[str, int]
    """ISO date (UTC) to calls."""


def inspect(mined: Mined, calls: Iterable[Call], feedback: Iterable[Feedback]) -> Inspection:
    """What is in these traces, and what would help. Nothing is generated and nothing is stored."""
    corrections = {item.call_id: item.correction for item in feedback if item.correction is not None}
    environment = {failure.call_id for failure in mined.failures if failure.environment}
    traffic, routes, days = Traffic(calls), Counter[str](), Counter[str]()
    asked = {}
    for call in traffic:
        routes[call.route] += 1
        days[day(call)] += 1
        if call.id in corrections:
            asked[call.id] = spoken(traffic.prompts.strip(call))
    choices = _choices(corrections.values())
    clusters = [_judged(cluster, corrections, asked, environment, choices) for cluster in mined.clusters]
    return Inspection(
        clusters=tuple(clusters),
        calls=traffic.size,
        failed=len({failure.call_id for failure in mined.failures}),
        corrected=len(corrections),
        passed=len(mined.passed),
        detectors=_ranked(Counter(failure.detector for failure in mined.failures)),
        routes=_ranked(routes),
        days=dict(sorted(days.items())),
    )


def _judged(
    cluster: Cluster,
    corrections: Mapping[str, str],
    asked: Mapping[str, str],
    environment: set[str],
    choices: frozenset[str],
) -> Cluster:
    lever, evidence = _lever(cluster, corrections, asked, environment, choices)
    return msgspec.structs.replace(cluster, lever=lever, evidence=evidence)


def _lever(
    cluster: Cluster,
    corrections: Mapping[str, str],
    asked: Mapping[str, str],
    environment: set[str],
    choices: frozenset[str],
) -> tuple[str, str]:
    size = len(cluster.call_ids)
    broken = sum(call_id in environment for call_id in cluster.call_ids)
    if broken * 2 > size:
        return (
            "environment",
            f"{broken} of {size} failed by a timeout, limit or broken tool, not by what the model wrote",
        )
    targets = [(asked[call_id], corrections[call_id]) for call_id in cluster.call_ids if call_id in corrections]
    outside = sum(not _derivable(answer, text, choices) for text, answer in targets)
    if len(targets) >= 3 and outside >= INVENTED * len(targets):
        return "retrieval", f"{outside} of {len(targets)} corrections hold facts that stand nowhere in the input"
    if cluster.detector in FORM and size < FEW:
        return "prompt", f"{size} slips in form: an instruction is cheaper; the prompted arm of the gate checks it"
    if len(targets) < ENOUGH:
        return "", f"{len(targets)} of {size} have a correction; {ENOUGH - len(targets)} more make a fine-tune possible"
    agreeing = _consistency(targets)
    if agreeing < CONSISTENT:
        return "prompt", f"like inputs are corrected alike in {agreeing:.0%} only: first say what is wanted"
    return (
        "fine-tune",
        f"{len(targets)} of {size} have a correction; {outside} with outside facts; {agreeing:.0%} agree",
    )


def _choices(corrections: Iterable[str]) -> frozenset[str]:
    """Keys whose text values recur: a choice among labels, which can be learnt, where a fact is new each time."""
    values: dict[str, Counter[str]] = defaultdict(Counter)
    for answer in corrections:
        for key, item in (json_object(answer) or {}).items():
            if isinstance(item, str):
                values[key][normalise(item)] += 1
    return frozenset(key for key, seen in values.items() if seen.total() >= RECURS * len(seen))


def _derivable(answer: str, text: str, choices: frozenset[str]) -> bool:
    """Do the answer's facts stand in the input? JSON: its text values but labels; prose: names and numbers."""
    said = padded(text)
    value = json_object(answer)
    if value is not None:
        return all(key in choices or grounded(item, said) for key, item in value.items())
    facts = [token for token in answer.split()[1:] if token[:1].isdigit() or token[:1].isupper()]
    return sum(not grounded(fact, said) for fact in facts) <= len(facts) / 2


def _consistency(targets: Sequence[tuple[str, str]]) -> float:
    """Share of corrections that agree with the commonest one for the same input, 0 to 1."""
    by_input: dict[str, list[str]] = defaultdict(list)
    for text, answer in targets:
        by_input[normalise(text)].append(repr(comparable(answer)))
    agreeing = sum(max(map(answers.count, answers)) for answers in by_input.values())
    return agreeing / len(targets)


def _ranked(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
