"""Gather what reports are rendered from, and write them: of one verdict, of two arms, of all nights."""

from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path

from msgspec.structs import replace

from harness.core import dataset_files
from harness.core.ci_job import ci_job
from harness.core.codec import digest, write_atomic
from harness.core.plugins import helper, load
from harness.errors import InvalidError
from harness.evaluate.case_places import places
from harness.gate import branches, compare, described, stage, stored_runs
from harness.gate import candidate as gate_candidate
from harness.gate import runs as gate_runs
from harness.gate import waivers as gate_waivers
from harness.gate.history import nights
from harness.project import JUDGED, MARKED, EvaluationRuns, Project
from harness.sections import Config
from harness.tune import tournament
from harness.types import (
    CanaryDay,
    CanaryRecord,
    Case,
    Comparison,
    Dataset,
    Finding,
    HistoryPoint,
    Judgement,
    PairMean,
    Policy,
    Promotion,
    Run,
    Story,
    Verdict,
    WatchedDay,
)

SHORT = {"md": "markdown"}
"""Other names of formats, in [report] formats and after --format."""
WATCHED = "watched"
"""Kind of artifact, and memo step: the last day of traffic to what `trueup watch` said of it."""
CANARY_DAYS = "canary_day"
"""Kind of artifact, and memo step: a canary and a day of traffic to what it was judged to be."""
NIGHTS = "nights"
"""Folder, beside the index, of each night's page."""


def story_of(project: Project, verdict: Verdict) -> Story:
    """All that a report shows of one verdict. Raises InvalidError when the runs that it judged are not in the store."""
    judged = project.recalled(JUDGED, verdict.id, "evaluation")
    if not judged:
        raise InvalidError("the runs that this verdict judged are not known", where=verdict.id[:12], next="trueup run")
    evaluation = project.store.artifacts.get("evaluation", judged, EvaluationRuns)
    runs = project.runs(evaluation)
    judgement = _judgement(project, verdict)
    policy = judgement.policy if judgement else project.config.gate
    tuned = gate_candidate.adapter_of(runs[policy.candidate], evaluation.adapter)
    if project.is_marked(tuned):
        verdict = replace(verdict, outcome="invalid", sentence=f"The adapter {MARKED}; it is not promoted.")
    adapter = project.adapter(tuned) if tuned and project.store.artifacts.has("adapter", tuned) else None
    wanted = {case.call_id for run in runs.values() for cases in run.cases.values() for case in cases if case.call_id}
    past = [night for night in nights(project) if night.at_ns <= verdict.at_ns]
    before = _before(project, verdict, past)
    moves = tuple(project.store.promotions.history(project.config.promote.alias))
    canaries = canary_records(project)
    comparisons = gate_runs.comparisons(runs, policy.candidate)
    return Story(
        title=_title(project),
        verdict=verdict,
        runs=tuple(runs.values()),
        comparisons=comparisons,
        trace_url=project.config.report.trace_url,
        arm_means=described.arm_means(runs.values(), comparisons),
        pair_means=_pair_means(judgement, comparisons, policy),
        dataset=project.dataset(verdict.dataset) if verdict.dataset else None,
        adapter=adapter,
        calls=project.store.traces.calls_by_id(wanted),
        history=tuple(past),
        promotions=moves,
        waivers=judgement.waivers if judgement else gate_runs.waivers(project),
        saved_waivers=gate_waivers.read(Path(project.config.root) / "waivers.jsonl"),
        policy=policy,
        training=_rows(project, verdict.dataset if adapter else ""),
        tournament=tournament.told(project, tuned) if tuned else None,
        previous_training=_rows(project, before.id if before else ""),
        feedback=tuple(record for record in project.feedback() if record.call_id in wanted),
        seconds={**project.progress.seconds, **({"tune": adapter.seconds} if adapter else {})},
        ingest=project.store.traces.counts(),
        previous=before,
        judgement=judgement,
        branch_change=branches.change(project, verdict, ci_job()),
        watched=watched_days(project),
        canaries=canaries,
        cost=project.config.cost,
        calls_a_day=project.config.cost.calls_a_day or project.store.traces.calls_a_day(),
        places=_places(project, runs.values()),
        served=_served(project, moves, canaries),
    )


def watched_days(project: Project) -> tuple[WatchedDay, ...]:
    """What `trueup watch` said, the oldest day first; of a day that was watched twice the last word."""
    days = (project.store.artifacts.get(WATCHED, ident, WatchedDay) for ident in project.store.memo.ids(WATCHED))
    return tuple(sorted(days, key=lambda watched: watched.day))


def canary_records(project: Project) -> tuple[CanaryRecord, ...]:
    """Every canary with what was judged of it each day, the oldest first."""
    ids = project.store.memo.ids(CANARY_DAYS)
    days = sorted(
        (project.store.artifacts.get(CANARY_DAYS, ident, CanaryDay) for ident in ids), key=lambda seen: seen.day
    )
    history = project.store.canaries.history()
    ends = {event.canary.id: event for event in history if event.kind != "started"}
    return tuple(
        CanaryRecord(
            canary=event.canary,
            offline=verdict.sentence if (verdict := _kept_verdict(project, event.canary.verdict)) else "",
            days=tuple(seen for seen in days if seen.canary == event.canary.id),
            end=ends.get(event.canary.id),
        )
        for event in history
        if event.kind == "started"
    )


def check(config: Config) -> None:
    """Raises UsageError on a format that there is not."""
    for name in config.report.formats:
        load("reports", SHORT.get(name, name))


def report(project: Project, verdict: Verdict | None = None) -> list[Path]:
    """Write the report in each format of [report]; returns the files."""
    with project.progress.step("report"):
        return write(project, verdict or project.latest_verdict())


def write(project: Project, verdict: Verdict, formats: Sequence[str] = ()) -> list[Path]:
    """The report of a verdict in each format (or those of [report]), in the folder of [report]; returns the files."""
    story, out, written = _kept(project, verdict), Path(project.config.report.out), []
    for name in formats or project.config.report.formats:
        plugin = load("reports", SHORT.get(name, name))
        written.append(out / f"report{plugin.SUFFIX}")
        write_atomic(written[-1], plugin.render(story))
    return written


def write_index(project: Project) -> list[Path]:
    """The page over all nights, and the page of each night that has none yet; returns the files, the index first."""
    out, page, written = Path(project.config.report.out), load("reports", "html"), []
    latest, linked = project.latest_verdict(), []
    with project.progress.step("report"):
        every = nights(project)
        for place, night in enumerate(every, 1):
            path = out / NIGHTS / f"{night.verdict[:16]}.html"
            if night.verdict and not path.exists() and has_runs(project, night.verdict):
                verdict = project.store.artifacts.get("verdict", night.verdict, Verdict)
                write_atomic(path, page.render(story_of(project, verdict)))
                written.append(path)
            linked.append(replace(night, report=f"{NIGHTS}/{path.name}" if path.exists() and night.verdict else ""))
            project.progress.update(place, len(every), "nights")
        story = replace(story_of(project, latest), history=tuple(linked))
        write_atomic(out / "history.html", load("reports", "history").render(story))
    return [out / "history.html", *written]


def has_runs(project: Project, verdict: str) -> bool:
    """Whether the runs that a verdict judged are still in the store, so that its report can be rendered."""
    judged = project.recalled(JUDGED, verdict, "evaluation")
    known = project.store.artifacts.get("evaluation", judged, EvaluationRuns).runs if judged else ()
    return bool(known) and all(project.store.artifacts.has("run", ident) for _, ident in known)


def write_comparison(project: Project, baseline: str, candidate: str) -> Path:
    """The page of two stored runs side by side, without a verdict."""
    runs = gate_runs.two_runs(project, baseline, candidate)
    contrast = gate_runs.contrast(project, *runs)
    findings = (*contrast.changed, *contrast.noise)
    story = Story(
        title=_title(project),
        verdict=Verdict(outcome="undecided", sentence=_said(findings), findings=findings),
        runs=runs,
        trace_url=project.config.report.trace_url,
        arm_means=described.arm_means(runs, compare.compare(*runs)),
        comparisons=compare.compare(*runs),
        dataset=project.latest_or_none()[0],
        policy=replace(project.config.gate, baselines=(runs[0].arm.name,)),
    )
    path = Path(project.config.report.out) / f"compare-{digest([run.id for run in runs])[:12]}.html"
    write_atomic(path, load("reports", "compare").render(story))
    return path


def write_view(project: Project, name: str = "") -> Path:
    """The page of a stored run, by its arm or the start of its id; without a name, of the newest evaluation's runs."""
    runs = stored_runs.newest(project, name)
    candidate = project.config.gate.candidate
    judged = next((run for run in runs if run.arm.name == candidate), runs[-1])
    others = [run for run in runs if run is not judged]
    comparisons = tuple(one for other in others for one in compare.compare(other, judged))
    wanted = {case.call_id for run in runs for cases in run.cases.values() for case in cases if case.call_id}
    story = Story(
        title=_title(project),
        verdict=Verdict(outcome="undecided", sentence="", at_ns=judged.started_ns),
        runs=(*others, judged),
        comparisons=comparisons,
        dataset=project.latest_or_none()[0],
        calls=project.store.traces.calls_by_id(wanted),
        feedback=tuple(record for record in project.feedback() if record.call_id in wanted),
        policy=project.config.gate,
        trace_url=project.config.report.trace_url,
        arm_means=described.arm_means(runs, comparisons),
        pair_means=described.pair_means(comparisons, lambda each: each, project.config.gate.alpha),
    )
    path = Path(project.config.report.out) / f"view-{digest([digest(run) for run in runs])[:12]}.html"
    write_atomic(path, load("reports", "run").render(story))
    return path


def first_screen(project: Project) -> object:
    """The latest verdict's first screen, as a rich renderable."""
    return helper("reports", "parts.terminal").first_screen(_kept(project, project.latest_verdict()))


def _kept(project: Project, verdict: Verdict) -> Story:
    """The story, put together once a command: the files and the first screen show the same one."""
    if verdict.id not in project.stories:
        project.stories[verdict.id] = story_of(project, verdict)
    return project.stories[verdict.id]


def _title(project: Project) -> str:
    return project.config.project.title or project.config.project.name


def _served(project: Project, moves: Iterable[Promotion], canaries: Iterable[CanaryRecord]) -> dict[str, str]:
    """What was promoted or tried, in words, by content id."""
    tried = (ident for each in canaries for ident in (each.canary.candidate, each.canary.champion))
    return {ident: project.served(ident) for ident in chain((i for m in moves for i in (m.adapter, m.previous)), tried)}


def _kept_verdict(project: Project, ident: str) -> Verdict | None:
    return (
        project.store.artifacts.get("verdict", ident, Verdict)
        if project.store.artifacts.has("verdict", ident)
        else None
    )


def _judgement(project: Project, verdict: Verdict) -> Judgement | None:
    """What the verdict was computed from; None of one that was judged before this was kept."""
    known = verdict.id in project.store.artifacts.ids("judgement")
    return project.store.artifacts.get("judgement", verdict.id, Judgement) if known else None


def _pair_means(
    judgement: Judgement | None, comparisons: tuple[Comparison, ...], policy: Policy
) -> tuple[PairMean, ...]:
    """Means of the cases that were judged: without flaky cases that were left out, and without waived ones."""
    if judgement is None:
        return described.pair_means(comparisons, lambda each: each, policy.alpha)
    context = stage.context_of(judgement)
    return described.pair_means(context.comparisons, context.unwaived, policy.alpha)


def _before(project: Project, verdict: Verdict, past: Sequence[HistoryPoint]) -> Dataset | None:
    """The newest dataset before this verdict's that is another one, where it is still there."""
    others = [
        point.dataset for point in past if point.dataset not in ("", verdict.dataset) and point.at_ns < verdict.at_ns
    ]
    known = bool(others) and others[-1] in project.store.artifacts.ids("dataset")
    return project.dataset(others[-1]) if known else None


def _rows(project: Project, dataset: str) -> tuple[Case, ...]:
    """The training rows of the dataset of that id; none without one."""
    return dataset_files.read_split(project.store.artifacts.folder("dataset", dataset), "train") if dataset else ()


def _places(project: Project, runs: Iterable[Run]) -> dict[str, dict[str, str]]:
    """See `Story.places`: paths are relative to the repository that the project is in, as hosts want them."""
    root = Path(project.config.root)
    repository = next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), root)
    suites = {suite.name: suite for run in runs for suite in run.suites}
    return {name: places(suite, root, repository) for name, suite in suites.items() if suite.file}


def _said(findings: Sequence[Finding]) -> str:
    return " ".join(finding.sentence for finding in findings[:2]) or "No suite was compared."
