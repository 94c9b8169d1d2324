"""Fill a tuning request with what a recipe learns from beside its rows: a suite's scores, a teacher, a provider's key.

The recipe's options name them (`suite`, `teacher`, `url`, `key_env`); here the names become plain values of the request,
and digests that say when the same training has to be done again.
"""

from collections.abc import Sequence
from pathlib import Path

from msgspec import to_builtins
from msgspec.structs import replace

from harness import config
from harness.core import dataset_files
from harness.core.codec import digest
from harness.core.dataset_files import EVALUATED
from harness.core.digests import model_digests
from harness.core.plugins import load, names
from harness.core.reads import Reads, plugin_code
from harness.core.worker import endpoint_key
from harness.errors import InvalidError, UsageError
from harness.evaluate import arms as evaluate_arms
from harness.evaluate import step as evaluate_step
from harness.project import Project
from harness.types import (
    Arm,
    Dataset,
    Suite,
    TuneRequest,
)


def complete(project: Project, dataset: Dataset, request: TuneRequest) -> TuneRequest:
    """The request with the eval files, the teacher and the names of the keys that its options ask for.

    Raises UsageError when the teacher is no arm of trueup.toml.
    """
    options = request.recipe.options
    teacher = _teacher(project, dataset, str(options["teacher"])) if options.get("teacher") else None
    keys = {endpoint_key(given) for given in (options, teacher.options if teacher else {})} - {""}
    return replace(
        request,
        evals=project.config.eval.paths if "suite" in options else (),
        pytest_args=project.config.eval.pytest_args if "suite" in options else (),
        teacher=teacher,
        secrets=tuple(sorted(keys)),
    )


def latest(project: Project) -> TuneRequest:
    """The complete request for the latest dataset."""
    dataset = project.latest_dataset()
    return complete(project, dataset, tune_request(project, dataset))


def unpaid(project: Project, what: str) -> TuneRequest:
    """As `latest`, for trainings that nobody keeps: `what` they are. Raises UsageError when an endpoint would be asked."""
    request = latest(project)
    if request.secrets:
        raise UsageError(
            f"method {request.recipe.method!r} asks an endpoint, which would be asked, and paid, for {what}",
            where="[tune]",
            next='set method = "sft" for it',
        )
    return request


def reads_of(request: TuneRequest, dataset: Dataset, suites: Sequence[Suite]) -> Reads:
    """What the training reads. `suites`: those that there are, where one scores.

    Other code of the trainer trains anew, except where an endpoint would be paid a second time.
    """
    recipe = request.recipe
    kinds = [recipe.adapter] if recipe.adapter in names("adapters") else []
    code = {} if request.secrets else plugin_code("trainers", [recipe.method]) | plugin_code("adapters", kinds)
    return Reads(
        step="tune",
        code="",
        options=to_builtins([recipe, request.prompt, *filter(None, [request.template_options])]),
        plugins=code,
        nouns={"dataset": dataset.id, **_bound_to(request, suites)},
    )


def folder(project: Project, key: str) -> Path:
    """Where a training works. The name holds its key, not the process: a killed one is found again and resumed."""
    return project.store.root / "work" / f"tune-{key[:16]}" / "adapter"


def _teacher(project: Project, dataset: Dataset, name: str) -> Arm:
    known = evaluate_step.arms(project, dataset, None)
    if name not in known:
        raise UsageError(
            f"the teacher {name!r} is no arm that can answer now",
            where="[tune.options] teacher",
            next=f"known: {', '.join(known)}; or add [arms.{name}]",
        )
    return known[name]


def _bound_to(request: TuneRequest, suites: Sequence[Suite]) -> dict[str, str]:
    """Digests of what the training reads beside its rows: the base, the suite that scores, the teacher."""
    bound = {"base": digest(model_digests(request.base)) if Path(request.base).is_dir() else request.base}
    if name := request.recipe.options.get("suite"):
        bound["suite"] = digest([suite.digest for suite in suites if suite.name.endswith(str(name))])
    if request.teacher is not None:
        arm = request.teacher
        bound["teacher"] = digest([load("backends", arm.backend).digest(arm), arm.prompt])
    return bound


def tune_request(project: Project, dataset: Dataset) -> TuneRequest:
    """What the trainer is asked: plain values, without the output folder."""
    section = evaluate_arms.tuned_section(project.config)
    words = config.prompt(project.config, section.prompt, dataset.prompts)
    evaluate_arms.check_trainable(project.config, section.prompt, words)
    if words is None:
        raise InvalidError(
            "the tuned arm's prompt is to come from traces, and these have none", next="set [arms.tuned]"
        )
    folder = project.store.artifacts.folder("dataset", dataset.id)
    held = [case for split in EVALUATED for case in dataset_files.read_split(folder, split)]
    ever = {key.removeprefix("call:") for key, split in project.store.ledger.splits().items() if split in EVALUATED}
    return TuneRequest(
        base=section.model or project.config.model.base,
        dataset=str(folder),
        prompt=words,
        recipe=project.config.tune,
        out="",
        template_options=evaluate_arms.template_options(project.config, section),
        held_out_ids=tuple(sorted(ever | {case.id for case in held} | {case.call_id for case in held if case.call_id})),
    )
