"""Turn rows into cases, and write the manifest that describes them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec.structs import replace

from harness.core import codec
from harness.core.dataset_files import EVALUATED, SPLITS
from harness.core.replies import written
from harness.curate.dataset_facts import facts
from harness.curate.leak_proof import proof
from harness.curate.options import CurateOptions
from harness.curate.rows import CallRow
from harness.curate.teacher import arm as teacher_arm
from harness.mine.mined import Mined
from harness.mine.traffic import day
from harness.types import Case, Dataset, Fate, Json, Prompt

NO_KNOBS = ("contamination", "traces_version", "parents")
"""Options that say where the data comes from, not how it is chosen: they change no row and so no id."""
FILES = ("replay_files", "contamination_files")


def case(row: CallRow, split: str, group: str) -> Case:
    call = row.call
    return Case(
        id=codec.digest(["case", call.id])[:16],
        messages=row.conversation,
        expected=row.target.expected,
        target=row.target.message,
        rejected=written(call.output[0]) if row.failed and call.output else None,
        first_wrong=row.first_wrong,
        target_source=row.target.source,
        split=split,
        call_id=call.id,
        trace_id=call.trace_id,
        session_id=call.session_id,
        user_id=call.user_id,
        group=group,
        cluster=row.cluster,
        route=call.route,
        failed=row.failed,
        day=day(call),
        tools=call.tools,
        fields=row.expectations,
    )


def describe(
    splits: Mapping[str, tuple[Case, ...]],
    fates: Sequence[Fate],
    mined: Mined,
    prompts: tuple[Prompt, ...],
    options: CurateOptions,
    notes: Mapping[str, Json],
    labelled: Mapping[tuple[str, str, bool], int] = {},
) -> Dataset:
    """The manifest. Its id covers every row, every prompt and the options, so equal data has an equal id. `labelled`: kind
    of call to how many have a target; see `CallRow.stratum`."""
    rows = [item for split in SPLITS for item in splits[split]]
    mined_rows = [item for item in rows if item.split != "replay"]
    used = {item.cluster for item in mined_rows}
    leak_proof = proof([case for name in EVALUATED for case in splits[name]], [*splits["train"], *splits["replay"]])
    knobs = {name: value for name, value in teacher_arm.knobs(options).items() if name not in NO_KNOBS}
    named = {name: [Path(path).name for path in getattr(options, name)] for name in FILES}
    return Dataset(
        id=codec.digest([rows, prompts, knobs]),
        name=options.name,
        counts={split: len(splits[split]) for split in SPLITS},
        fates=dict(sorted(Counter(fate.fate for fate in fates).items())),
        calls=len(fates),
        target_sources=dict(sorted(Counter(item.target_source for item in mined_rows).items())),
        clusters=tuple(item for item in mined.clusters if item.id in used),
        prompts=prompts,
        shares=tuple(
            replace(share, labelled=labelled.get((share.route, share.cluster, share.failed), 0))
            for share in mined.shares
        ),
        traces_version=options.traces_version,
        leak_proof=leak_proof,
        parents=options.parents,
        notes={
            **notes,
            "days": dict(sorted(Counter(item.day for item in mined_rows).items())),
            "options": knobs | named,
            **facts(splits, options),
            "nearest": leak_proof[0].similarity if leak_proof else 0.0,
        },
    )
