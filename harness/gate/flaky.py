"""Measure flaky cases from the repeats of every arm, and quarantine them in a file.

`quarantine.jsonl` beside trueup.toml, one case a line, written by `trueup quarantine` from the latest evaluation and
meant to be committed. The gate leaves a case out of both arms only when judging another adapter than the one it was
measured on, never more than 5 % of a suite, and not after its day.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path

from msgspec.structs import replace

from harness.core.codec import read_lines, write_lines
from harness.errors import UsageError
from harness.gate.flaky_cases import DAYS, MOST
from harness.types import Quarantine, Result, Run, Suite

FILE = "quarantine.jsonl"
LEAST = 3
"""Repeats that every arm needs: with two it cannot be told which of them is the odd one."""


def read(path: Path) -> tuple[Quarantine, ...]:
    """The entries of the file; none when there is no file. Raises InputError naming the line that is not one."""
    return tuple(read_lines(path, Quarantine)) if path.exists() else ()


def write(path: Path, fresh: Sequence[Quarantine]) -> tuple[Quarantine, ...]:
    """Add what was measured, in place of older entries of the same cases. Returns all entries."""
    entries = {(one.suite, one.case_id): one for one in (*read(path), *fresh)}
    write_lines(path, entries.values())
    return tuple(entries.values())


def measure(runs: Iterable[Run], candidate: str, today: str, also: tuple[str, ...] = ()) -> tuple[Quarantine, ...]:
    """The flakiest cases of each suite that was repeated three times or more under every arm, at most 5 % of a suite.

    `candidate` is the content id of the candidate, `also` those of the other arms.

    Raises UsageError when no suite was repeated often enough.
    """
    runs = list(runs)
    repeated = [suite for suite in (runs[0].suites if runs else ()) if _repeats(suite, runs) >= LEAST]
    if not repeated:
        raise UsageError(
            f"no suite was repeated {LEAST} times under every arm, so nothing can be called flaky",
            next=f"@suite(repeats={LEAST}, ...) or [eval] repeats = {LEAST}, then trueup eval",
        )
    return tuple(replace(one, also=also) for suite in repeated for one in _flakiest(suite, runs, candidate, today))


def _repeats(suite: Suite, runs: Sequence[Run]) -> int:
    """Fewest repeats that any arm has of any case of the suite."""
    counts = [Counter(result.case_id for result in run.results if result.suite == suite.name) for run in runs]
    return min((min(count.values(), default=0) for count in counts), default=0)


def _flakiest(suite: Suite, runs: Sequence[Run], candidate: str, today: str) -> Iterator[Quarantine]:
    trials, flips = Counter[str](), Counter[str]()
    for run in runs:
        by_case: dict[str, list[Result]] = {}
        for result in run.results:
            if result.suite == suite.name:
                by_case.setdefault(result.case_id, []).append(result)
        for case_id, results in by_case.items():
            outcomes = Counter(result.score(suite.metric) for result in results)
            trials[case_id] += len(results)
            flips[case_id] += len(results) - max(outcomes.values())
    worst = sorted((case_id for case_id in flips if flips[case_id]), key=lambda case_id: (-flips[case_id], case_id))
    last = (date.fromisoformat(today) + timedelta(days=DAYS)).isoformat()
    for case_id in worst[: int(MOST * len(trials))]:
        yield Quarantine(
            suite=suite.name,
            case_id=case_id,
            flips=flips[case_id],
            trials=trials[case_id],
            measured_on=candidate,
            fixed=today,
            expires=last,
        )
