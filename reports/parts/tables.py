"""Make every table of the report as a pandas DataFrame, for a notebook.

>>> from reports import tables
>>> tables.cases(story).query("status == 'broken'")

Each function takes a `Story` and gives a new frame; a table without rows still has its columns.
"""

from collections.abc import Iterable, Sequence

import msgspec
import pandas as pd

from harness.core import codec
from harness.types import CurvePoint, Finding, Json, Neighbour, Promotion, Result, Story, Waiver
from reports.parts.cases import case_rows, main_baseline
from reports.parts.changes import row_changes, target
from reports.parts.costs import ArmCost, arm_costs
from reports.parts.groups import Group
from reports.parts.groups import clusters as _clusters
from reports.parts.groups import slices as _slices
from reports.parts.judges import JudgeRow
from reports.parts.judges import judges as _judges
from reports.parts.safe import cell
from reports.parts.summary import Identity, SuiteRow, summary
from reports.parts.validity import Check


def suites(story: Story) -> pd.DataFrame:
    """One row a suite: role, means, difference, interval, bound, outcome, fixed, broken. Columns: `_summary.SuiteRow`."""
    return _frame(summary(story).suites, SuiteRow)


def checks(story: Story) -> pd.DataFrame:
    """The validity strip: name, value, outcome, sentence."""
    return _frame(summary(story).checks, Check)


def identities(story: Story) -> pd.DataFrame:
    """One row an arm: model, digest, prompt, adapter."""
    return _frame(summary(story).identities, Identity)


def cases(story: Story) -> pd.DataFrame:
    """One row a case, worst first: suite, id, status against the main baseline, one `score <arm>` and `reply <arm>` column
    an arm (mean of the repeats; first repeat's last reply), cluster, split, call_id, slices, flaky, error, input, expected."""
    rows, against = case_rows(story), main_baseline(story)
    arms = [run.arm.name for run in story.runs]
    columns: dict[str, list[Json]] = {
        "suite": [row.suite for row in rows],
        "id": [row.id for row in rows],
        "status": [row.status.get(against, "missing") for row in rows],
        "cluster": [row.case.cluster for row in rows],
        "split": [row.case.split for row in rows],
        "call_id": [row.case.call_id for row in rows],
        "slices": ["; ".join(row.slices) for row in rows],
        "flaky": ["; ".join(row.flaky) for row in rows],
        "error": ["; ".join(f"{arm}: {error}" for arm, error in row.errors.items()) for row in rows],
        "input": [row.case.text for row in rows],
        "expected": [_text(row.case.expected) for row in rows],
    }
    for arm in arms:
        columns[f"score {arm}"] = [row.scores.get(arm) for row in rows]
        columns[f"reply {arm}"] = [_reply(row.results.get(arm, ())) for row in rows]
    return pd.DataFrame(columns)


def scores(story: Story) -> pd.DataFrame:
    """One row a score: suite, case_id, arm, repeat, name, value, label, explanation, expected."""
    columns = ("suite", "case_id", "arm", "repeat", "name", "value", "label", "explanation", "expected")
    rows = (
        (result.suite, result.case_id, run.arm.name, result.repeat, *msgspec.structs.astuple(score))
        for run in story.runs
        for result in run.results
        for score in result.scores
    )
    return pd.DataFrame(list(rows), columns=list(columns))


def pairs(story: Story) -> pd.DataFrame:
    """One row a pair of every comparison: what the gate's statistics were computed from."""
    columns = ("suite", "baseline_arm", "candidate_arm", "metric", "case_id", "baseline", "candidate", "cluster")
    rows = (
        (c.suite.name, c.baseline, c.candidate, c.metric, p.case_id, p.baseline, p.candidate, p.cluster)
        for c in story.comparisons
        for p in c.pairs
    )
    return pd.DataFrame(list(rows), columns=list(columns))


def clusters(story: Story) -> pd.DataFrame:
    """One row a failure cluster: cases, fixed, broken, both_fail, both_pass, means, rows trained. Columns: `_groups.Group`."""
    return _frame(_clusters(story, case_rows(story)), Group)


def slices(story: Story) -> pd.DataFrame:
    """One row a suite and slice, same columns as `clusters`."""
    return _frame(_slices(story, case_rows(story)), Group)


def arms(story: Story) -> pd.DataFrame:
    """One row an arm: tokens, seconds, price of 1,000 calls, flaky share, saved share. Columns: `_costs.ArmCost`."""
    return _frame(arm_costs(story, case_rows(story)), ArmCost)


def findings(story: Story) -> pd.DataFrame:
    """One row a finding of the gate, with its interval as `low`, `high`, `level`, `method` and one `count <name>` column a count."""
    rows = []
    for finding in story.verdict.findings:
        row = msgspec.structs.asdict(finding)
        interval, counts = row.pop("interval"), row.pop("counts")
        row |= {key: getattr(interval, key, None) for key in ("low", "high", "level", "method")}
        rows.append(row | {f"count {name}": value for name, value in counts.items()})
    return pd.DataFrame(rows, columns=None if rows else [*Finding.__struct_fields__, "low", "high", "level"])


def fates(story: Story) -> pd.DataFrame:
    """Fate and calls; the calls add up to all that were read."""
    return _counts("fate", "calls", story.dataset.fates if story.dataset else {})


def ingest(story: Story) -> pd.DataFrame:
    """What was read, and how many."""
    return _counts("what", "count", story.ingest)


def steps(story: Story) -> pd.DataFrame:
    """Step of the loop and its seconds."""
    return _counts("step", "seconds", story.seconds)


def curve(story: Story) -> pd.DataFrame:
    """One row a point of the training curve: step, epoch, loss, learning_rate, seconds, validation_loss, score."""
    return _frame(story.adapter.curve if story.adapter else (), CurvePoint)


def history(story: Story) -> pd.DataFrame:
    """One row a night, suite and arm: at, outcome, adapter, suite, arm, mean."""
    rows = [
        (pd.Timestamp(night.at_ns, tz="UTC"), night.outcome, night.adapter, suite, arm, mean)
        for night in story.history
        for suite, means in night.means.items()
        for arm, mean in means.items()
    ]
    return pd.DataFrame(rows, columns=["at", "outcome", "adapter", "suite", "arm", "mean"])


def promotions(story: Story) -> pd.DataFrame:
    """One row a move of an alias, oldest first."""
    return _frame(story.promotions, Promotion)


def waivers(story: Story) -> pd.DataFrame:
    """One row a waiver: suite, case_id, cluster, reason, owner, expires."""
    return _frame(story.waivers, Waiver)


def neighbours(story: Story) -> pd.DataFrame:
    """One row a held-out case: its nearest training row, the similarity and both texts."""
    return _frame(story.dataset.leak_proof if story.dataset else (), Neighbour)


def training(story: Story) -> pd.DataFrame:
    """One row a training row: id, cluster, call_id, day, target_source, text, target."""
    columns = ("id", "cluster", "call_id", "day", "target_source", "text", "target")
    rows = [
        (c.id, c.cluster, c.call_id, c.day, c.target_source, c.text, c.target.text if c.target else "")
        for c in story.training
    ]
    return pd.DataFrame(rows, columns=list(columns))


def judges(story: Story) -> pd.DataFrame:
    """One row a suite that a model graded: kappa, labels, what it passes, attacks. Columns: `_judges.JudgeRow`."""
    return _frame(_judges(story), JudgeRow)


def changes(story: Story) -> pd.DataFrame:
    """One row a training row that was added, dropped or given another target since the dataset before: kind, id, text,
    target."""
    rows = [(change.kind, case.id, case.text, target(case)) for change in row_changes(story) for case in change.rows]
    return pd.DataFrame(rows, columns=["kind", "id", "text", "target"])


def to_csv(frame: pd.DataFrame) -> str:
    """CSV text whose cells and headers no spreadsheet takes for a formula."""
    safe = frame.map(cell)
    safe.columns = pd.Index([cell(str(name)) for name in frame.columns])
    text: str = safe.to_csv(index=False, lineterminator="\n")
    return text


def _frame(rows: Sequence[msgspec.Struct], kind: type[msgspec.Struct]) -> pd.DataFrame:
    return pd.DataFrame([msgspec.structs.asdict(row) for row in rows], columns=list(kind.__struct_fields__))


def _counts(name: str, what: str, counts: dict[str, int] | dict[str, float]) -> pd.DataFrame:
    return pd.DataFrame(list(counts.items()), columns=[name, what])


def _text(value: Json) -> str:
    return value if isinstance(value, str) else codec.canonical(value)


def _reply(results: Iterable[Result]) -> str:
    return next((result.replies[-1].text for result in results if result.replies), "")


ALL = {
    table.__name__: table
    for table in (
        suites, checks, identities, cases, scores, pairs, clusters, slices, arms, findings, fates, ingest, steps, curve,
        history, promotions, waivers, neighbours, training, changes, judges,
    )
}  # fmt: skip
"""Name to function, for those who want them all."""
