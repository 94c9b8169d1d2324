"""The loop, one verb after the other: ingest, mine, curate, tune, evaluate, compare, gate, report, promote.

This page joins stages, store, config and plug-ins. Each verb reads what the verbs before it left in the store and leaves
its own result there, so each is also a command, and a killed run goes on where it was. A step whose inputs are the same
as before is recalled, not repeated: its key is the digest of all that it reads.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from harness import forget as privacy
from harness import project as shelf
from harness import report as stories
from harness.config import Config
from harness.core.codec import digest, file_digest, write_lines
from harness.core.digests import source_digest
from harness.core.plugins import load, names
from harness.core.progress import Watch
from harness.curate import benchmark_files
from harness.curate import levers as inspect_stage
from harness.curate import stage as curate_stage
from harness.curate.teacher import paraphrase_step as rewording
from harness.curate.teacher import step as teaching
from harness.errors import InvalidError, TrueupError, UndecidedError
from harness.evaluate import aa_control as controls
from harness.evaluate import arms as arm_choice
from harness.evaluate import stage as evaluate_stage
from harness.gate import early_stop as early
from harness.gate import power as plan_stage
from harness.gate import step as verdicts
from harness.ingest.step import ingest
from harness.mine import stage as mine_stage
from harness.project import LATEST, Evaluation, Work
from harness.store import Store
from harness.tune import request as lessons
from harness.tune import stage as tune_stage
from harness.types import Adapter, Arm, Case, CurvePoint, Dataset, EvalRequest, Message, Promotion, Run, Verdict


def open_work(config: Config, watch: Watch | None = None) -> Work:
    """The project of a config, with its store opened (and created when it is not there)."""
    return Work(config, Store.open(config.store), watch or Watch())


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


def mine(work: Work) -> mine_stage.Mined:
    """Failures of the stored calls, in clusters."""
    detectors, options = work.config.mine.detectors or names("detectors"), work.config.mine.options
    key = digest(["mine", work.store.traces.version(), detectors, options, mine_stage.VERSION])
    known = work.store.memo.recall("mine", key)
    if known:
        work.store.memo.remember(LATEST, "mined", known)
        return work.store.artifacts.get("mined", known, mine_stage.Mined)
    with work.watch.step("mine"):
        mined = mine_stage.mine(
            shelf.calls(work),
            shelf.feedback(work),
            detectors=detectors,
            options=options,
            known=shelf.latest_clusters(work),
        )
        ident = work.store.artifacts.put("mined", mined)
        work.store.memo.remember("mine", key, ident)
        work.store.memo.remember(LATEST, "mined", ident)
        work.watch.note(f"{len(mined.failures):,} failures of {mined.calls:,} calls, {len(mined.clusters)} clusters")
    return mined


def inspect(work: Work) -> inspect_stage.Inspection:
    """What is in the traces, and which lever fits each cluster of failures."""
    return inspect_stage.inspect(mine(work), shelf.calls(work), shelf.feedback(work))


def curate(work: Work) -> Dataset:
    """Training, held-out and regression sets from what was mined. Raises UndecidedError on too few failures."""
    options = shelf.curate_options(work)
    # No training row may be near a case of any eval file, so these are read before anything is trained.
    evals = (*_sound(survey(work)).texts, *benchmark_files.texts(options.contamination_files))
    options = replace(options, contamination=(*options.contamination, *evals))
    mined = mine(work)
    taught = teaching.teach(work, mined, options)
    known = work.store.memo.recall("curate", _curate_key(work, options, taught))
    if known:
        work.store.memo.remember(LATEST, "dataset", known)
        return shelf.dataset_of(work, known)
    with work.watch.step("curate"):
        last = work.store.memo.recall(LATEST, "dataset")
        told = replace(options, traces_version=work.store.traces.version(), parents=(last,) if last else ())
        curated = curate_stage.curate(
            shelf.calls(work),
            shelf.feedback(work),
            mined,
            sticky=work.store.ledger.splits(),
            options=told,
            taught=taught,
            reword=lambda train: rewording.reword(work, train, options, options.paraphrase_share),
        )
        folder = work.store.artifacts.scratch("dataset")
        curate_stage.write(curated, folder)
        work.store.artifacts.add_folder("dataset", curated.dataset.id, folder)
        work.store.ledger.add(curated.sticky)
        work.store.memo.remember("curate", _curate_key(work, options, taught), curated.dataset.id)
        work.store.memo.remember(LATEST, "dataset", curated.dataset.id)
        work.watch.note(", ".join(f"{count:,} {split}" for split, count in curated.dataset.counts.items()))
    return curated.dataset


def tune(work: Work, dataset: Dataset | None = None) -> Adapter:
    """The adapter for a dataset, trained unless the same training was done before."""
    dataset = dataset or shelf.latest_dataset(work)
    privacy.check(work, "dataset", dataset.id)
    request = lessons.complete(work, dataset, shelf.tune_request(work, dataset))
    key = lessons.key(request, dataset, survey(work, dataset=dataset).suites if request.evals else ())
    known = work.store.memo.recall("tune", key)
    if known and work.store.artifacts.has("adapter", known):
        work.store.memo.remember(LATEST, "adapter", known)
        return shelf.adapter_of(work, known)
    check_power(work, dataset)
    with work.watch.step("tune"):
        folder = lessons.folder(work, key)
        folder.parent.mkdir(parents=True, exist_ok=True)
        adapter = tune_stage.tune(replace(request, out=str(folder)), on_point=_training_progress(work))
        work.store.artifacts.add_folder("adapter", adapter.id, folder)
        work.store.memo.remember("tune", key, adapter.id)
        work.store.memo.remember(LATEST, "adapter", adapter.id)
        for knob, reason in adapter.choices.items():
            work.watch.note(f"{knob}: {reason}")
    return adapter


def check_power(work: Work, dataset: Dataset) -> None:
    """Before training: can these suites show a gain, and that nothing broke? Raises UndecidedError when they cannot.

    `train_anyway = true` under [gate.options] only says so and goes on.
    """
    found = plan_stage.plan(_sound(survey(work, dataset=dataset)).suites, work.config.gate)
    weak = [finding for finding in found if finding.outcome == "unresolved"]
    if weak and not work.config.gate.options.get("train_anyway"):
        raise UndecidedError(
            f"nothing was trained, since the verdict would stay open: {weak[0].sentence}",
            where=weak[0].suite,
            next=f"{weak[0].next}, or set train_anyway = true under [gate.options]",
        )
    for finding in weak:
        work.watch.note(finding.sentence)


def evaluate(
    work: Work,
    dataset: Dataset | None = None,
    adapter: Adapter | None = None,
    only: Sequence[str] = (),
    select: str = "",
    otel: str = "",
) -> dict[str, Run]:
    """Runs of every arm (or of those named in `only`) on the eval suites, recalled where nothing changed.

    What the gate will judge is remembered as one `Evaluation`: a selection of cases never is, and a few arms only join
    the others when these were asked with the same dataset and adapter. With `otel` nothing is recalled but replies:
    every case goes to that file or address as a trace.
    """
    request = eval_request(work, dataset, adapter, only, select)
    chosen = request.arms
    with work.watch.step("evaluate"):
        keys = {arm.name: _run_key(work, arm, survey(work, select), dataset, request) for arm in chosen}
        recalled = {} if otel else {name: work.store.memo.recall("run", key) for name, key in keys.items()}
        idents = {name: known for name, known in recalled.items() if known}
        missing = tuple(arm for arm in chosen if arm.name not in idents)
        if missing:
            asked = replace(request, arms=missing, otel=otel)
            fresh = early.evaluate(work, asked, idents, adapter.id if adapter else "", evaluation_progress(work))
            for result in fresh:
                ident = idents[result.arm.name] = work.store.artifacts.put("run", result)
                if not (result.problems or result.stopped) and not any(item.error for item in result.results):
                    work.store.memo.remember("run", keys[result.arm.name], ident)
        evaluation = Evaluation(
            dataset=dataset.id if dataset else "",
            adapter=adapter.id if adapter else "",
            runs=tuple((arm.name, idents[arm.name]) for arm in chosen),
            controls=controls.measure(work, chosen, request, keys) if not select else (),
        )
        if not select:
            shelf.keep_evaluation(work, evaluation, whole=not only)
    return shelf.runs_of(work, evaluation)


def gate(work: Work) -> Verdict:
    """The verdict on the latest evaluation under the policy of trueup.toml; see `harness.gate.step`."""
    return verdicts.judge(work)


def report(work: Work, verdict: Verdict | None = None) -> list[Path]:
    """Write the report in each format of [report]; returns the files."""
    with work.watch.step("report"):
        return stories.write(work, verdict or shelf.latest_verdict(work))


def promote(work: Work, by: str = "") -> Promotion:
    """Move the alias to the adapter that was judged. Raises InvalidError unless the latest verdict is promote."""
    verdict = shelf.latest_verdict(work)
    privacy.check(work, "adapter", verdict.candidate)
    if verdict.outcome != "promote":
        raise InvalidError(
            f"the latest verdict is {verdict.outcome}: {verdict.sentence}", where=verdict.id[:12], next="trueup report"
        )
    work.store.artifacts.folder("adapter", verdict.candidate)  # verified: what was judged is what is promoted
    alias = work.config.promote.alias
    current = work.store.promotions.current(alias)
    expected = current.adapter if current else None
    if (expected or "") not in (verdict.champion, verdict.candidate):
        raise InvalidError(
            "another adapter was promoted since the verdict, which was not held against it",
            where=f"{alias}: {str(expected)[:12]}",
            next="trueup eval, then trueup gate",
        )
    return work.store.promotions.move(alias, verdict.candidate, verdict.id, by=by, expected=expected)


def rollback(work: Work, by: str = "") -> Promotion:
    """Move the alias back to what it was before."""
    return work.store.promotions.rollback(work.config.promote.alias, by=by)


# ---------------------------------------------------------------- keys and progress


def _curate_key(work: Work, options: curate_stage.CurateOptions, taught: Mapping[str, Message]) -> str:
    # The ledger is part of the key: a dataset made before something was held out must not be used after it.
    ledger = digest(work.store.ledger.splits())
    detectors = work.config.mine.detectors or names("detectors")
    # What the teacher said otherwise is accepted by these files, so another text of theirs may accept other rows.
    teacher = options.teacher
    accepting = [file_digest(Path(path)) for path in teaching.suites(work, teacher)] if teacher.backend else []
    parts = [work.store.traces.version(), detectors, work.config.mine.options, options, ledger, taught, accepting]
    return digest(["curate", *parts, mine_stage.VERSION, curate_stage.VERSION])


def survey(work: Work, select: str = "", dataset: Dataset | None = None) -> evaluate_stage.Survey:
    """What the eval files hold, read once a command; files that do not load are its problems.

    Without a dataset, mined suites are shown a stand-in with one empty case.
    """
    key = (select, dataset.id if dataset else "")
    if key not in work.surveys:
        request = _eval_request(work, dataset, (), select)
        if dataset is None:
            blank = work.store.artifacts.scratch("survey")
            for split in ("held_out", "regression"):
                write_lines(blank / f"{split}.jsonl", [Case(id="mined")])
            request = replace(request, datasets={work.config.project.name: str(blank)})
        work.surveys[key] = evaluate_stage.survey(request)
    return work.surveys[key]


def _sound(found: evaluate_stage.Survey) -> evaluate_stage.Survey:
    """Nothing is curated or trained beside eval files that cannot be read: what they hold could slip into training."""
    if found.problems:
        raise InvalidError(f"an eval file cannot be used: {found.problems[0]}", next="mend it, then run again")
    return found


def eval_request(
    work: Work, dataset: Dataset | None, adapter: Adapter | None, only: Sequence[str] = (), select: str = ""
) -> EvalRequest:
    """What the child process is asked: every arm, or those named in `only`. Raises UsageError for one that is not."""
    arms = shelf.arms(work, dataset, adapter)
    for name in only:
        if name not in arms:
            raise arm_choice.absent(work.config, name, arms)
    return _eval_request(work, dataset, [arm for name, arm in arms.items() if not only or name in only], select)


def _eval_request(work: Work, dataset: Dataset | None, chosen: Sequence[Arm], select: str) -> EvalRequest:
    settings = work.config.eval
    return EvalRequest(
        arms=tuple(chosen),
        paths=settings.paths,
        out=str(work.store.artifacts.scratch("evaluate")),
        datasets={work.config.project.name: str(work.store.artifacts.folder("dataset", dataset.id))} if dataset else {},
        replies=str(work.store.root / "replies"),
        select=select,
        batch_size=settings.batch_size,
        repeats=settings.repeats,
        pytest_args=settings.pytest_args,
        judges=arm_choice.judges(work.config),
    )


def _run_key(work: Work, arm: Arm, found: evaluate_stage.Survey, dataset: Dataset | None, request: EvalRequest) -> str:
    try:
        model = load("backends", arm.backend).digest(arm)
    except TrueupError:
        return ""  # a model that is not there: its run says so, case by case, and the other arms run
    suites = [*(suite.digest for suite in found.suites), *found.problems]
    asked = [suites, dataset.id if dataset else "", request.select, request.repeats]
    asked += [work.config.eval.early_stop] if work.config.eval.early_stop else []  # other parts are other batches
    scoring = source_digest("scorers", "evalrun", "judging", "suites.py", "rendering.py")
    return digest(["run", arm.name, model, arm.prompt, arm.options, asked, scoring])


def _training_progress(work: Work) -> Callable[[CurvePoint, int], None]:
    return lambda point, total: work.watch.progress(point.step, total, f"loss {point.loss:.3f}")


def evaluation_progress(work: Work) -> Callable[[dict[str, Any]], None]:
    def on_event(event: dict[str, Any]) -> None:
        if "done" in event:
            work.watch.progress(event["done"], event["total"], f"{event.get('arm', '')} {event.get('suite', '')}")

    return on_event
