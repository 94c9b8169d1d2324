"""Choose the lever for each failure cluster: prompt, retrieval, environment or fine-tune. By rules, without a model.

A fine-tune teaches a behaviour. It does not fix a tool that times out, it cannot know facts that stand nowhere in its
input, and for a handful of format slips an instruction is cheaper. Each cluster gets the first rule that holds, with
the counts that the rule was judged by.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from harness.core.codec import canonical
from harness.core.near_duplicates import normalise
from harness.core.plugins import says
from harness.core.replies import comparable, grounded, json_object, padded
from harness.curate.rows import CallRow
from harness.curate.sieve import Sieve
from harness.mine.mined import Mined
from harness.mine.traffic import Traffic, day
from harness.types import Call, Cluster, Feedback, Message, Noun, ToolResultPart

ENOUGH = 20
"""Failing calls with a target from which a fine-tune has something to learn."""
FEW = 50
"""Slips in form below which an instruction is tried first."""
INVENTED = 0.5
"""Share of targets with facts from outside the input from which retrieval is missing."""
CONSISTENT = 0.9
RECURS = 5
"""How often, on average, each value of a field is met in targets from which the field is a choice among labels."""


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
    targets: dict[str, int] = {}
    """Where a failing call's target comes from (correction, retry), to calls; a teacher is not asked."""
    good: int = 0
    """Praised and confirmed calls."""
    flagged_good: dict[str, int] = {}
    """Detector to those of them that it flags."""
    doubtful: tuple[str, ...] = ()
    """Detectors that flag too many of them, and so never decide alone."""


class Shown(msgspec.Struct, frozen=True):
    """What inspection keeps of a failing call's target."""

    key: str
    """Content id of the input."""
    answer: str
    """Equal for targets that say the same."""
    outside: frozenset[str]
    """Fields whose text stands nowhere in the input; the empty name for prose."""


def inspect(mined: Mined, calls: Iterable[Call], feedback: Iterable[Feedback]) -> Inspection:
    """What is in these traces, and what would help. Nothing is generated and nothing is stored."""
    said = list(feedback)
    traffic, routes, days = Traffic(calls), Counter[str](), Counter[str]()
    answered: dict[str, Counter[str]] = defaultdict(Counter)
    for call in traffic:
        routes[call.route] += 1
        days[day(call)] += 1
        for field, text in _texts(json_object(call.reply) or {}):
            answered[field][normalise(text)] += 1
    shown: dict[str, Shown] = {}
    values: dict[str, Counter[str]] = defaultdict(Counter)
    sources: Counter[str] = Counter()
    for row in Sieve(traffic, said, mined).sifted():
        if isinstance(row, CallRow) and row.failed:
            sources[row.target.source] += 1
            shown[row.call.id] = _shown(row)
            for field, text in _texts(row.target.expected):
                values[field][normalise(text)] += 1
    choices = _recurring(values) | {
        name for name in _recurring(answered) if values[name].keys() <= answered[name].keys()
    }
    environment = {failure.call_id for failure in mined.failures if failure.environment}
    return Inspection(
        clusters=tuple(_judged(cluster, shown, environment, choices) for cluster in mined.clusters),
        calls=traffic.size,
        failed=len({failure.call_id for failure in mined.failures}),
        corrected=len({item.call_id for item in said if item.correction is not None}),
        passed=len(mined.passed),
        detectors=_ranked(Counter(failure.detector for failure in mined.failures)),
        routes=_ranked(routes),
        days=dict(sorted(days.items())),
        targets=_ranked(sources),
        good=mined.good,
        flagged_good=mined.flagged_good,
        doubtful=mined.doubtful,
    )


def _recurring(values: Mapping[str, Counter[str]]) -> frozenset[str]:
    """Fields whose few values come again and again, such as a category."""
    return frozenset(field for field, seen in values.items() if seen.total() >= RECURS * len(seen))


def _judged(cluster: Cluster, shown: Mapping[str, Shown], environment: set[str], choices: frozenset[str]) -> Cluster:
    lever, evidence = _lever(cluster, shown, environment, choices)
    return msgspec.structs.replace(cluster, lever=lever, evidence=evidence)


def _lever(
    cluster: Cluster, shown: Mapping[str, Shown], environment: set[str], choices: frozenset[str]
) -> tuple[str, str]:
    size = len(cluster.call_ids)
    broken = sum(call_id in environment for call_id in cluster.call_ids)
    if broken * 2 > size:
        return (
            "environment",
            f"{broken} of {size} failed by a timeout, limit or broken tool, not by what the model wrote",
        )
    targets = [shown[call_id] for call_id in cluster.call_ids if call_id in shown]
    outside = sum(bool(target.outside - choices) for target in targets)
    if len(targets) >= 3 and outside >= INVENTED * len(targets):
        return "retrieval", f"{outside} of {len(targets)} targets contain facts that are nowhere in the input"
    if says("detectors", cluster.detector, "FORM", False) and size < FEW:
        return "prompt", f"{size} slips in form: an instruction is cheaper; the prompted arm of the gate checks it"
    if len(targets) < ENOUGH:
        return "", f"{len(targets)} of {size} have a target; {ENOUGH - len(targets)} more make a fine-tune possible"
    agreeing = _consistency(targets)
    if agreeing < CONSISTENT:
        return "prompt", f"like inputs have like targets in {agreeing:.0%} only: first say what is wanted"
    return (
        "fine-tune",
        f"{len(targets)} of {size} have a target; {_few(outside)} facts from outside; {agreeing:.0%} agree",
    )


def _few(outside: int) -> str:
    return f"{outside} with" if outside else "none with"


def _shown(row: CallRow) -> Shown:
    said = padded(" ".join(_input(row.call.input)))
    message, expected = row.target.message, row.target.expected
    return Shown(
        key=row.key,
        answer=repr(comparable(canonical(expected) if message.tool_calls else message.text)),
        outside=_outside(expected, said),
    )


def _input(messages: Sequence[Message]) -> Iterator[str]:
    """All that the model was given: the prompt, what was said, and what tools answered."""
    for message in messages:
        yield message.text
        yield from (part.content for part in message.parts if isinstance(part, ToolResultPart))


def _outside(expected: Any, said: str) -> frozenset[str]:
    """Fields of a JSON answer or a tool call whose text is not in the input; prose: when most names and numbers are not."""
    if not isinstance(expected, str):
        return frozenset(field for field, text in _texts(expected) if not grounded(text, said))
    facts = [token for token in expected.split()[1:] if token[:1].isdigit() or token[:1].isupper()]
    wrong = sum(not grounded(fact, said) for fact in facts)
    return frozenset({""}) if wrong > len(facts) / 2 else frozenset()


def _texts(expected: Any, field: str = "") -> Iterator[tuple[str, str]]:
    """Field and text of each leaf that is a text; of tool calls, those of their arguments."""
    if isinstance(expected, dict):
        made = expected.get("tool_calls")
        inner = [call.get("arguments") for call in made] if isinstance(made, list) else None
        for name, item in {"": inner}.items() if inner else expected.items():
            yield from _texts(item, name)
    elif isinstance(expected, list):
        for item in expected:
            yield from _texts(item, field)
    elif isinstance(expected, str) and field:
        yield field, expected


def _consistency(targets: Sequence[Shown]) -> float:
    """Share of targets that agree with the commonest one for the same input, 0 to 1."""
    by_input: dict[str, list[str]] = defaultdict(list)
    for target in targets:
        by_input[target.key].append(target.answer)
    agreeing = sum(max(map(answers.count, answers)) for answers in by_input.values())
    return agreeing / len(targets)


def _ranked(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
