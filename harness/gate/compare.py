"""Pair two runs by case. Repeats are averaged first, or joined to pass^k or pass@k (`harness.core.repeats`); what cannot be paired is named, never dropped in silence.

Of a contract each repeat counts as passed only at full score. Cases that ask the same under several ids say no more than
one, so they are marked as one unit (`harness.gate.contents`).

A comparison with problems never promotes, so everything that makes two runs unlike is a problem here: another eval file,
other cases, a suite that shrank, a case recorded twice, a score that is not a number.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import zip_longest

from msgspec.structs import replace

from harness.core.codec import digest
from harness.core.repeats import MEAN, joined, tries
from harness.gate import contents
from harness.types import Case, Comparison, Contract, Pair, Result, Run, Suite

FULL = 1.0
"""Score from which a repeat of a contract case passes."""
SHOWN = 3
"""How many ids a problem names."""


def control(run: Run) -> tuple[Comparison, ...]:
    """An arm against itself (A/A), from its own repeats: even ones against odd ones, suite by suite.

    Repeats ask the same model the same thing, so whatever differs is noise. Suites asked once give none.
    """
    halves = [_half(run, odd) for odd in (0, 1)]
    return tuple(one for one in compare(*halves) if any(pair.candidate is not None for pair in one.pairs))


def _half(run: Run, odd: int) -> Run:
    """Even or odd repeats of the suites that have two or more, numbered anew, as many in each half."""
    repeats = {suite.name: 0 for suite in run.suites}
    for result in run.results:
        repeats[result.suite] = max(repeats.get(result.suite, 0), result.repeat + 1)
    chosen = tuple(
        replace(result, repeat=result.repeat // 2)
        for result in run.results
        if result.repeat % 2 == odd and result.repeat < repeats[result.suite] // 2 * 2
    )
    halved = tuple(_averaged(suite, repeats[suite.name] // 2) for suite in run.suites if repeats[suite.name] > 1)
    return replace(run, results=chosen, suites=halved)


def _averaged(suite: Suite, repeats: int) -> Suite:
    """The suite with its repeats averaged, where they are too few for pass^k."""
    return suite if tries(suite.across) <= repeats else replace(suite, across=MEAN)


def compare(baseline: Run, candidate: Run) -> tuple[Comparison, ...]:
    """One comparison a suite of either run, in order of name; one more for the cases that the suite says must pass, and
    one a check that must."""
    if baseline.stopped or candidate.stopped:
        baseline, candidate = _common(baseline, candidate), _common(candidate, baseline)
    return tuple(_comparisons(baseline, candidate))


def _common(run: Run, other: Run) -> Run:
    """The part of a run that both were asked, where one of them ended early."""
    keys = {(result.suite, result.case_id) for result in other.results}
    results = tuple(result for result in run.results if (result.suite, result.case_id) in keys)
    asked = {(result.suite, result.case_id) for result in results}
    return replace(
        run,
        results=results,
        suites=tuple(suite for suite in run.suites if any(suite.name == name for name, _ in asked)),
        cases={name: tuple(case for case in cases if (name, case.id) in asked) for name, cases in run.cases.items()},
    )


def _comparisons(baseline: Run, candidate: Run) -> Iterator[Comparison]:
    before, after = _by_suite(baseline), _by_suite(candidate)
    old, new = ({suite.name: suite for suite in run.suites} for run in (baseline, candidate))
    for name in sorted(old | new):
        suite = new.get(name) or old[name]
        cases = candidate.cases.get(name) or baseline.cases.get(name, ())
        problems = (
            *_elsewhere(baseline, candidate),
            *_unlike(old.get(name), new.get(name), baseline, candidate),
            *_duplicates(cases),
        )
        main = _paired(suite, baseline, candidate, before.get(name, []), after.get(name, []), cases)
        yield replace(main, problems=(*problems, *main.problems))
        named = [case for case in cases if case.id in suite.must_pass]
        if named:
            view = replace(suite, name=f"{name}[must_pass]", role=Contract(), must_pass=(), corpus="", cases=len(named))
            ours, theirs = (_of(named, side.get(name, [])) for side in (before, after))
            yield _paired(view, baseline, candidate, ours, theirs, named)
        for check in _checks(suite, cases):
            view = replace(suite, name=f"{name}[{check}]", role=Contract(), metric=check, must_pass=(), corpus="")
            yield _paired(view, baseline, candidate, before.get(name, []), after.get(name, []), cases)


def _by_suite(run: Run) -> dict[str, list[Result]]:
    found: dict[str, list[Result]] = {}
    for result in run.results:
        found.setdefault(result.suite, []).append(result)
    return found


def _of(cases: Sequence[Case], results: Sequence[Result]) -> list[Result]:
    ids = {case.id for case in cases}
    return [result for result in results if result.case_id in ids]


def _checks(suite: Suite, cases: Sequence[Case]) -> list[str]:
    """Names in `must_pass` that are checks; the others are ids of cases."""
    ids = {case.id for case in cases}
    return [name for name in suite.must_pass if name not in ids]


def _paired(
    suite: Suite, baseline: Run, candidate: Run, before: list[Result], after: list[Result], cases: Sequence[Case]
) -> Comparison:
    metric = suite.metric or _first_metric(before) or _first_metric(after)
    whole = isinstance(suite.role, Contract)
    old, new = (_Side(results, metric, whole, MEAN if whole else suite.across) for results in (before, after))
    by_id = {case.id: case for case in cases}
    units = contents.units(suite, cases, before)
    ids = sorted(old.values.keys() | new.values.keys() | by_id.keys())
    problems = [f"{baseline.arm.name}: {text}" for text in old.problems]
    problems += [f"{candidate.arm.name}: {text}" for text in new.problems]
    problems += _unmatched(baseline.arm.name, old, candidate.arm.name, new)
    stopped = candidate.stopped or baseline.stopped
    expected = suite.cases or len(by_id)
    if len(ids) != expected and not stopped:
        problems.append(f"{expected} cases were collected and {len(ids)} have a result")
    problems += _clusterless(suite, cases)
    problems += _unknown(suite, [*before, *after])
    problems += _unlabelled(suite, old, new)
    return Comparison(
        suite=suite,
        baseline=baseline.arm.name,
        candidate=candidate.arm.name,
        metric=metric,
        pairs=tuple(_pair(ident, old, new, by_id.get(ident), suite, units.get(ident, "")) for ident in ids),
        conditions=digest(candidate.conditions) if candidate.conditions else "",
        binary=old.repeats <= 1 and new.repeats <= 1 and old.pass_or_fail and new.pass_or_fail,
        problems=tuple(problems),
        stopped=stopped,
    )


class _Side:
    """One arm's results on one suite: the mean a case, or why there is none; with `whole` each repeat passes or fails."""

    def __init__(self, results: Sequence[Result], metric: str, whole: bool, across: str) -> None:
        seen = Counter((result.case_id, result.repeat) for result in results)
        twice = sorted(case_id for (case_id, _), count in seen.items() if count > 1)
        by_case: dict[str, list[Result]] = {}
        for result in sorted(results, key=lambda result: result.repeat):
            by_case.setdefault(result.case_id, []).append(result)
        scores = [result.score(metric) for result in results]
        self.cut_off = frozenset(result.case_id for result in results if result.cut_off)
        self.labels = {case_id: tuple(_label(result, metric) for result in found) for case_id, found in by_case.items()}
        self.values = {case_id: _mean(found, metric, whole, across) for case_id, found in by_case.items()}
        self.errors = {case_id: _error(found, metric) for case_id, found in by_case.items()}
        self.repeats = max((len(found) for found in by_case.values()), default=0)
        self.pass_or_fail = all(value in (0.0, 1.0) for value in scores if value is not None)
        self.problems = [f"recorded twice: {_some(twice)}"] if twice else []
        if any(value is not None and not math.isfinite(value) for value in scores):
            self.problems.append(f"a score of {metric!r} is not a finite number")
        if by_case and self.repeats < tries(across):
            self.problems.append(f"{across} needs {tries(across)} repeats or more, and there are {self.repeats}")
        if across and not self.pass_or_fail:
            self.problems.append(f"{across} counts passes and fails, and scores of {metric!r} are neither")
        short = sorted(case_id for case_id, found in by_case.items() if len(found) < self.repeats)
        if short:
            self.problems.append(f"repeats are missing: {_some(short)}")


def _label(result: Result, metric: str) -> tuple[str, str]:
    """What was expected and what was said; both empty where there is no score, or it is no label."""
    score = next((score for score in result.scores if not metric or score.name == metric), None)
    return (score.expected, score.label) if score is not None else ("", "")


def _mean(results: Sequence[Result], metric: str, whole: bool, across: str) -> float | None:
    """The repeats joined, or the share that passed; None unless every repeat has a finite score."""
    values = [result.score(metric) for result in results]
    finite = [value for value in values if value is not None and math.isfinite(value)]
    if not finite or len(finite) < len(values):
        return None
    return joined([float(value >= FULL) if whole else value for value in finite], across)


def _error(results: Sequence[Result], metric: str) -> str:
    for result in results:
        if result.error:
            return result.error
        if result.skipped:
            return f"skipped: {result.skipped}"
        value = result.score(metric)
        if value is None:
            return f"no score named {metric!r}"
        if not math.isfinite(value):
            return f"the score {metric!r} is not a finite number"
    return ""


def _first_metric(results: Sequence[Result]) -> str:
    named = [result for result in results if result.scores]
    return min(named, key=lambda result: (result.case_id, result.repeat)).scores[0].name if named else ""


def _pair(ident: str, old: _Side, new: _Side, case: Case | None, suite: Suite, unit: str) -> Pair:
    return Pair(
        case_id=ident,
        baseline=old.values.get(ident),
        candidate=new.values.get(ident),
        cluster=_column(case, suite.cluster) or unit or ident,
        unit=unit,
        baseline_error=old.errors.get(ident, "no result"),
        candidate_error=new.errors.get(ident, "no result"),
        slices=tuple(f"{name}={value}" for name in suite.slices if (value := _column(case, name))),
        cut_off=(ident in old.cut_off, ident in new.cut_off),
        labels=_labels(old.labels.get(ident, ()), new.labels.get(ident, ())) if suite.corpus else (),
        stratum=(case.route, case.cluster, case.failed) if suite.mined and case is not None else None,
    )


def _labels(old: Sequence[tuple[str, str]], new: Sequence[tuple[str, str]]) -> tuple[tuple[str, str, str], ...]:
    """One a repeat: what was expected, what each arm said. A repeat of one arm alone is kept with nothing said."""
    none = ("", "")
    both = zip_longest(old, new, fillvalue=none)
    return tuple((before[0] or after[0], before[1], after[1]) for before, after in both)


def _column(case: Case | None, name: str) -> str:
    """Text of a case's column; empty where it has none."""
    try:
        value = case[name] if case is not None and name else None
    except KeyError:
        return ""
    return "" if value is None else str(value)


def _unknown(suite: Suite, results: Sequence[Result]) -> list[str]:
    """A misspelt metric, or a name under `must_pass` that is neither a case nor a score."""
    given = sorted({score.name for result in results for score in result.scores})
    if not suite.metric or not given or suite.metric in given:
        return []
    return [f"no result has a score named {suite.metric!r}; there are {', '.join(given)}"]


def _clusterless(suite: Suite, cases: Sequence[Case]) -> list[str]:
    """A misspelt cluster column would make every case its own cluster, and the interval too narrow."""
    if not suite.cluster or not cases or any(_column(case, suite.cluster) for case in cases):
        return []
    return [f"no case has a value in the cluster column {suite.cluster!r}"]


def _unlabelled(suite: Suite, old: "_Side", new: "_Side") -> list[str]:
    """A corpus measure is counted from labels; a score without an expected one cannot be counted."""
    if not suite.corpus or all(
        expected
        for side in (old, new)
        for ident, found in side.labels.items()
        if not side.errors[ident]
        for expected, _ in found
    ):
        return []
    return [f"{suite.corpus} is counted from labels, and the score that decides is none; see score.label"]


def _unlike(old: Suite | None, new: Suite | None, baseline: Run, candidate: Run) -> Iterator[str]:
    """Why the two runs did not measure the same thing."""
    if old is None or new is None:
        yield f"{(baseline if old is None else candidate).arm.name} has no run of this suite"
        return
    if old.digest != new.digest:
        yield "the eval file or its cases changed between the two runs"
    if old.cases != new.cases:
        yield f"{old.cases} cases were collected for {baseline.arm.name} and {new.cases} for {candidate.arm.name}"
    if replace(old, digest="", cases=0, file="") != replace(new, digest="", cases=0, file=""):
        yield "the suite is declared differently in the two runs"


def _elsewhere(baseline: Run, candidate: Run) -> list[str]:
    """Which conditions differ between the two runs: then their scores are two measurements, not one."""
    names = sorted(baseline.conditions.keys() | candidate.conditions.keys())
    other = [name for name in names if baseline.conditions.get(name) != candidate.conditions.get(name)]
    if not other:
        return []
    return [f"scored under other conditions than {baseline.arm.name}: {_some(other)}; run trueup eval for all arms"]


def _duplicates(cases: Sequence[Case]) -> list[str]:
    twice = sorted(ident for ident, count in Counter(case.id for case in cases).items() if count > 1)
    return [f"case ids are not unique: {_some(twice)}"] if twice else []


def _unmatched(baseline: str, old: _Side, candidate: str, new: _Side) -> Iterator[str]:
    sides = ((baseline, new.values.keys() - old.values.keys()), (candidate, old.values.keys() - new.values.keys()))
    for name, lacking in sides:
        if lacking:
            yield f"{name} has no result of {len(lacking)} cases: {_some(sorted(lacking))}"
    if old.repeats != new.repeats:
        yield f"{old.repeats} repeats under {baseline} and {new.repeats} under {candidate}"


def _some(ids: Sequence[str]) -> str:
    rest = f" and {len(ids) - SHOWN} more" if len(ids) > SHOWN else ""
    return ", ".join(ids[:SHOWN]) + rest
