"""Tune as a step: recall or train the adapter of the latest dataset, and store it."""

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from harness.core.adapters import HOSTED
from harness.core.plugins import load
from harness.errors import UndecidedError
from harness.evaluate.arms import tuned_section
from harness.evaluate.step import sound, survey
from harness.gate import power
from harness.project import ANYWAY, Project
from harness.sections import Config
from harness.tune import request as tune_request
from harness.tune import stage as tune_stage
from harness.types import Adapter, CurvePoint, Dataset, Finding, Suite, TuneRequest


class UnderpoweredError(UndecidedError):
    """The suites could not show a gain, or that nothing broke: told before anything is trained."""

    def __init__(self, findings: Sequence[Finding], suites: Sequence[Suite]) -> None:
        """`findings`: the plan's, of the suites that cannot be decided."""
        self.findings, self.suites = tuple(findings), tuple(suites)
        super().__init__(
            f"nothing was trained, since the verdict would stay open: {findings[0].sentence}",
            where=findings[0].suite,
            next=f"{findings[0].next}, or trueup run --train-anyway",
        )


def tune(project: Project, dataset: Dataset | None = None, anyway: bool = False, among: int = 1) -> Adapter:
    """The adapter for a dataset, trained unless the same training was done before. `anyway`, `among`: see `check_power`."""
    dataset = dataset or project.latest_dataset()
    project.check_not_forgotten("dataset", dataset.id)
    request, key = _asked(project, dataset)
    known = project.recall("tune", key, "adapter")
    if known:
        return project.adapter(known)
    check_model(request)
    check_arm(project.config)
    against = check_power(project, dataset, anyway, among)
    with project.progress.step("tune"):
        folder = tune_request.folder(project, key)
        folder.parent.mkdir(parents=True, exist_ok=True)
        adapter = tune_stage.tune(
            replace(request, out=str(folder)), on_point=_training_progress(project), engine=project.config.engine
        )
        project.store.artifacts.add_folder("adapter", adapter.id, folder)
        if against:
            project.store.memo.remember(ANYWAY, adapter.id, adapter.id)
        project.remember("tune", key, "adapter", adapter.id)
        for knob, reason in adapter.choices.items():
            project.progress.note(f"{knob}: {reason}")
    return adapter


def known(project: Project, dataset: Dataset) -> str:
    """Content id of the adapter that was trained on it by this recipe; empty when it has to be trained."""
    return project.recalled("tune", _asked(project, dataset)[1], "adapter")


def _asked(project: Project, dataset: Dataset) -> tuple[TuneRequest, str]:
    """What is to be trained, and the key of what it reads."""
    request = tune_request.complete(project, dataset, tune_request.tune_request(project, dataset))
    suites = survey(project, dataset=dataset).suites if request.evals else ()
    return request, tune_request.reads_of(request, dataset, suites).key


def check_base(project: Project) -> None:
    """Before anything is read: is the model there that is to be trained? Raises InputError when it is not."""
    from harness.evaluate.inference.model_files import configuration

    section = tuned_section(project.config)
    trained_here = project.config.tune.method != HOSTED
    if trained_here and (section.backend or project.config.model.backend) == "hf":
        configuration(section.model or project.config.model.base)


def check_model(request: TuneRequest) -> None:
    """Before any cost: does the base go the whole way? Raises InputError when it does not."""
    if request.recipe.method != HOSTED:  # whose base is a provider's name
        from harness.evaluate.inference.acceptance import accept_whole

        accept_whole(request.base, request.template_options)


def check_arm(config: Config) -> None:
    """Before any cost: can the tuned arm's backend take what the recipe makes? Raises UsageError when it cannot."""
    backend = load("backends", tuned_section(config).backend or config.model.backend)
    if hasattr(backend, "check_recipe"):
        backend.check_recipe(config.tune)


def check_power(project: Project, dataset: Dataset, anyway: bool = False, among: int = 1) -> bool:
    """Before training: can these suites show a gain, and that nothing broke? Raises UnderpoweredError when they cannot.

    `anyway`, or `train_anyway = true` under [gate.options], only says so and goes on. `among`: how many
    candidates will be asked the suites, each with an equal part of the error. Returns whether they cannot.
    """
    held = sound(survey(project, dataset=dataset))
    looks = {name: project.store.ledger.looks.next_number(asked) for name, asked in held.asked.items()}
    policy = project.config.gate
    findings = power.plan(held.suites, replace(policy, alpha=policy.alpha / among), looks)
    weak = [finding for finding in findings if finding.outcome == "unresolved"]
    if weak and not (anyway or project.config.gate.options.get("train_anyway")):
        raise UnderpoweredError(weak, held.suites)
    for finding in weak:
        project.progress.note(finding.sentence)
    return bool(weak)


def _training_progress(project: Project) -> Callable[[CurvePoint, int], None]:
    paid = project.purse.meter()

    def on_point(point: CurvePoint, total: int) -> None:
        paid()
        project.progress.update(point.step, total, f"loss {point.loss:.3f}")

    return on_point
