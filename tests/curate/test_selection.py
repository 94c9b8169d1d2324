"""The last sieve before training."""

from harness.curate.options import CurateOptions
from harness.curate.rows import CallRow, RowTarget
from harness.curate.selection import Selection
from tests.curate.traces import call, say


def row(number, text, **fields):
    target = RowTarget(message=say("assistant", "{}"), source="correction", expected={})
    return CallRow(call=call(number, text, **fields), conversation=(say("user", text),), target=target, failed=True)


def test_a_training_row_near_a_held_out_row_is_left_out_even_if_grouping_missed_it():
    """Hashing may miss a pair; the exact count before training does not."""
    rows = [
        row(0, "could I have a table near the window"),
        row(1, "could I have a table near the windows"),
        row(2, "no"),
    ]
    selection = Selection(rows, ["held_out", "train", "train"])
    selection.clean(CurateOptions())
    assert selection.split == ["held_out", "near_held_out", "train"]
    assert "0.9" in selection.details["t:1"]


def test_only_training_rows_are_left_out():
    """What judges is neither contaminated by an eval file nor capped."""
    rows = [row(n, f"message number {n}", user_id="one") for n in range(4)]
    selection = Selection(rows, ["held_out", "held_out", "regression", "train"])
    selection.clean(CurateOptions(contamination=("message number 0",), near_duplicate=0.99))
    selection.cap(["g"] * 4, CurateOptions(user_share_cap=0.1, group_share_cap=0.1))
    assert selection.split == ["held_out", "held_out", "regression", "train"]
