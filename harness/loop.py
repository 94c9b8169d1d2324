"""The loop, one verb after the other: ingest, mine, curate, tune, evaluate, compare, gate, report, promote.

This page joins stages, store, config and plug-ins. Each verb reads what the verbs before it left in the store and leaves
its own result there, so each is also a command, and a killed run goes on where it was. A step whose inputs are the same
as before is recalled, not repeated: its key is the digest of all that it reads.
"""

from pathlib import Path

from harness import project as shelf
from harness import report as stories
from harness.curate.step import curate
from harness.evaluate.step import evaluate
from harness.gate import step as verdicts
from harness.ingest.step import ingest
from harness.project import Work
from harness.promote.step import promote
from harness.tune.step import tune
from harness.types import Adapter, Dataset, Verdict


def run(work: Work) -> Verdict:
    """The whole loop. Raises UndecidedError before training when there is too little to learn from."""
    ingest(work)
    dataset = curate(work)
    return judge(work, dataset, tune(work, dataset))


def judge(work: Work, dataset: Dataset, adapter: Adapter) -> Verdict:
    """The second half of the loop: evaluate, gate, report, and promote where [promote] auto says so."""
    evaluate(work, dataset, adapter)
    verdict = gate(work)
    report(work, verdict)
    if verdict.outcome == "promote" and work.config.promote.auto:
        promote(work)
    return verdict


def gate(work: Work) -> Verdict:
    """The verdict on the latest evaluation under the policy of trueup.toml; see `harness.gate.step`."""
    return verdicts.judge(work)


def report(work: Work, verdict: Verdict | None = None) -> list[Path]:
    """Write the report in each format of [report]; returns the files."""
    with work.watch.step("report"):
        return stories.write(work, verdict or shelf.latest_verdict(work))


# ---------------------------------------------------------------- keys and progress
