"""What reports are rendered from, and the files that become of it: of one verdict, of two arms, of all nights."""

from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from harness import project as shelf
from harness.core import dataset_files
from harness.core.codec import digest, write_atomic
from harness.core.plugins import helper, load
from harness.errors import InvalidError
from harness.gate import compare as compare_stage
from harness.gate import runs as gate_runs
from harness.gate.history import nights
from harness.project import Evaluation, Work
from harness.types import Case, Dataset, Finding, HistoryPoint, Judgement, Story, Verdict

NIGHTS = "nights"
"""Folder, beside the index, of each night's page."""


def story_of(work: Work, verdict: Verdict) -> Story:
    """All that a report shows of one verdict. Raises InvalidError when the runs that it judged are not in the store."""
    judged = work.store.memo.recall(shelf.JUDGED, verdict.id)
    if not judged:
        raise InvalidError("the runs that this verdict judged are not known", where=verdict.id[:12], next="trueup run")
    if shelf.is_marked(work, verdict.candidate):
        verdict = replace(verdict, outcome="invalid", sentence=f"The adapter {shelf.MARKED}; it is not promoted.")
    runs = shelf.runs_of(work, work.store.artifacts.get("evaluation", judged, Evaluation))
    adapter = shelf.adapter_of(work, verdict.candidate)
    folder = work.store.artifacts.folder("dataset", verdict.dataset)
    wanted = {case.call_id for run in runs.values() for cases in run.cases.values() for case in cases if case.call_id}
    past = [night for night in nights(work) if night.at_ns <= verdict.at_ns]
    before = _before(work, verdict, past)
    return Story(
        title=_title(work),
        verdict=verdict,
        runs=tuple(runs.values()),
        comparisons=gate_runs.comparisons(runs),
        dataset=shelf.dataset_of(work, verdict.dataset),
        adapter=adapter,
        calls=work.store.traces.calls_by_id(wanted),
        history=tuple(past),
        promotions=tuple(work.store.promotions.history(work.config.promote.alias)),
        waivers=gate_runs.waivers(work),
        policy=work.config.gate,
        training=dataset_files.read_split(folder, "train"),
        previous_training=_rows(work, before),
        feedback=tuple(one for one in shelf.feedback(work) if one.call_id in wanted),
        seconds={**work.watch.seconds, "tune": adapter.seconds},
        ingest=work.store.traces.counts(),
        previous=before,
        judgement=_judgement(work, verdict),
    )


def write(work: Work, verdict: Verdict, formats: Sequence[str] = ()) -> list[Path]:
    """The report of a verdict in each format (or those of [report]), in the folder of [report]; returns the files."""
    story, out, written = _kept(work, verdict), Path(work.config.report.out), []
    for name in formats or work.config.report.formats:
        plugin = load("reports", name)
        written.append(out / f"report{plugin.SUFFIX}")
        write_atomic(written[-1], plugin.render(story))
    return written


def write_index(work: Work) -> list[Path]:
    """The page over all nights, and the page of each night that has none yet; returns the files, the index first."""
    out, page, written = Path(work.config.report.out), load("reports", "html"), []
    latest, linked = shelf.latest_verdict(work), []
    with work.watch.step("report"):
        every = nights(work)
        for place, one in enumerate(every, 1):
            path = out / NIGHTS / f"{one.verdict[:16]}.html"
            if one.verdict and not path.exists():
                verdict = work.store.artifacts.get("verdict", one.verdict, Verdict)
                write_atomic(path, page.render(story_of(work, verdict)))
                written.append(path)
            linked.append(replace(one, report=f"{NIGHTS}/{path.name}" if one.verdict else ""))
            work.watch.progress(place, len(every), "nights")
        story = replace(story_of(work, latest), history=tuple(linked))
        write_atomic(out / "history.html", load("reports", "history").render(story))
    return [out / "history.html", *written]


def write_comparison(work: Work, baseline: str, candidate: str) -> Path:
    """The page of two stored runs side by side, without a verdict."""
    runs = gate_runs.two_runs(work, baseline, candidate)
    contrast = gate_runs.contrast(work, *runs)
    findings = (*contrast.changed, *contrast.noise)
    story = Story(
        title=_title(work),
        verdict=Verdict(outcome="undecided", sentence=_said(findings), findings=findings),
        runs=runs,
        comparisons=compare_stage.compare(*runs),
        dataset=shelf.latest_or_none(work)[0],
        policy=replace(work.config.gate, baselines=(runs[0].arm.name,)),
    )
    path = Path(work.config.report.out) / f"compare-{digest([run.id for run in runs])[:12]}.html"
    write_atomic(path, load("reports", "compare").render(story))
    return path


def first_screen(work: Work) -> object:
    """The latest verdict's first screen, as a rich renderable."""
    return helper("reports", "terminal").first_screen(_kept(work, shelf.latest_verdict(work)))


def _kept(work: Work, verdict: Verdict) -> Story:
    """The story, put together once a command: the files and the first screen show the same one."""
    if verdict.id not in work.stories:
        work.stories[verdict.id] = story_of(work, verdict)
    return work.stories[verdict.id]


def _title(work: Work) -> str:
    return work.config.project.title or work.config.project.name


def _judgement(work: Work, verdict: Verdict) -> Judgement | None:
    """What the verdict was computed from; None of one that was judged before this was kept."""
    known = verdict.id in work.store.artifacts.ids("judgement")
    return work.store.artifacts.get("judgement", verdict.id, Judgement) if known else None


def _before(work: Work, verdict: Verdict, past: Sequence[HistoryPoint]) -> Dataset | None:
    """The newest dataset before this verdict's that is another one, where it is still there."""
    others = [one.dataset for one in past if one.dataset not in ("", verdict.dataset) and one.at_ns < verdict.at_ns]
    known = bool(others) and others[-1] in work.store.artifacts.ids("dataset")
    return shelf.dataset_of(work, others[-1]) if known else None


def _rows(work: Work, dataset: Dataset | None) -> tuple[Case, ...]:
    """The training rows of a dataset, where there is one."""
    return dataset_files.read_split(work.store.artifacts.folder("dataset", dataset.id), "train") if dataset else ()


def _said(findings: Sequence[Finding]) -> str:
    return " ".join(finding.sentence for finding in findings[:2]) or "No suite was compared."
