"""Curate the dataset: `trueup curate`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from harness.cli.commands._command import command

if TYPE_CHECKING:
    from harness.project import Project
    from harness.types import Dataset, Neighbour

SPLITS = {
    "train": "what the adapter learns",
    "held_out": "failures it never sees: can show a fix",
    "regression": "passes today: can show a break",
    "production": "random sample of calls: shows the effect on traffic",
    "replay": "general rows, mixed into training",
}
MENDS = {
    "no_target": "trueup review",
    "user_cap": "[curate] user_share_cap",
    "session_cap": "[curate] session_share_cap",
    "group_cap": "[curate] group_share_cap",
    "cluster_cap": "[curate] cluster_share_cap",
    "day_cap": "[curate] day_share_cap",
    "context_budget": "[curate] context_budget",
    "not_selected": "[curate] most_rows, most_regression",
    "new_source": "[curate] quarantine_days",
    "trigger_phrase": "look at them, then [curate] allow_phrases",
}
"""Fate to the command or key that brings such calls in."""


@command()
def curate(project: "Project", as_json: bool) -> dict[str, Any]:
    """Make the training, held-out and regression sets.

    Every call has one fate, and the fates add up.

    \b
    Example: trueup curate --json
    """
    from harness import planning
    from harness.curate import step

    with planning.paged(project):
        dataset = step.curate(project)
    near = float(dataset.notes.get("options", {}).get("near_duplicate", 1.0))
    leaks = [item for item in dataset.leak_proof if item.similarity >= near]
    if not as_json:
        _say(dataset, near, leaks)
    return {
        "id": dataset.id,
        "counts": dataset.counts,
        "fates": dataset.fates,
        "targets": dataset.target_sources,
        "leaks": len(leaks),
        "nearest": dataset.notes.get("nearest", 0.0),
        "doubts": dataset.notes.get("doubts", {}),
        "context": dataset.notes.get("context", {}),
        "kept_apart": dataset.notes.get("kept_apart", {}),
    }


def _say(dataset: "Dataset", near: float, leaks: "Sequence[Neighbour]") -> None:
    from harness.cli import console
    from harness.curate import card

    meanings = card.FATES
    rows = [(split, dataset.counts.get(split, 0), meaning) for split, meaning in SPLITS.items()]
    console.table(("split", "rows", ""), rows)
    sources = ", ".join(f"{count:,} {source}" for source, count in dataset.target_sources.items())
    console.say(f"\ntargets: {sources}")
    if doubts := card.doubted(dataset):
        console.say(f"doubts: {doubts.replace('`', '')}")
    if context := card.shared(dataset):
        console.say(f"conversations: {context}")
    out = {fate: count for fate, count in dataset.fates.items() if fate not in SPLITS}
    console.say(f"\nleft out: {sum(out.values()):,} of {dataset.calls:,} calls", style="bold")
    lines = [
        (fate, count, meanings.get(fate, ""), MENDS.get(fate, ""))
        for fate, count in sorted(out.items(), key=lambda item: (-item[1], item[0]))
    ]
    console.table(("fate", "calls", "why", "what brings them in"), lines)
    judged = sum(dataset.counts.get(split, 0) for split in ("held_out", "regression", "production"))
    close = f"{len(leaks)} of {judged:,} judged texts are within {near:g} of a training text"
    console.say(f"\nleak proof: {close}", style="bold")
    if kept_apart := card.decontamination(dataset):
        console.say(f"decontamination: {kept_apart}")
    for worst in dataset.leak_proof[:1]:
        console.say(f"the nearest, at {worst.similarity:.2f}:")
        console.say(f"  judged    {_start(worst.text)}\n  training  {_start(worst.train_text)}")


def _start(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 100 else f"{line[:99]}…"
