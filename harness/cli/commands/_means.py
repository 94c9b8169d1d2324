"""Print runs for `trueup eval` and `trueup eval --merge`: means, tokens and seconds, judges, and errors."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from harness.errors import Exit

if TYPE_CHECKING:
    from harness.types import Run, Spent

COLUMNS = ("suite", "arm", "cases", "mean", "errors", "cut_off")
SPENT = ("replies of", "calls", "cached", "tokens in", "tokens out", "seconds", "cost")
CONFUSED = ("suite", "arm", "expected", "said", "cases")
SHOWN = 12
"""Pairs of confused labels that are shown, the commonest first."""
REASONS = 3
"""Reasons of an arm's errors that are shown, the commonest first."""


def show(runs: "dict[str, Run]", as_json: bool, kept: bool = False) -> dict[str, Any]:
    """Arm name to run, as tables, and as what --json prints; `kept`: the runs are in the store, so their ids are told."""
    from harness.cli import console
    from harness.core.codec import digest
    from harness.evaluate import means
    from harness.evaluate.arms import FIXED
    from harness.evaluate.judging import words
    from harness.evaluate.runner import usage

    rows = means.means(runs)
    spent, confused = usage.of_runs(runs.values()), _confused(runs.values())
    judged, reasons = (
        words.sentences(runs.values()),
        list(_reasons(run for name, run in runs.items() if name not in FIXED)),
    )
    problems = sorted({problem for run in runs.values() for problem in run.problems})
    idents = {name: digest(run) for name, run in runs.items()} if kept else {}
    if not as_json:
        costs = [tuple(_fields(arm).values()) for arm in spent]
        for columns, lines in ((COLUMNS, rows), (SPENT, costs), (CONFUSED, confused[:SHOWN])):
            if lines:
                console.table(columns, lines)
                console.say("")
        for line in judged:
            console.say(line)
        if idents:
            console.say("runs: " + ", ".join(f"{arm} {ident[:12]}" for arm, ident in idents.items()))
    for line in [*reasons, *map(_with_hint, problems)]:
        console.warn(f"trueup: {line}")
    tables = {"means": [_row(COLUMNS, row) for row in rows], "confused": [_row(CONFUSED, row) for row in confused]}
    printed = {**tables, "spent": [_fields(arm) for arm in spent], "judges": judged, "errors": reasons}
    return printed | {"runs": idents} | problems_of(problems, errors=bool(reasons))


def _with_hint(problem: str) -> str:
    """A problem and what to do about it, where it says so itself; else its file is what there is to fix."""
    from harness.evaluate.runner.session import NOTHING

    what, _, hint = problem.partition(" next: ")
    if problem == NOTHING:
        hint = "check -k, the paths and [eval] paths; trueup eval --dry-run lists the cases"
    return f"{what.rstrip(' |')}\n  next:  {hint.strip() or 'fix what it names, then: trueup eval'}"


def _row(columns: tuple[str, ...], row: Sequence[object]) -> dict[str, Any]:
    return dict(zip(columns, row, strict=True))


def _fields(spent: "Spent") -> dict[str, Any]:
    return {name: getattr(spent, name) for name in spent.__struct_fields__}


def _confused(runs: "Iterable[Run]") -> list[tuple[str, str, str, str, int]]:
    """Labels that were taken for others: what the confusion matrix holds beside its diagonal."""
    pairs = Counter(
        (result.suite, run.arm.name, score.expected, score.label)
        for run in runs
        for result in run.results
        for score in result.scores
        if score.expected and score.label != score.expected
    )
    return [(*pair, count) for pair, count in pairs.most_common()]


def _reasons(runs: "Iterable[Run]") -> Iterable[str]:
    """Why cases are errors, counted: a number in a table does not say what to fix."""
    for run in runs:
        errors = Counter(result.error for result in run.results if result.error)
        for error, count in errors.most_common(REASONS):
            yield f"{count:,} {'case is an error' if count == 1 else 'cases are errors'} under {run.arm.name}: {error}"
        if len(errors) > REASONS:
            yield f"{len(errors) - REASONS:,} more reasons under {run.arm.name}: pytest with --model {run.arm.name} shows them"


def problems_of(problems: list[str], errors: bool = False) -> dict[str, Any]:
    """Files that could not be used, and the exit code for them; the others ran all the same.

    `errors`: a case is an error, so what was measured is not all that was asked.
    """
    code = {"exit_code": int(Exit.INVALID)} if problems or errors else {}
    return {"problems": problems, **code}
