"""Curate mined failures and passing calls into a dataset, with the fate of every call.

Every call passes the same sieve and falls out at exactly one place, its `Fate`; the fates add up to the calls or the
dataset is refused. The order: usable -> target -> one row an input -> groups -> side -> clean of eval files -> caps ->
selection.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from harness.core import codec
from harness.core.dataset_files import EVALUATED, SPLITS, write_train
from harness.core.near_duplicates import normalise
from harness.curate import doubt, groups, manifest, passing, replay, slot_swaps, splits, too_few
from harness.curate.dataset_facts import context
from harness.curate.options import CurateOptions
from harness.curate.rows import CallRow, spoken
from harness.curate.selection import CONTEXT_BUDGET, Selection
from harness.curate.sieve import Sieve
from harness.errors import InvalidError, UndecidedError
from harness.mine.mined import Mined
from harness.mine.traffic import Traffic
from harness.types import Call, Case, Dataset, Doubt, Fate, Feedback, Message, Noun

Reword = Callable[[Sequence[Case]], Iterable[Case]]
Own = Callable[[int], Iterable[Case]]


class Curated(Noun, frozen=True):
    dataset: Dataset
    splits: dict[str, tuple[Case, ...]]
    fates: tuple[Fate, ...]
    sticky: dict[str, str]
    """New ledger entries: key to split."""
    doubts: tuple[Doubt, ...] = ()
    """Corrections that look wrong, the surest first."""


def curate(
    calls: Iterable[Call],
    feedback: Iterable[Feedback],
    mined: Mined,
    *,
    sticky: Mapping[str, str],
    options: CurateOptions = CurateOptions(),
    taught: Mapping[str, Message] = {},
    reword: Reword = lambda train: (),
    own: Own = lambda wanted: (),
    clean: Callable[[Case], Case] = lambda case: case,
) -> Curated:
    """Curate. `clean` redacts the rows of replay files, which no ingest has read. `sticky` is the ledger of all nights before:
    key to the split it was put in. `taught`: call id to a teacher's answer that the scorers accepted. `reword` gives rows in
    other words for the chosen training rows, `own` so many replay rows where the files have too few.

    Raises UndecidedError when there are too few corrected failures, and InvalidError when the fates do not add up.
    The result does not depend on the order of calls or feedback; give `Ordered` calls where they do not fit into memory.
    """
    traffic = Traffic(calls)
    if not traffic.size:
        raise UndecidedError("there are no calls to curate", next="trueup ingest PATH, with the path of a trace export")
    feedback = list(feedback)
    sieve = Sieve(traffic, feedback, mined, taught)
    rows, fates = sieve.rows(options)
    doubted = doubt.doubts(rows, feedback)
    formed = groups.form(rows, threshold=options.near_duplicate, by_user=options.group_by_user)
    group_of = groups.names(rows, formed)
    selection = Selection(rows, splits.assign(rows, formed, sticky, options))
    marks = splits.new_marks(rows, selection.split, sticky)
    selection.clean(options)
    selection.cap(group_of, options)
    selection.budget(group_of, options)
    selection.select("train", options.most_rows, options)
    selection.thin("regression", passing.draw(mined, options), options)
    selection.select("regression", options.most_regression, options)
    selection.sample("production", options.most_production, options)
    for row, side in zip(rows, selection.split, strict=True):
        fates[row.call.id] = Fate(call_id=row.call.id, fate=side, detail=selection.details.get(row.call.id, ""))
    cases = _cases(rows, selection.split, group_of, options, reword)
    too_few.refuse(cases, fates, rows, formed, options)
    cases["replay"] = _replay(cases, options, own, clean)
    by_time = tuple(fates[call.id] for call in traffic if call.id in fates)
    spared = [
        manifest.case(row, side, "") for row, side in zip(rows, selection.split, strict=True) if side == CONTEXT_BUDGET
    ]
    notes = {
        "groups": len(formed),
        "largest_group": max(map(len, formed), default=0),
        **context(cases["train"], spared),
        **doubt.note(doubted, rows),
    }
    dataset = manifest.describe(cases, by_time, mined, traffic.prompts.found(), options, notes, sieve.labelled)
    return _checked(Curated(dataset=dataset, splits=cases, fates=by_time, sticky=marks, doubts=doubted), traffic.size)


def write(curated: Curated, folder: Path) -> None:
    """`dataset.json`, one JSON Lines file a split, `fates.jsonl` and `doubts.jsonl`. The manifest is written last."""
    for split in SPLITS:
        if split != "train":
            codec.write_lines(folder / f"{split}.jsonl", curated.splits[split])
    write_train(folder, curated.splits["train"])
    codec.write_lines(folder / "fates.jsonl", curated.fates)
    codec.write_lines(folder / "doubts.jsonl", curated.doubts)
    codec.write_atomic(folder / "dataset.json", codec.encode(curated.dataset) + b"\n")


def _cases(
    rows: Sequence[CallRow],
    split: Sequence[str],
    group_of: Sequence[str],
    options: CurateOptions,
    reword: Reword,
) -> dict[str, tuple[Case, ...]]:
    found: dict[str, list[Case]] = {name: [] for name in SPLITS}
    for row, side, group in zip(rows, split, group_of, strict=True):
        if side in found:
            found[side].append(manifest.case(row, side, group))
    judged, corrected = _judged(found, options), tuple(found["train"])
    found["train"] += slot_swaps.swaps(
        corrected, judged, share=options.augment_share, threshold=options.near_duplicate, seed=options.seed
    )
    found["train"] += slot_swaps.apart(reword(corrected), judged, options.near_duplicate)
    return {name: tuple(items) for name, items in found.items()}


def _replay(
    cases: Mapping[str, Sequence[Case]], options: CurateOptions, own: Own, clean: Callable[[Case], Case]
) -> tuple[Case, ...]:
    """The general rows of the mix: from files, and the base's own answers where these are too few. None is near a judged case."""
    trained = len(cases["train"])
    wanted = replay.wanted(trained, options.replay_share)
    given = list(map(clean, replay.read(options.replay_files)))
    if options.replay == "own" and len(given) < wanted:
        given += own(wanted - len(given))
    judged = _judged(cases, options)
    return replay.mix(
        slot_swaps.apart(given, judged, options.near_duplicate), trained, options.replay_share, options.seed
    )


def _judged(found: Mapping[str, Sequence[Case]], options: CurateOptions) -> list[str]:
    """Normalised texts of everything that is judged with: mined cases and eval files."""
    mined_texts = [spoken(case.messages) for name in EVALUATED for case in found[name]]
    return [normalise(text) for text in (*options.contamination, *mined_texts)]


def _checked(curated: Curated, calls: int) -> Curated:
    """Refuse a dataset whose fates do not add up to the calls, or whose rows do not add up to their fates."""
    fates = Counter(fate.fate for fate in curated.fates)
    mined_rows = {name: [case for case in curated.splits[name] if slot_swaps.MARK not in case.tags] for name in SPLITS}
    rows = {name: len(cases) for name, cases in mined_rows.items() if name != "replay"}
    wrong = {name: count for name, count in rows.items() if count != fates[name]}
    if len(curated.fates) != calls or curated.dataset.calls != calls or wrong:
        raise InvalidError(
            f"the fates do not add up: {calls} calls, {len(curated.fates)} fates, rows against fates: {wrong}",
            where=f"dataset {curated.dataset.name}",
            next="this is a fault of trueup; keep the traces and report it",
        )
    return curated
