"""The dataset card: what is in a dataset, what was left out and why, in Markdown with the Hub's metadata block.

The same sections, as titles and tables, make the HTML card; see `reports/_card.py`.
"""

from collections.abc import Mapping, Sequence

from harness.codec import canonical
from harness.curation.pairs import pairs
from harness.types import Case, Dataset, Json, Noun

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
LEAKS = "Nearest training text of held-out texts (Jaccard of 5-shingles)"


class Section(Noun, frozen=True):
    """One table of the card, or, without columns, one paragraph."""

    title: str
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str | int, ...], ...] = ()
    text: str = ""


def sections(dataset: Dataset, splits: Mapping[str, Sequence[Case]]) -> tuple[Section, ...]:
    """The card's tables, without the empty ones. Everything is computed from the dataset; nothing is promised."""
    train = splits.get("train", ())
    notes = dataset.notes
    found = (
        Section("Rows", ("split", "rows"), tuple(dataset.counts.items())),
        Section("Where every call ended", ("fate", "calls", "meaning"), tuple(_fates(dataset))),
        Section("Targets", ("source", "rows"), tuple(dataset.target_sources.items())),
        Section("Failure clusters", ("cluster", "calls", "detector"), tuple(_clusters(dataset))),
        Section("Characters of an answer", ("at most", "rows"), tuple(_lengths(train))),
        Section("Words and marks of a row", ("at most", "rows"), _note(notes, "tokens")),
        Section("Languages of the messages", ("language", "rows"), _note(notes, "languages")),
        Section("Rows by day", ("day", "rows"), _note(notes, "days")),
        Section("Licences", ("source", "licence"), _note(notes, "licences")),
        Section("Hashes", ("split", "sha256 of its rows"), _note(notes, "hashes")),
        Section("Preference pairs", text=_pairs(train)),
        Section(LEAKS, ("", "held out", "training"), tuple(_leaks(dataset))),
    )
    return tuple(section for section in found if section.rows or section.text)


def markdown(dataset: Dataset, splits: Mapping[str, Sequence[Case]]) -> str:
    """The card as the Hub shows it: README.md of the dataset's repository."""
    return "\n\n".join([_head(dataset), *(_section(one) for one in sections(dataset, splits))]) + "\n"


def about(dataset: Dataset) -> str:
    """What the dataset is, in two sentences."""
    parents = f" Made after {', '.join(parent[:12] for parent in dataset.parents)}." if dataset.parents else ""
    return f"Mined from {dataset.calls:,} production calls by trueup. Content id {dataset.id}.{parents}"


def _head(dataset: Dataset) -> str:
    known = dataset.notes.get("licences")
    licence = known.get("traffic", "") if isinstance(known, dict) else ""
    named = licence if licence and licence != "not stated" else "other"
    return (
        f"---\npretty_name: {canonical(dataset.name)}\ntags: [trueup]\nlicense: {canonical(named)}\n---\n\n"
        f"# {_cell(dataset.name)}\n\n{about(dataset)}\nThe licence is that of the traffic it was mined from; it may hold "
        "what users typed."
    )


def _section(section: Section) -> str:
    return (
        f"## {section.title}\n\n{section.text}"
        if section.text
        else _table(section.title, section.columns, section.rows)
    )


def _note(notes: Mapping[str, Json], name: str) -> tuple[tuple[str | int, ...], ...]:
    found = notes.get(name)
    return tuple(found.items()) if isinstance(found, dict) else ()


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str | int]]) -> str:
    lines = [f"| {' | '.join(_cell(value) for value in row)} |" for row in rows]
    return "\n".join([f"## {title}", "", f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}", *lines])


def _cell(value: object) -> str:
    text = f"{value:,}" if isinstance(value, int) else str(value)
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def _fates(dataset: Dataset) -> list[tuple[str, int, str]]:
    ranked = sorted(dataset.fates.items(), key=lambda item: (-item[1], item[0]))
    return [*((fate, count, FATES.get(fate, "")) for fate, count in ranked), ("all", dataset.calls, "")]


def _clusters(dataset: Dataset) -> list[tuple[str, int, str]]:
    return [(item.label, len(item.call_ids), item.detector) for item in dataset.clusters[:20]]


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
        f"{len(found.cases):,} pairs of a target and the failing answer; left out: {left}. "
        f"Length bias (Cohen's d): {found.length_bias:+.2f}.{warning}"
    )


def _leaks(dataset: Dataset) -> list[tuple[str | int, ...]]:
    return [(f"{item.similarity:.2f}", item.text, item.train_text) for item in dataset.leak_proof[:10]]
