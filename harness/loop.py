"""Walk the loop: ingest, mine, curate, tune, evaluate, compare, gate, report, promote.

Where the candidate is not the fine-tune but another prompt, model or endpoint, nothing has to be trained, and the walk begins
with evaluate.

Each verb reads what the verbs before it left in the store and leaves its own result there, so each is also a command,
and a killed run goes on where it was. A step whose inputs did not change is recalled, not repeated: see
`harness.core.reads`. Mining is the first thing that `curate` asks for, comparing the first thing that `gate` does.
"""

from harness import cost, planning
from harness.core import crew
from harness.curate import step as curate_step
from harness.curate.step import curate
from harness.errors import UsageError
from harness.evaluate import arms
from harness.evaluate.prompting import step as prompting
from harness.evaluate.step import evaluate
from harness.gate import candidate, early_stop
from harness.gate import options as gate_options
from harness.gate.step import gate
from harness.ingest.containers.sources import NothingToReadError
from harness.ingest.settings import format_options
from harness.ingest.step import ingest
from harness.mine import step as mine_step
from harness.notify import step as notify
from harness.notify import track
from harness.project import Project
from harness.promote import deploy
from harness.promote.step import promote
from harness.report import check as check_formats
from harness.report import report
from harness.sections import Config
from harness.tune import candidates, rounds, tournament
from harness.tune import step as tune_step
from harness.tune.step import tune
from harness.types import Adapter, Dataset, Verdict


def check(config: Config) -> None:
    """Read every table of options as its step will. Raises UsageError on an option that nothing knows."""
    format_options(config)
    mine_step.options_of(config)
    curate_step.options_of(config)
    arms.check_options(config)
    prompting.check(config)
    gate_options.check(config.gate)
    notify.check(config)
    deploy.check(config)
    track.check(config)
    cost.check(config)
    candidates.configs(config)
    crew.check(config.engine)
    check_formats(config)


def run(project: Project, anyway: bool = False) -> Verdict:
    """Walk the whole loop once. `anyway`: train though the suites could not decide.

    Raises UndecidedError before training when there is too little to learn from or to judge by; a page then says what is
    missing, see `harness.planning`.
    """
    check(project.config)
    candidate.check(project.config, project.config.gate)
    if not candidate.is_tuned(project.config, project.config.gate):
        return judge(project, *project.latest_or_none())
    for each in candidates.projects(project):
        tune_step.check_base(each)
    _ingest(project)
    with planning.paged(project):
        dataset = curate(project)
        if project.config.candidates:
            project, dataset, adapter = tournament.tune(project, dataset, anyway)
        else:
            adapter = tune(project, dataset, anyway)
    return judge(project, dataset, adapter)


def run_in_rounds(project: Project, count: int, suite: str = "") -> Verdict:
    """Walk the loop with up to `count` trainings; `suite` says what still fails, see `harness.tune.rounds`.

    Raises UsageError where the candidate is an arm that is not trained."""
    check(project.config)
    candidate.check(project.config, project.config.gate)
    if not candidate.is_tuned(project.config, project.config.gate):
        raise UsageError(
            f"the candidate {project.config.gate.candidate!r} is not trained, so there are no rounds",
            next="trueup run without --iterations",
        )
    if project.config.candidates:
        raise UsageError("a tournament has no rounds", where="[candidates]", next="trueup run without --iterations")
    tune_step.check_base(project)
    _ingest(project)
    with planning.paged(project):
        dataset, adapter = rounds.tune(project, curate(project), count, suite)
    return judge(project, dataset, adapter)


def _ingest(project: Project) -> None:
    """Read what is new. Where no export is there, the calls that were ingested by hand are what there is."""
    try:
        ingest(project)
    except NothingToReadError:
        if not project.store.traces.counts()["calls"]:
            raise
        project.progress.note("no new exports; going on with the calls that are stored")


def judge(project: Project, dataset: Dataset | None, adapter: Adapter | None) -> Verdict:
    """Evaluate, gate and report; promote where [promote] auto says so."""
    evaluate(project, dataset, adapter, ask=early_stop.evaluate)
    verdict = gate(project)
    report(project, verdict)
    planning.clear(project)
    if verdict.outcome == "promote" and project.config.promote.auto:
        promote(project)
    return verdict
