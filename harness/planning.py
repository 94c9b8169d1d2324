"""Tell how a run that stopped before training can be decided: a page with what is missing, which calls, and how to get them.

It is no verdict: nothing was trained or judged. The page goes when a verdict is reported.
"""

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from harness.core.codec import write_atomic
from harness.core.plugins import helper
from harness.curate import step as curate_step
from harness.curate.label import step as label_step
from harness.errors import UndecidedError
from harness.gate.power_rules import least_margin
from harness.project import LATEST, Project
from harness.tune.step import UnderpoweredError
from harness.types import DecisionPlan, Finding, Guard, PlannedCall, PlannedWay, Suite, Target, Verdict

PLAN = "plan"
"""Kind of artifact, and the name of the page's files."""
SHOWN = 20
"""Calls that are named."""
LABEL = "trueup label --only missing --open"


@contextmanager
def paged(project: Project) -> Iterator[None]:
    """Write the page when what runs inside stops since there is too little evidence; the error then names it."""
    try:
        yield
    except UndecidedError as stop:
        if not project.store.traces.counts()["calls"]:
            raise
        page = write(project, plan(project, stop))[0]
        stop.next = f"{stop.next}; {page} says which calls to label, and what else helps"
        raise


def plan(project: Project, stop: UndecidedError) -> DecisionPlan:
    """What is missing, and the ways to get it, from the error that ended the run."""
    weak = stop.findings if isinstance(stop, UnderpoweredError) else ()
    suites = stop.suites if isinstance(stop, UnderpoweredError) else ()
    found = label_step.labelling(project, SHOWN, ("missing",))
    ways = [way for finding in weak for way in _ways(project, finding, _suite(suites, finding), found.waiting)]
    return DecisionPlan(
        title=project.config.project.title or project.config.project.name,
        sentence=stop.what[:1].upper() + stop.what[1:],
        at_ns=time.time_ns(),
        findings=tuple(weak),
        ways=tuple(dict.fromkeys((*(ways or _more_failures(found.waiting)), *_always(bool(weak))))),
        calls=tuple(
            PlannedCall(
                call_id=pick.call_id, asked=item.conversation[-1].text if item.conversation else "", reason=pick.reason
            )
            for pick, item in zip(found.picks, found.items, strict=True)
        ),
    )


def write(project: Project, made: DecisionPlan) -> list[Path]:
    """The page and its Markdown, in the folder of [report]; kept as the project's latest plan. Returns the files."""
    pages = helper("reports", "parts.plan")
    out = Path(project.config.report.out)
    files = {out / f"{PLAN}.html": pages.html(made), out / f"{PLAN}.md": pages.markdown(made)}
    for path, data in files.items():
        write_atomic(path, data)
    project.store.memo.remember(LATEST, PLAN, project.store.artifacts.put(PLAN, made))
    return list(files)


def clear(project: Project) -> None:
    """Remove the page: there is a verdict now."""
    for suffix in ("html", "md"):
        (Path(project.config.report.out) / f"{PLAN}.{suffix}").unlink(missing_ok=True)


def latest(project: Project) -> DecisionPlan | None:
    """The plan of the last run, where that stopped before training; None once a verdict came after it."""
    known, judged = (project.recalled(LATEST, what, what) for what in (PLAN, "verdict"))
    made = project.store.artifacts.get(PLAN, known, DecisionPlan) if known else None
    if made and judged and project.store.artifacts.get("verdict", judged, Verdict).at_ns >= made.at_ns:
        return None
    return made


def _suite(suites: Sequence[Suite], finding: Finding) -> Suite:
    return next(suite for suite in suites if suite.name == finding.suite)


def _ways(project: Project, finding: Finding, suite: Suite, waiting: int) -> Iterator[PlannedWay]:
    """How the suite can be decided: more cases, or a larger margin."""
    needed, short = int(finding.counts["needed"]), suite.name.rpartition("::")[2]
    options = curate_step.curate_options(project)
    if suite.mined == "held_out" and options.held_out_share:
        labels = math.ceil(needed / options.held_out_share)
        yield PlannedWay(
            what=f"{short}: give about {labels:,} failures a right answer; {options.held_out_share:.0%} of them are held out, and "
            f"{needed:,} more held-out cases are needed. {waiting:,} wait for a label now.",
            command=LABEL,
        )
    elif suite.mined:
        yield PlannedWay(
            what=f"{short}: ingest more traffic; {needed:,} more calls are needed that pass today.",
            command="trueup ingest PATH",
        )
    else:
        yield PlannedWay(what=f"{short}: add {needed:,} cases.", command=f"edit {suite.file or suite.name}")
    margin = least_margin(suite, project.config.gate, finding) if isinstance(suite.role, Guard) else None
    if margin is not None:
        yield PlannedWay(
            what=f"{short}: {suite.cases:,} cases are enough for a margin of {margin:g}, if that much may be lost.",
            command=f"edit {suite.file or suite.name}: guard(margin={margin:g})",
        )
    if isinstance(suite.role, Target):
        yield PlannedWay(
            what=f"{short}: expect a larger gain, if you have reason to; the plan assumes the one in the table.",
            command="edit trueup.toml: expected_gain under [gate.options]",
        )


def _more_failures(waiting: int) -> tuple[PlannedWay, ...]:
    """For a dataset that could not be made."""
    label = PlannedWay(what=f"Give failures a right answer: {waiting:,} have none.", command=LABEL)
    ingest = PlannedWay(
        what="Ingest more traffic, with the feedback and corrections of people.", command="trueup ingest PATH"
    )
    return (label, ingest) if waiting else (ingest,)


def _always(trained: bool) -> tuple[PlannedWay, ...]:
    """What goes on without more evidence."""
    if trained:
        return (
            PlannedWay(
                what="Train anyway; the verdict will most likely stay open.", command="trueup run --train-anyway"
            ),
        )
    return (
        PlannedWay(
            what="Make the data only, without judging it: min_failures = 0 under [curate].", command="trueup curate"
        ),
    )
