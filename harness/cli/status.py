"""TODO"""

import time
from typing import Any

from harness.project import LATEST, Work, latest_verdict


def status(work: Work) -> dict[str, Any]:
    """Counts, latest ids and promotions, for `trueup status`."""
    known = {what: work.store.memo.recall(LATEST, what) or "" for what in ("dataset", "adapter", "verdict")}
    facts: dict[str, Any] = {"store": str(work.store.root), **{what: ident[:12] for what, ident in known.items()}}
    if known["verdict"]:
        verdict = latest_verdict(work)
        facts["outcome"] = verdict.outcome
        facts["why"] = verdict.sentence
        facts["judged"] = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(verdict.at_ns / 1e9))
    for alias in work.store.promotions.aliases():
        current = work.store.promotions.current(alias)
        facts[f"alias {alias}"] = (current.adapter[:12] if current else "") or "the base model"
    return {**facts, "records": work.store.traces.counts()}
