"""Evaluate as a step: suites and arms in, one run an arm stored."""

from collections.abc import Callable, Sequence
from typing import Any

from msgspec.structs import replace

from harness import project as shelf
from harness.core import dataset_files
from harness.core.codec import digest, write_lines
from harness.core.digests import source_digest
from harness.core.plugins import load
from harness.errors import InvalidError, TrueupError
from harness.evaluate import aa_control as controls
from harness.evaluate import arms as arm_choice
from harness.evaluate import stage as evaluate_stage
from harness.evaluate import step as evaluate_step
from harness.gate import early_stop as early
from harness.project import Evaluation, Work
from harness.types import Adapter, Arm, Case, Dataset, EvalRequest, Run


def arms(work: Work, dataset: Dataset | None, adapter: Adapter | None) -> dict[str, Arm]:
    """The arms that can be asked now; see `harness.evaluate.arms`."""
    folders = {}
    if adapter:
        folders[arm_choice.TUNED] = str(work.store.artifacts.folder("adapter", adapter.id))
    champion = work.store.promotions.current(work.config.promote.alias)
    if champion and champion.adapter:
        folders[arm_choice.CHAMPION] = str(work.store.artifacts.folder("adapter", champion.adapter))
    found = arm_choice.resolve(work.config, dataset.prompts if dataset else (), folders)
    if dataset and arm_choice.CONSTANT not in found:
        train = dataset_files.read_split(work.store.artifacts.folder("dataset", dataset.id), "train")
        floor = arm_choice.constant(train)
        if floor:
            found[arm_choice.CONSTANT] = floor
    return found


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
    arms = evaluate_step.arms(work, dataset, adapter)
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


def evaluation_progress(work: Work) -> Callable[[dict[str, Any]], None]:
    def on_event(event: dict[str, Any]) -> None:
        if "done" in event:
            work.watch.progress(event["done"], event["total"], f"{event.get('arm', '')} {event.get('suite', '')}")

    return on_event
