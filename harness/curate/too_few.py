"""Refuse a dataset with too few failures to train on and to judge by, and say what would help."""

from collections import Counter
from collections.abc import Mapping, Sequence

from harness.curate.card import FATES
from harness.curate.options import CurateOptions
from harness.curate.rows import CallRow
from harness.errors import UndecidedError
from harness.types import Case, Fate

INGEST = "trueup ingest PATH, with failing calls"
BARRED = (
    "trigger_phrase",
    "new_source",
    "user_cap",
    "session_cap",
    "group_cap",
    "cluster_cap",
    "day_cap",
    "contaminated",
)
"""Fates of calls with a target that an option would let in."""


def refuse(
    cases: Mapping[str, Sequence[Case]],
    fates: Mapping[str, Fate],
    rows: Sequence[CallRow],
    groups: Sequence[Sequence[int]],
    options: CurateOptions,
) -> None:
    """Raises UndecidedError unless there are failures to train on and others to judge by, `min_failures` together.
    `fates`: call id to where each call ended. `min_failures = 0` asks for training rows only, as for praised answers that are
    exported and never judged."""
    if not options.min_failures and cases["train"]:
        return
    failures = sum(case.rejected is not None for split in ("train", "held_out") for case in cases[split])
    if failures >= options.min_failures and cases["train"] and cases["held_out"]:
        return
    counts = f"{failures} ({len(cases['train'])} to train on, {len(cases['held_out'])} held out)"
    failing = [group for group in groups if any(rows[at].failed for at in group)]
    if len(failing) == 1 and sum(rows[at].failed for at in failing[0]) > 1:
        what, remedy = _only([rows[at] for at in failing[0]], options)
        raise UndecidedError(
            f"all failures with a target are {what}, which cannot be split into training and held-out rows: {counts}",
            next=remedy,
        )
    if failures >= options.min_failures:
        raise UndecidedError(
            f"all corrected failures are on one side of the split: {counts}; they are in {len(failing)} groups of alike "
            "texts and conversations, and a group is never split",
            next="trueup ingest PATH, with failing calls of other conversations, or change [curate] held_out_share",
        )
    barred = Counter(fate.fate for fate in fates.values() if fate.fate in BARRED)
    also = "".join(
        f"; {count} more have a target but are left out: {FATES[fate]}" for fate, count in sorted(barred.items())
    )
    more = options.min_failures - failures
    raise UndecidedError(
        f"too few corrected failures: {counts} and at least {options.min_failures} are needed, some of each{also}",
        next=_how(more, fates),
    )


def _how(more: int, fates: Mapping[str, Fate]) -> str:
    """Where the missing targets can come from: labels, where failures wait for one, or more traffic."""
    waiting = sum(fate.fate == "no_target" for fate in fates.values())
    praised = "; for a dataset without failures, min_failures = 0 under [curate]"
    if not waiting:
        return f"trueup ingest PATH, with calls that people complained of or corrected{praised}"
    return f"trueup label --only missing --open, to give {more} more failing calls a target; {waiting:,} have none"


def _only(rows: Sequence[CallRow], options: CurateOptions) -> tuple[str, str]:
    """What makes the rows one group, and what to do about it."""
    sessions, users = {row.call.session_id for row in rows}, {row.call.user_id for row in rows}
    if len(sessions) == 1 and "" not in sessions:
        return f"of one conversation (session {sessions.pop()})", f"{INGEST} of other conversations"
    if options.group_by_user and len(users) == 1 and "" not in users:
        next_ = f"{INGEST} of other users, or set [curate] group_by_user = false"
        return f"of one user ({users.pop()})", next_
    return (
        f"one group of alike texts and linked conversations ({len(rows)} calls)",
        f"{INGEST} with other messages, or raise [curate] near_duplicate",
    )
