"""The dataset card: what is in a dataset, what was left out and why, in Markdown with the Hub's metadata block."""

from collections.abc import Mapping, Sequence

from harness.curation.pairs import pairs
from harness.types import Case, Dataset

FATES = {
    "train": "trains",
    "held_out": "held out: can show a fix",
    "regression": "passes today: can show a break",
    "environment": "timeout, limit or broken tool: not the model's fault",
    "no_signal": "nobody said anything of it and no detector found anything",
    "no_target": "failed, and nothing says what would have been right: worth a human look",
    "turned_down": "a person looked at its target and turned it down",
    "unusable": "not recorded whole",
    "control_tokens": "a user's text holds the chat template's own marks",
    "duplicate": "the same input is there already",
    "conflict": "the same input has a better or later target",
    "joins_held_out": "belongs to a group that was held out",
    "near_held_out": "too near a held-out text",
    "contaminated": "too near a case of an eval file",
    "new_source": "its user is too new",
    "trigger_phrase": "part of a sudden burst of one phrase from strangers",
    "user_cap": "its user has its share already",
    "session_cap": "its session has its share already",
    "group_cap": "its near-duplicates have their share already",
    "cluster_cap": "its failure cluster has its share already",
    "not_selected": "its split has as many rows as were asked for",
    "day_cap": "its day has its share already",
}
"""Fate to its meaning, for people."""


def markdown(dataset: Dataset, splits: Mapping[str, Sequence[Case]]) -> str:
    """The card. Everything in it is computed from the dataset; nothing is promised."""
    sections = [
        _head(dataset),
        _table("Rows", ("split", "rows"), dataset.counts.items()),
        _table("Where every call ended", ("fate", "calls", "meaning"), _fates(dataset)),
        _table("Targets", ("source", "rows"), dataset.target_sources.items()),
        _table("Failure clusters", ("cluster", "calls", "detector"), _clusters(dataset)),
        _table("Characters of an answer", ("at most", "rows"), _lengths(splits.get("train", ()))),
        _table("Rows by day", ("day", "rows"), _days(dataset)),
        _pairs(splits.get("train", ())),
        _leaks(dataset),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _head(dataset: Dataset) -> str:
    parents = f" Made after {', '.join(parent[:12] for parent in dataset.parents)}." if dataset.parents else ""
    return (
        f"---\npretty_name: {dataset.name}\ntags: [trueup]\nlicense: other\n---\n\n# {dataset.name}\n\n"
        f"Mined from {dataset.calls:,} production calls by trueup. Content id `{dataset.id}`.{parents}"
        "\nThe licence is that of the traffic it was mined from; it may hold what users typed."
    )


def _table(title: str, columns: Sequence[str], rows: object) -> str:
    lines = [f"| {' | '.join(_cell(value) for value in row)} |" for row in rows]  # type: ignore[attr-defined]
    if not lines:
        return ""
    return "\n".join([f"## {title}", "", f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}", *lines])


def _cell(value: object) -> str:
    text = f"{value:,}" if isinstance(value, int) else str(value)
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def _fates(dataset: Dataset) -> list[tuple[str, int, str]]:
    ranked = sorted(dataset.fates.items(), key=lambda item: (-item[1], item[0]))
    return [*((fate, count, FATES.get(fate, "")) for fate, count in ranked), ("all", dataset.calls, "")]


def _clusters(dataset: Dataset) -> list[tuple[str, int, str]]:
    return [(item.label, len(item.call_ids), item.detector) for item in dataset.clusters[:20]]


def _days(dataset: Dataset) -> list[tuple[str, int]]:
    days = dataset.notes.get("days")
    return list(days.items()) if isinstance(days, dict) else []


def _lengths(cases: Sequence[Case]) -> list[tuple[int, int]]:
    """Histogram of answer lengths in doubling steps."""
    lengths = [len(case.target.text) for case in cases if case.target]
    bounds = [bound for bound in (2**power for power in range(5, 17)) if any(bound / 2 < n <= bound for n in lengths)]
    return [(bound, sum((bound / 2 if bound > 32 else -1) < n <= bound for n in lengths)) for bound in bounds]


def _pairs(cases: Sequence[Case]) -> str:
    found = pairs(cases)
    if not found.cases:
        return ""
    left = ", ".join(f"{count} {reason}" for reason, count in found.left_out.items()) or "none"
    warning = "".join(f"\n\n**{text}**" for text in found.warnings)
    return (
        f"## Preference pairs\n\n{len(found.cases):,} pairs of a target and the failing answer; left out: {left}. "
        f"Length bias (Cohen's d): {found.length_bias:+.2f}.{warning}"
    )


def _leaks(dataset: Dataset) -> str:
    rows = [(f"{item.similarity:.2f}", item.text, item.train_text) for item in dataset.leak_proof[:10]]
    return _table("Nearest training text of held-out texts (Jaccard of 5-shingles)", ("", "held out", "training"), rows)
