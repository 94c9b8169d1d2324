"""Select one part of the cases for this run, and merge the parts' runs again.

Cases are dealt in turn, as cards are: the first to shard 1, the second to shard 2. So shards are of one size, each
holds some of every suite, and the order of the whole can be told from the parts. All repeats of a case stay together.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import zip_longest
from typing import TypeVar

from msgspec.structs import replace

from harness.errors import InvalidError, UsageError
from harness.evaluate.runner import usage
from harness.evaluate.runner.outcomes import PASSED, name_metrics
from harness.types import Case, Result, Run, Suite

K = TypeVar("K", bound=Hashable)


def parse(shard: str) -> tuple[int, int]:
    """`2/4` as (2, 4). Raises UsageError on anything else."""
    number, _, count = shard.partition("/")
    if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
        raise UsageError(f"{shard!r} is no shard", next="write --shard 1/4 for the first of four")
    return int(number), int(count)


def members(keys: Iterable[K], shard: str, order: Callable[[K], str] | None = None) -> set[K]:
    """Those of the keys, which may come more than once, that are this shard's: dealt in turn, or with an `order` cut
    from the sorted keys, so that the parts one after the other are that order."""
    number, count = parse(shard)
    found = list(dict.fromkeys(keys))
    if order is None:
        return set(found[number - 1 :: count])
    found.sort(key=order)
    return set(found[(number - 1) * len(found) // count : number * len(found) // count])


def merge(runs: Sequence[Run]) -> Run:
    """The runs of one arm on all shards, in their order, as the one run that they are parts of.

    Raises InvalidError when they were not made with the same arm, model, eval files and conditions, or hold a case twice.
    """
    first = runs[0]
    for other in runs[1:]:
        if (other.arm, other.model_digest) != (first.arm, first.model_digest):
            raise InvalidError(f"the shards of arm {first.arm.name!r} asked different models", next="run them again")
    conditions = _conditions(runs)
    suites = _suites(runs)
    keys = [list(dict.fromkeys((result.suite, result.case_id) for result in run.results)) for run in runs]
    order = {key: place for place, key in enumerate(key for row in zip_longest(*keys) for key in row if key)}
    if len(order) < sum(map(len, keys)):
        raise InvalidError("two shards have the same case", next="give each shard once")
    results = sorted((result for run in runs for result in run.results), key=lambda result: order[_key(result)])
    names = list(dict.fromkeys(result.suite for result in results))
    merged = replace(
        first,
        suites=tuple(suites[name] for name in names),
        results=tuple(results),
        cases={name: _cases(name, results, runs) for name in names},
        started_ns=min(run.started_ns for run in runs),
        seconds=sum(run.seconds for run in runs),
        generated=sum(run.generated for run in runs),
        judged=usage.together(part for run in runs for part in run.judged),
        problems=tuple(dict.fromkeys(problem for run in runs for problem in run.problems)),
        conditions=conditions,
    )
    return name_metrics([merged])[0]


def beside(runs: Sequence[Run]) -> Run:
    """Results of one arm that several processes made in one session, for a summary: in no order, and not checked."""
    suites = _suites(runs)
    merged = replace(
        runs[0],
        suites=tuple(suites.values()),
        results=tuple(result for run in runs for result in run.results),
        judged=usage.together(part for run in runs for part in run.judged),
    )
    return name_metrics([merged])[0]


def _conditions(runs: Sequence[Run]) -> dict[str, str]:
    """All that the shards read. What several of them read must be the same."""
    found: dict[str, str] = {}
    for run in runs:
        for name, content in run.conditions.items():
            if found.setdefault(name, content) != content:
                raise InvalidError(
                    f"the shards of arm {run.arm.name!r} were scored under different conditions",
                    where=name,
                    next="run them on one checkout, with the same packages",
                )
    return found


def _key(result: Result) -> tuple[str, str]:
    return result.suite, result.case_id


def _suites(runs: Sequence[Run]) -> dict[str, Suite]:
    """Each suite with its metric. A shard in which every case failed an assertion could not tell the metric."""
    found: dict[str, Suite] = {}
    for suite in (suite for run in runs for suite in run.suites):
        known = found.setdefault(suite.name, suite)
        if _declared(known) != _declared(suite):
            raise InvalidError("the shards ran different eval files", where=suite.name, next="run them on one checkout")
        if known.metric == PASSED:
            found[suite.name] = suite
    return found


def _declared(suite: Suite) -> Suite:
    """What the eval file says, wherever it lies."""
    return replace(suite, metric="", file="")


def _cases(suite: str, results: Sequence[Result], runs: Sequence[Run]) -> tuple[Case, ...]:
    known = {case.id: case for run in runs for case in run.cases.get(suite, ())}
    return tuple(known[ident] for ident in dict.fromkeys(r.case_id for r in results if r.suite == suite))
