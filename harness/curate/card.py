"""Write the dataset card: what is in a dataset and what was left out, in Markdown with the Hub's metadata block.

The same sections, as titles, words and tables, make the HTML card; see `reports/parts/card.py`.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from harness.core.codec import canonical
from harness.core.controls import visible
from harness.core.dataset_files import EVALUATED
from harness.curate.diff import KINDS, Difference
from harness.curate.preference_pairs import pairs
from harness.types import Case, Dataset, Json, Noun

FATES = {
    "train": "trains",
    "held_out": "held out: can show a fix",
    "regression": "passes today: can show a break",
    "production": "random sample of calls: shows the effect on traffic",
    "environment": "timeout, limit or broken tool: not the model's fault",
    "no_signal": "nobody said anything of it and no detector found anything",
    "no_target": "failed, and nothing says what would have been right: worth a human look",
    "turned_down": "a person looked at its target and turned it down",
    "unusable": "not recorded whole",
    "media": "contains an image, sound or a file, which a model of text neither learns nor is judged by",
    "control_tokens": "a user's text contains the chat template's own marks",
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
    "context_budget": "its conversation's rows repeat their history as often as they may",
    "cluster_cap": "its failure cluster has its share already",
    "not_selected": "its split has as many rows as were asked for",
    "day_cap": "its day has its share already",
}
"""Fate to its meaning, for people."""
UNPAIRED = {"no_rejected": "without a failing answer", "identical": "equal to it", "echo": "that repeat the message"}
"""Why a row makes no preference pair, in words."""
KEPT_APART = "kept_apart"
"""Note of the manifest: how many texts of eval cases and of benchmark files every training row was compared with."""
OWNERS = ("user", "session", "group", "cluster", "day")
_MARKUP = re.compile(r"[\[\]`&@]|://|www\.|//")
"""What may be part of a link, an image or an address."""
SHOWN = 20
"""Failure clusters that are named."""


class CardSection(Noun, frozen=True):
    """A title with words, a table, or both."""

    title: str
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str | int, ...], ...] = ()
    text: str = ""


def sections(
    dataset: Dataset, splits: Mapping[str, Sequence[Case]], changes: Difference | None = None
) -> tuple[CardSection, ...]:
    """The card's sections, without the empty ones. Everything is computed from the dataset; nothing is promised.

    `changes`: since the dataset before."""
    train = splits.get("train", ())
    notes = dataset.notes
    splits_by_size = sorted(dataset.counts.items(), key=_size)
    found = (
        CardSection("Rows", ("split", "rows"), tuple(splits_by_size)),
        CardSection(
            "Changes since the dataset before", ("split", *KINDS), tuple(_changes(changes)), _unchanged(changes)
        ),
        CardSection("Targets", ("source", "rows"), tuple(dataset.target_sources.items())),
        CardSection("Corrections to look at", text=doubted(dataset)),
        CardSection("Largest share of training", ("one", "rows, share and cap"), tuple(_shares(train, notes))),
        CardSection("Where every call ended", ("fate", "calls", "meaning"), tuple(_fates(dataset))),
        CardSection("Leak proof", ("alike by", "judged", "training"), tuple(_leaks(dataset)), _proof(dataset)),
        CardSection("Decontamination", text=decontamination(dataset)),
        CardSection("Failure clusters", ("cluster", "calls", "train", "held out"), tuple(_clusters(dataset, splits))),
        CardSection("Preference pairs", text=_pairs(train)),
        CardSection("Rows by day", ("day", "rows"), _note(notes, "days")),
        CardSection("Characters of a target", ("at most", "rows"), tuple(_lengths(train))),
        CardSection("Conversations that share a row", text=shared(dataset)),
        CardSection("Words and marks of a row", ("at most", "rows"), tuple(_tokens(notes))),
        CardSection("Languages of the messages", ("language", "rows"), _note(notes, "languages")),
        CardSection("Licences", ("source", "licence"), _note(notes, "licences")),
        CardSection("Hashes", ("split", "sha256 of its rows"), _note(notes, "hashes")),
    )
    return tuple(section for section in found if section.rows or section.text)


def _size(item: tuple[str, int]) -> tuple[int, str]:
    return -item[1], item[0]


def markdown(dataset: Dataset, splits: Mapping[str, Sequence[Case]], changes: Difference | None = None) -> str:
    """The card as the Hub shows it: README.md of the dataset's repository."""
    return "\n\n".join([_head(dataset), *(_section(part) for part in sections(dataset, splits, changes))]) + "\n"


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
        f"# {_cell(dataset.name)}\n\n{about(dataset)}\nThe licence is that of the traffic it was mined from; it may contain "
        "what users typed."
    )


def _section(section: CardSection) -> str:
    table = _table(section.columns, section.rows) if section.rows else ""
    return "\n\n".join(part for part in (f"## {section.title}", section.text, table) if part)


def _note(notes: Mapping[str, Json], name: str) -> tuple[tuple[str | int, ...], ...]:
    found = notes.get(name)
    return tuple(found.items()) if isinstance(found, dict) else ()


def _table(columns: Sequence[str], rows: Sequence[Sequence[str | int]]) -> str:
    lines = [f"| {' | '.join(_cell(value) for value in row)} |" for row in rows]
    return "\n".join([f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}", *lines])


def _cell(value: object) -> str:
    """A value as Markdown that shows it and does nothing: no link, image, HTML or character that turns the text around."""
    text = f"{value:,}" if isinstance(value, int) else visible(" ".join(str(value).split()))
    if _MARKUP.search(text):  # between the marks of code nothing is a link, not even a bare address
        return f"`{text.replace('`', chr(39))}`".replace("|", "\\|")
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


def _fates(dataset: Dataset) -> list[tuple[str, int, str]]:
    ranked = sorted(dataset.fates.items(), key=lambda item: (-item[1], item[0]))
    return [*((fate, count, FATES.get(fate, "")) for fate, count in ranked), ("all", dataset.calls, "")]


def _changes(changes: Difference | None) -> list[tuple[str | int, ...]]:
    counts = changes.counts if changes else {}
    return [(split, *(kinds.get(kind, 0) for kind in KINDS)) for split, kinds in sorted(counts.items())]


def _unchanged(changes: Difference | None) -> str:
    return "No row changed." if changes and not changes.changes else ""


def _option(notes: Mapping[str, Json], name: str, default: float) -> float:
    options = notes.get("options")
    value = options.get(name) if isinstance(options, dict) else None
    return float(value) if isinstance(value, (int, float)) else default


def _shares(train: Sequence[Case], notes: Mapping[str, Json]) -> list[tuple[str | int, ...]]:
    """Who has most of the training rows, in numbers. Rows without such an owner count for nobody."""
    owner = {"user": "user_id", "session": "session_id"}
    found: list[tuple[str | int, ...]] = []
    for name in OWNERS:
        held = Counter(getattr(case, owner.get(name, name)) for case in train)
        del held[""]
        most, cap = max(held.values(), default=0), _option(notes, f"{name}_share_cap", 1.0)
        if most:
            found.append((name, f"{most:,}, {most / len(train):.1%}" + (f", cap {cap:.0%}" if cap < 1 else "")))
    return found


def _clusters(dataset: Dataset, splits: Mapping[str, Sequence[Case]]) -> list[tuple[str | int, ...]]:
    """Those with most rows; a row counts for the rarest cluster that its call is in."""
    train, held_out = (Counter(case.cluster for case in splits.get(name, ())) for name in ("train", "held_out"))
    ranked = sorted(dataset.clusters, key=lambda item: (-(train[item.id] + held_out[item.id]), item.id))
    return [
        (f"{item.detector}: {item.label}", len(item.call_ids), train[item.id], held_out[item.id])
        for item in ranked[:SHOWN]
    ]


def _lengths(cases: Sequence[Case]) -> list[tuple[int, int]]:
    """Histogram of lengths, with the arguments of tool calls, in doubling steps."""
    said = [(case.target.text, *(call.arguments for call in case.target.tool_calls)) for case in cases if case.target]
    lengths = [sum(map(len, texts)) for texts in said]
    bounds = [bound for bound in (2**power for power in range(5, 17)) if any(bound / 2 < n <= bound for n in lengths)]
    return [(bound, sum((bound / 2 if bound > 32 else -1) < n <= bound for n in lengths)) for bound in bounds]


def _pairs(cases: Sequence[Case]) -> str:
    found = pairs(cases)
    if not found.cases:
        return ""
    left = ", ".join(f"{count:,} {UNPAIRED.get(reason, reason)}" for reason, count in found.left_out.items()) or "none"
    warning = "".join(f"\n\n**{text}**" for text in found.warnings)
    return (
        f"{len(found.cases):,} pairs of a target and the failing answer; left out: {left}. "
        f"Length bias (Cohen's d): {found.length_bias:+.2f}.{warning}"
    )


def shared(dataset: Dataset) -> str:
    """What it saves that answers of one conversation share a row, in words; empty where none do."""
    context = dataset.notes.get("context")
    if not isinstance(context, dict):
        return ""
    text = (
        f"{context['answers']:,} training answers in {context['rows']:,} rows: {context['tokens']:,} words and marks, "
        f"where a row for each answer would have {context['tokens_before']:,}"
    )
    left_out = dataset.fates.get("context_budget", 0)
    return f"{text}; {left_out:,} answers left out by [curate] context_budget." if left_out else f"{text}."


def doubted(dataset: Dataset) -> str:
    """How many corrections look wrong and what to do about it, in words; empty where none does."""
    counts = dataset.notes.get("doubts")
    if not isinstance(counts, dict) or not counts["doubted"]:
        return ""
    signs = ", ".join(f"{sign} {count:,}" for sign, count in counts["signs"].items())
    return (
        f"{counts['doubted']:,} of {counts['corrections']:,} corrections look wrong ({signs}). All are kept as they are; "
        "`trueup review` shows them first, each with its reason."
    )


def decontamination(dataset: Dataset) -> str:
    """Which texts the training rows were kept apart from, and which check was not done; empty where that is not known."""
    compared = dataset.notes.get(KEPT_APART)
    if not isinstance(compared, dict):
        return ""
    kinds = (
        ("eval_texts", "eval cases", "eval files"),
        ("benchmark_texts", "benchmarks", "[curate] contamination_files"),
    )
    parts = [
        f"No training row is near one of the {compared[key]:,} texts of {what}."
        if compared[key]
        else f"Not checked against {what}: there are no {source}."
        for key, what, source in kinds
    ]
    left_out = dataset.fates.get("contaminated", 0)
    return " ".join([*parts, f"{left_out:,} calls were left out for it."] if any(compared.values()) else parts)


def _tokens(notes: Mapping[str, Json]) -> list[tuple[int, int]]:
    return sorted((int(bound), int(count)) for bound, count in _note(notes, "tokens"))


def _proof(dataset: Dataset) -> str:
    """How many judged texts are as near to training as copies would be."""
    near = _option(dataset.notes, "near_duplicate", 0.8)
    leaks = sum(item.similarity >= near for item in dataset.leak_proof)
    judged = sum(dataset.counts.get(split, 0) for split in EVALUATED)
    if not judged:
        return ""
    return (
        f"{leaks} of {judged:,} judged texts are within {near:g} of a training text (Jaccard index of character "
        f"5-shingles, counted over all pairs). {'The nearest:' if dataset.leak_proof else 'None shares a shingle.'}"
    )


def _leaks(dataset: Dataset) -> list[tuple[str | int, ...]]:
    return [(f"{item.similarity:.2f}", item.text, item.train_text) for item in dataset.leak_proof[:10]]
