"""Evaluate as a step: recall or make one run an arm, and store it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from harness.core import dataset_files, reads
from harness.core.codec import digest, write_lines
from harness.core.plugins import load
from harness.core.reads import Reads
from harness.errors import InvalidError, TrueupError
from harness.evaluate import aa_control
from harness.evaluate import arms as evaluate_arms
from harness.evaluate import stage as evaluate_stage
from harness.project import EvaluationRuns, Project
from harness.types import Adapter, Arm, Case, Dataset, EvalRequest, Run

OnEvent = Callable[[dict[str, Any]], None]
Ask = Callable[[Project, EvalRequest, Mapping[str, str], str, OnEvent], tuple[Run, ...]]
"""How the arms are asked: project, request, content ids of the runs that are known, content id of the adapter, progress."""


def arms(project: Project, dataset: Dataset | None, adapter: Adapter | None) -> dict[str, Arm]:
    """The arms that can be asked now; see `harness.evaluate.arms`."""
    folders = {}
    if adapter:
        folders[evaluate_arms.TUNED] = str(project.store.artifacts.folder("adapter", adapter.id))
    champion = project.store.promotions.current(project.config.promote.alias)
    if champion and champion.adapter:
        if not project.store.artifacts.has("adapter", champion.adapter):
            alias = project.config.promote.alias
            raise InvalidError("the promoted adapter is gone", where=f"alias {alias}", next="trueup rollback")
        folders[evaluate_arms.CHAMPION] = str(project.store.artifacts.folder("adapter", champion.adapter))
    found = evaluate_arms.resolve(project.config, dataset.prompts if dataset else (), folders)
    if dataset and evaluate_arms.CONSTANT not in found:
        train = dataset_files.read_split(project.store.artifacts.folder("dataset", dataset.id), "train")
        floor = evaluate_arms.constant(train)
        if floor:
            found[evaluate_arms.CONSTANT] = floor
    return found


def evaluate(
    project: Project,
    dataset: Dataset | None = None,
    adapter: Adapter | None = None,
    only: Sequence[str] = (),
    select: str = "",
    otel: str = "",
    ask: Ask | None = None,
) -> dict[str, Run]:
    """Runs of every arm (or of those named in `only`) on the eval suites, recalled where nothing changed.

    What the gate will judge is remembered as one `Evaluation`: a selection of cases never is, and a few arms only join
    the others when these were asked with the same dataset and adapter. With `otel` nothing is recalled but replies:
    every case goes to that file or address as a trace. `ask` may end an evaluation early; see `harness.gate.early_stop`.
    """
    request = eval_request(project, dataset, adapter, only, select)
    chosen = request.arms
    with project.progress.step("evaluate"):
        keys = {arm.name: _run_key(project, arm, survey(project, select), dataset, request) for arm in chosen}
        recalled = {} if otel else {name: project.recalled("run", key, "run") for name, key in keys.items()}
        idents = {name: known for name, known in recalled.items() if known}
        missing = tuple(arm for arm in chosen if arm.name not in idents)
        if missing:
            asked = replace(request, arms=missing, otel=otel)
            on_event = evaluation_progress(project)
            if ask:
                fresh = ask(project, asked, idents, adapter.id if adapter else "", on_event)
            else:
                fresh = evaluate_stage.evaluate(asked, on_event=on_event)
            for result in fresh:
                ident = idents[result.arm.name] = project.store.artifacts.put("run", result)
                if not (result.problems or result.stopped) and not any(item.error for item in result.results):
                    project.store.memo.remember("run", keys[result.arm.name], ident)
        evaluation = EvaluationRuns(
            dataset=dataset.id if dataset else "",
            adapter=adapter.id if adapter else "",
            runs=tuple((arm.name, idents[arm.name]) for arm in chosen),
            controls=aa_control.measure(project, chosen, request, keys) if not select else (),
        )
        if not select:
            project.keep_evaluation(evaluation, whole=not only)
    return project.runs(evaluation)


def survey(project: Project, select: str = "", dataset: Dataset | None = None) -> evaluate_stage.Survey:
    """What the eval files hold, read once a command; files that do not load are its problems.

    Without a dataset, mined suites are shown a stand-in with one empty case.
    """
    key = (select, dataset.id if dataset else "")
    if key not in project.surveys:
        request = _eval_request(project, dataset, (), select)
        if dataset is None:
            blank = project.store.artifacts.scratch("survey")
            for split in ("held_out", "regression"):
                write_lines(blank / f"{split}.jsonl", [Case(id="mined")])
            request = replace(request, datasets={project.config.project.name: str(blank)})
        project.surveys[key] = evaluate_stage.survey(request)
    return project.surveys[key]


def sound(found: evaluate_stage.Survey) -> evaluate_stage.Survey:
    """Nothing is curated or trained beside eval files that cannot be read: what they hold could slip into training."""
    if found.problems:
        raise InvalidError(f"an eval file cannot be used: {found.problems[0]}", next="mend it, then run again")
    return found


def eval_request(
    project: Project, dataset: Dataset | None, adapter: Adapter | None, only: Sequence[str] = (), select: str = ""
) -> EvalRequest:
    """What the child process is asked: every arm, or those named in `only`. Raises UsageError for one that is not."""
    known = arms(project, dataset, adapter)
    for name in only:
        if name not in known:
            raise evaluate_arms.absent(project.config, name, known)
    return _eval_request(project, dataset, [arm for name, arm in known.items() if not only or name in only], select)


def _eval_request(project: Project, dataset: Dataset | None, chosen: Sequence[Arm], select: str) -> EvalRequest:
    settings = project.config.eval
    return EvalRequest(
        arms=tuple(chosen),
        paths=settings.paths,
        out=str(project.store.artifacts.scratch("evaluate")),
        datasets={project.config.project.name: str(project.store.artifacts.folder("dataset", dataset.id))}
        if dataset
        else {},
        replies=str(project.store.root / "replies"),
        select=select,
        batch_size=settings.batch_size,
        repeats=settings.repeats,
        pytest_args=settings.pytest_args,
        judges=evaluate_arms.judges(project.config),
    )


def _run_key(
    project: Project, arm: Arm, found: evaluate_stage.Survey, dataset: Dataset | None, request: EvalRequest
) -> str:
    """What the judges are asked and by which model is among the digests of the suites."""
    try:
        model = load("backends", arm.backend).digest(arm)
    except TrueupError:
        return ""  # a model that is not there: its run says so, case by case, and the other arms run
    table = evaluate_arms.read_options(arm)
    settings = project.config.eval
    return Reads(
        step="evaluate",
        code=reads.code("harness.evaluate.stage", "harness.evaluate.runner.worker", "trueup.pytest_plugin"),
        options={
            "arm": [arm.name, arm.prompt, table.knobs],
            "select": request.select,
            "repeats": request.repeats,
            "parts": settings.early_stop,  # other parts are other batches
            "pytest_args": settings.pytest_args,
        },
        files=reads.contents(table.files),
        plugins=reads.plugin_code("scorers")
        | reads.plugin_code("redactors")  # `score.safety` asks them
        | reads.plugin_code("backends", [arm.backend, *(judge.backend for judge in request.judges)]),
        nouns={
            "model": model,
            "dataset": dataset.id if dataset else "",
            "suites": digest([*(suite.digest for suite in found.suites), *found.problems]),
        },
    ).key


def evaluation_progress(project: Project) -> Callable[[dict[str, Any]], None]:
    def on_event(event: dict[str, Any]) -> None:
        if "done" in event:
            project.progress.update(event["done"], event["total"], f"{event.get('arm', '')} {event.get('suite', '')}")

    return on_event
