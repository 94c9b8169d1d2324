"""List flaky cases and quarantine them: `trueup quarantine`."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cli.commands._command import command

if TYPE_CHECKING:
    from harness.project import Project


@command()
def quarantine(project: "Project", as_json: bool) -> dict[str, Any]:
    """Name the flaky cases, for later judgements to leave out.

    Those are the cases whose repeats disagree; writes quarantine.jsonl.

    \b
    Example: trueup quarantine
    """
    from harness.cli import console
    from harness.gate import candidate, flaky

    evaluation = project.latest_evaluation()
    today = time.strftime("%Y-%m-%d", time.gmtime())
    runs = project.runs(evaluation)
    candidate.check_runs(project.config, runs, project.config.gate)
    asked = {name: candidate.identity(runs, name, evaluation.adapter) for name in runs}
    own = asked.pop(project.config.gate.candidate)
    fresh = flaky.measure(runs.values(), own, today, tuple(sorted(set(asked.values()))))
    file = Path(project.config.root) / flaky.FILE
    entries = flaky.write(file, fresh)
    if not as_json:
        rows = [(one.suite, one.case_id, one.flips, one.trials, one.expires) for one in fresh]
        console.table(("suite", "case", "flips", "repeats", "until"), rows)
        console.say(f"{len(fresh)} flaky cases found, {len(entries)} in {file}; they still count for this candidate")
    return {"found": fresh, "file": str(file)}
