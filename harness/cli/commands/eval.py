"""Run the eval suites: `trueup eval`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.commands._command import command
from harness.cli.commands._means import problems_of, show

if TYPE_CHECKING:
    from harness.evaluate.runner.survey import Survey
    from harness.project import Project


@command(changes=False)
@click.argument("select", default="")
@click.option("-k", "--only", default="", metavar="WORDS", help="The same as SELECT.")
@click.option("--model", "models", multiple=True, help="Arm to ask; may be given more than once. Default: all.")
@click.option("--dry-run", is_flag=True, help="List the cases and ask no model.")
@click.option("--shard", default="", metavar="1/4", help="Only this part of the cases; see --merge.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the shard's runs. Default: shard-1-of-4.")
@click.option(
    "--merge",
    "folders",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Join the shard in this folder with the others.",
)
@click.option("--otel", default="", metavar="FILE|URL", help="Write every case as a trace: to a file, or by OTLP.")
@click.option("--app", default="", metavar="COMMAND", help="Judge the answers of this program, which asks the arm.")
@click.option(
    "--app-timeout", type=float, default=0.0, metavar="SECONDS", help="Time for each of its steps. Default: 300."
)
def eval_(
    project: "Project",
    select: str,
    only: str,
    models: tuple[str, ...],
    dry_run: bool,
    shard: str,
    out: Path | None,
    folders: tuple[Path, ...],
    otel: str,
    app: str,
    app_timeout: float,
    as_json: bool,
) -> dict[str, Any]:
    """Run the eval suites and record what each arm said.

    SELECT narrows them as pytest's -k does: by file, suite, case, tag or owner. Every run is kept: trueup runs lists them, trueup
    show CASE prints what was said. The gate judges the latest evaluation of all cases. Ends with 4 where a case is an error.

    With --app the program's answers are judged: it reads a case on standard input, asks the arm by OPENAI_BASE_URL, and writes its
    answer.

    \b
    Example: trueup eval refunds --model tuned
             trueup eval --app "python app.py"
             trueup eval --merge shard-1-of-2 --merge shard-2-of-2
    """
    from harness.evaluate import shards, step
    from harness.gate import early_stop

    if select and only:
        raise click.UsageError("give SELECT or --only, not both")
    select = select or only
    if folders:
        if select or models or shard or dry_run or otel:
            raise click.UsageError("--merge takes no other selection: the shards record what they ran")
        with project.store.lock():
            return show(shards.merge(project, folders), as_json, kept=True)
    dataset, adapter = project.latest_or_none()
    if dry_run:
        return _list(step.survey(project, select, dataset), as_json)
    if out and not shard:
        raise click.UsageError("--out is for the runs of a --shard")
    judged = step.application(project.config, app, app_timeout)
    if shard:
        folder = out or Path(f"shard-{shard.replace('/', '-of-')}")
        return show(shards.evaluate(project, dataset, adapter, shard, folder, models, select, otel, judged), as_json)
    runs = step.evaluate(project, dataset, adapter, models, select, otel, ask=early_stop.evaluate, judged=judged)
    return show(runs, as_json, kept=True)


def _list(survey: "Survey", as_json: bool) -> dict[str, Any]:
    from harness.cli import console

    if not as_json:
        for suite in survey.suites:
            ids = survey.cases.get(suite.name, ())
            times = f" x {suite.repeats}" if suite.repeats > 1 else ""
            owner = f", {suite.owner}" if suite.owner else ""
            console.say(f"{suite.name} ({suite.role.__struct_config__.tag}{owner}): {len(ids):,} cases{times}")
            for ident in ids:
                console.say(f"  {ident}")
        for problem in (*survey.problems, *survey.mistakes):
            console.say(problem)
    return {"cases": survey.cases, **problems_of([*survey.problems, *survey.mistakes])}
