"""Case data inside the HTML."""

import base64
import json
import zlib

from hypothesis import given
from hypothesis import strategies as st

from reports.parts import pack
from reports.parts.cases import case_rows
from reports.parts.plots import axis, bar, nice_ticks
from reports.parts.summary import suite_rows
from reports.parts.trend import trend
from tests.reports.story import make_story


def unpack(text: str):
    return json.loads(zlib.decompress(base64.b64decode(text), -zlib.MAX_WBITS))


def test_each_row_leads_to_its_own_body(monkeypatch, story):
    """Block and place of every row hold the case that the row is of."""
    monkeypatch.setattr(pack, "BLOCK", 4000)
    rows = case_rows(story)
    blocks, places = pack.blocks(story, rows)
    read = [unpack(block) for block in blocks]
    assert len(blocks) > 5
    for row, (block, at) in zip(rows, places, strict=True):
        assert read[block][at]["messages"][-1] == ["user", [row.case.text]]


def test_a_cap_cuts_the_end_and_keeps_the_flips(monkeypatch):
    """When bodies do not fit, those that are left out stand behind all that are kept, and flips stand first."""
    monkeypatch.setattr(pack, "BLOCK", 4000)
    story = make_story(400)
    rows = case_rows(story)
    whole, _ = pack.blocks(story, rows)
    blocks, places = pack.blocks(story, rows, cap=sum(map(len, whole)) * 9 // 10)
    kept = [block >= 0 for block, _ in places]
    assert 0 < kept.index(False) < len(kept)
    assert not any(kept[kept.index(False) :])
    assert kept.index(False) >= sum(row.status["base"] in ("broken", "fixed") for row in rows)
    assert max(block for block, _ in places) == len(blocks) - 1


def test_the_index_has_one_entry_a_case_in_every_column(story):
    """Columns that are read by row number are all equally long."""
    rows = case_rows(story)
    index = pack.index(story, rows, pack.blocks(story, rows)[1])
    columns = [index[name] for name in ("id", "text", "suite", "cluster", "slice", "flaky", "error", "block", "at")]
    assert {len(column) for column in [*columns, *index["status"], *index["scores"]]} == {len(rows)}


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_ticks_are_round_few_and_inside(low, width):
    """An axis has between 1 and 11 ticks, all within it."""
    ticks = nice_ticks(low, low + width)
    assert len(ticks) <= 11
    assert all(low - width * 1e-6 <= tick <= low + width * (1 + 1e-6) for tick in ticks)


def test_the_trend_follows_the_judged_arm(story):
    """However the arms are called and ordered, the strong line and the number are those of the arm that is judged."""
    last = story.history[-1].means
    for spark in trend(story).suites:
        assert spark.lines[-1].name == "tuned"
        assert spark.last == last[spark.name]["tuned"]


def test_an_interval_stands_on_the_right_side_of_its_bound(story):
    """What passes is drawn above its bound, and zero, bound and estimate keep their order."""
    for row in suite_rows(story):
        drawn = bar(row, axis([row]))
        assert (drawn.low > drawn.bound) == (row.low > row.bound)
        assert (drawn.at > drawn.zero) == (row.estimate > 0)
