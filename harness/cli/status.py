"""Gather what a project holds: counts, latest ids, promotions."""

import time
from typing import Any

from harness.project import LATEST, Project
from harness.promote import deploy


def status(project: Project) -> dict[str, Any]:
    """Counts, latest ids and promotions, for `trueup status`."""
    known = {what: project.recalled(LATEST, what, what) for what in ("dataset", "adapter", "verdict")}
    facts: dict[str, Any] = {"store": project.store.place, **{what: ident[:12] for what, ident in known.items()}}
    if known["verdict"]:
        verdict = project.latest_verdict()
        facts["outcome"] = verdict.outcome
        facts["why"] = verdict.sentence
        facts["judged"] = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(verdict.at_ns / 1e9))
    for alias in project.store.promotions.aliases():
        current = project.store.promotions.current(alias)
        facts[f"alias {alias}"] = project.served(current.adapter if current else "")
    if project.store.journal.read():
        facts["deployment"] = "one was interrupted: trueup deploy finishes or undoes it"
    for each in deploy.servings(project):
        facts[f"deploy {each.target}"] = f"{each.serves or 'nothing'} ({each.kind}): {each.state}"
    return {**facts, "records": project.store.traces.counts()}
