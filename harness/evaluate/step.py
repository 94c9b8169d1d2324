"""Evaluate as a step: recall or make one run an arm, and store it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from harness.core import adapters, dataset_files
from harness.core.codec import digest, write_lines
from harness.core.digests import model_digests
from harness.errors import InvalidError, UsageError
from harness.evaluate import aa_control
from harness.evaluate import arms as evaluate_arms
from harness.evaluate import stage as evaluate_stage
from harness.evaluate.prompting import step as prompting
from harness.evaluate.runner.survey import Survey
from harness.project import EvaluationRuns, Project
from harness.sections import Config, EvalSection
from harness.types import Adapter, Application, Arm, Case, Dataset, EvalRequest, Run

OnEvent = Callable[[dict[str, Any]], None]
Ask = Callable[[Project, EvalRequest, str, OnEvent], tuple[Run, ...]]
"""How the arms are asked: project, request, content id of the adapter, progress."""


def arms(project: Project, dataset: Dataset | None, adapter: Adapter | None) -> dict[str, Arm]:
    """The arms that can be asked now; see `harness.evaluate.arms`."""
    folders = {}
    if adapter:
        folders[evaluate_arms.TUNED] = str(project.store.artifacts.folder("adapter", adapter.id))
    promoted = project.store.promotions.current(project.config.promote.alias)
    served = promoted.adapter if promoted else ""
    champion = project.served_arm(served)
    if served and not champion:
        if not project.store.artifacts.has("adapter", served):
            alias = project.config.promote.alias
            raise InvalidError("what was promoted is gone", where=f"alias {alias}", next="trueup promote --undo")
        folders[evaluate_arms.CHAMPION] = str(project.store.artifacts.folder("adapter", served))
    prompts = prompting.known(project, dataset)
    found = evaluate_arms.resolve(project.config, dataset.prompts if dataset else (), folders, champion, prompts)
    found = {name: _on_its_base(project.config, arm) for name, arm in found.items()}
    train = dataset_files.read_split(project.store.artifacts.folder("dataset", dataset.id), "train") if dataset else ()
    fixed = evaluate_arms.fixed(train)
    return {**found, fixed.name: found.get(fixed.name, fixed)}


def _on_its_base(config: Config, arm: Arm) -> Arm:
    """An arm whose adapter was trained on the base of one of [candidates.*], asked over that base."""
    models = [spec.model for spec in config.candidates.values() if spec.model]
    if not (models and arm.adapter and arm.name in (evaluate_arms.TUNED, evaluate_arms.CHAMPION)):
        return arm
    trained_on = adapters.read_manifest(arm.adapter).base
    known = (model for model in (arm.model, *models) if Path(model).is_dir())
    return replace(arm, model=next((model for model in known if model_digests(model).weights == trained_on), arm.model))


def evaluate(
    project: Project,
    dataset: Dataset | None = None,
    adapter: Adapter | None = None,
    only: Sequence[str] = (),
    select: str = "",
    otel: str = "",
    ask: Ask | None = None,
    judged: Application | None = None,
) -> dict[str, Run]:
    """Runs of every arm (or of those named in `only`) on the eval suites: one measurement.

    Replies are recalled, scores never: all arms are scored and all judges tried in one process, so nothing but the model can
    differ between them. A run that found what an earlier one found is stored once.

    What the gate will judge is remembered as one `EvaluationRuns`: a selection of cases never is, and a few arms only join
    the others when these were asked with the same dataset and adapter. With `otel` every case goes to that file or address
    as a trace. `ask` may end an evaluation early; see `harness.gate.early_stop`. `judged` takes the place of [eval] app.
    """
    prompting.search(project, dataset, only)
    request = replace(eval_request(project, dataset, adapter, only, select), otel=otel)
    request = replace(request, application=judged or request.application)
    with project.store.writing(), project.progress.step("evaluate"):
        on_event = evaluation_progress(project)
        if ask:
            runs = ask(project, request, adapter.id if adapter else "", on_event)
        else:
            runs = evaluate_stage.evaluate(
                request, on_event=on_event, purse=project.purse, engine=project.config.engine
            )
        idents = tuple((run.arm.name, keep(project, run)) for run in runs)
        evaluation = EvaluationRuns(
            dataset=dataset.id if dataset else "",
            adapter=adapter.id if adapter else "",
            runs=idents,
            controls=tuple(keep(project, run) for run in aa_control.measure(project, request)) if not select else (),
        )
        if not select:
            project.keep_evaluation(evaluation, whole=not only)
    return project.runs(evaluation)


def has_evals(project: Project) -> bool:
    """False in a project that only makes data: `[eval] paths` is the default, and that folder is not there.

    A path that trueup.toml names and that is missing is an error all the same: its cases could slip into training.
    """
    config = project.config
    default = [config.path(path) for path in EvalSection().paths]
    return [config.path(path) for path in config.eval.paths] != default or any(Path(path).exists() for path in default)


def survey(project: Project, select: str = "", dataset: Dataset | None = None) -> Survey:
    """What the eval files hold, read once a command; files that do not load are its problems.

    Without a dataset, mined suites are shown a stand-in with one empty case.
    """
    key = (select, dataset.id if dataset else "")
    known = project.surveys.get(key)
    if not isinstance(known, Survey):
        request = _eval_request(project, dataset, (), select)
        if dataset is None:
            blank = project.store.artifacts.scratch("survey")
            for split in dataset_files.EVALUATED:
                write_lines(blank / f"{split}.jsonl", [Case(id="mined")])
            request = replace(request, datasets={project.config.project.name: str(blank)})
        project.surveys[key] = known = evaluate_stage.survey(request)
    return known


def sound(found: Survey) -> Survey:
    """Nothing is curated or trained beside eval files that cannot be read: what they hold could slip into training."""
    if found.problems:
        raise InvalidError(f"an eval file cannot be used: {found.problems[0]}", next="fix it, then run again")
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
    if not has_evals(project):
        raise UsageError(
            "there are no eval files, so nothing says what a good answer is",
            where=settings.paths[0],
            next="trueup init --from-traces, which writes them from the stored calls",
        )
    return EvalRequest(
        arms=tuple(chosen),
        paths=settings.paths,
        out=str(project.store.artifacts.scratch("evaluate")),
        datasets={project.config.project.name: str(project.store.artifacts.folder("dataset", dataset.id))}
        if dataset
        else {},
        replies=str(project.store.root / "replies"),
        root=str(project.config.root),
        select=select,
        batch_size=settings.batch_size,
        repeats=settings.repeats,
        pytest_args=settings.pytest_args,
        judges=evaluate_arms.judges(project.config),
        application=application(project.config),
    )


def application(config: Config, command: str = "", seconds: float = 0.0) -> Application | None:
    """The application that is judged: `command`, else that of [eval]; None: the arm itself."""
    command, seconds = command or config.eval.app, seconds or config.eval.app_seconds
    return Application(command=command, folder=config.root, seconds=seconds) if command else None


def keep(project: Project, run: Run) -> str:
    """Store a run; its content id. What took how long, and what came from the cache, makes no other run of it."""
    results = tuple(
        replace(
            result, seconds=0.0, replies=tuple(replace(reply, seconds=0.0, cached=False) for reply in result.replies)
        )
        for result in run.results
    )
    found = replace(run, started_ns=0, seconds=0.0, generated=0, judged=(), results=results, environment={})
    key = digest(found)
    known = project.recalled("run", key, "run")
    if known:
        return known
    ident = project.store.artifacts.put("run", run)
    project.store.memo.remember("run", key, ident)
    return ident


def evaluation_progress(project: Project) -> OnEvent:
    """Shows what a child process tells: what is loading, what is asked, how many cases are done."""

    def on_event(event: dict[str, Any]) -> None:
        if event["event"] == "opening":
            project.progress.note(f"loading {event['model'] or event['arm']} ({event['backend']})")
        elif event["event"] == "start":
            project.progress.note(f"{event['arm']}: {event['total']:,} cases")
        elif event["event"] == "case":
            project.progress.update(event["done"], event["total"], event["arm"])

    return on_event
