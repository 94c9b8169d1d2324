"""Praise outweighs a norm, corrections outweigh praise, and a detector that flags good answers never decides alone."""

import json
from pathlib import Path

import pytest

from harness.core.link_feedback import link
from harness.curate.levers import inspect
from harness.ingest.stage import ingest
from harness.mine.stage import mine
from tests.curate.traces import call, restaurant, thumb

SPARSE = Path(__file__).parents[3] / "shared" / "cases" / "sparse_keys" / "exports"


@pytest.mark.skipif(not SPARSE.is_dir(), reason="the shared cases are not here")
def test_praised_answers_with_sparse_keys_are_no_failures():
    """Fourteen answers that leave out what the message does not say, all praised: all pass."""
    batches = list(ingest([str(SPARSE)]))
    calls = [item for batch in batches for item in batch.calls]
    mined = mine(calls, link(calls, [item for batch in batches for item in batch.feedback]))
    assert (len(calls), len(mined.failures), len(mined.passed), mined.good) == (14, 0, 14, 14)


def sparse(number: int) -> dict[str, str]:
    return {key: str(number) for at, key in enumerate(("date", "time", "people")) if number % 7 & 1 << at}


def test_sparse_answers_that_nobody_spoke_of_are_no_failures():
    """A norm learnt from a quarter of the traffic flags none of the rest."""
    calls = [call(at, f"message {at}", json.dumps(sparse(at))) for at in range(400)]
    mined = mine(calls, [thumb(item.id, 1) for item in calls[::4]], detectors=["schema_break"])
    assert mined.failures == () and len(mined.passed) == 100


def test_praise_outweighs_a_norm_and_is_counted():
    """One praised answer has another key; it passes, and inspect shows that the detector would have flagged it."""
    calls = [call(at, f"message {at}", '{"a": 1}' if at != 7 else '{"a": 1, "b": 2}') for at in range(120)]
    praise = [thumb(item.id, 1) for item in calls]
    mined = mine(calls, praise, detectors=["schema_break"])
    assert "t:7" in mined.passed and mined.failures == ()
    assert mined.flagged_good == {} and mined.good == 120  # one praised answer is enough for the key to be known
    odd = [*calls, call(200, "message", "no JSON")]
    mined = mine(odd, [*praise, thumb("t:200", 1)], detectors=["schema_break"])
    assert (mined.flagged_good, mined.doubtful) == ({"schema_break": 1}, ())
    assert "t:200" in mined.passed
    shown = inspect(mined, odd, praise)
    assert (shown.good, shown.flagged_good) == (121, {"schema_break": 1})


def test_a_detector_that_flags_good_answers_never_decides_alone():
    """`incomplete` flags an eighth of what people praised: it becomes a hint, and another detector still decides."""
    calls = [call(at, f"message {at} of its own", "" if at % 8 == 0 else "fine") for at in range(160)]
    feedback = [thumb(item.id, 1 if at < 120 else -1) for at, item in enumerate(calls) if at < 120 or at % 8 == 0]
    mined = mine(calls, feedback, detectors=["incomplete", "thumbs_down"])
    assert (mined.good, mined.flagged_good, mined.doubtful) == (120, {"incomplete": 15}, ("incomplete",))
    assert mined.hints == ("incomplete",) and len(mined.passed) == 120
    failed = {share.failed: share.calls for share in mined.shares}
    assert failed == {True: 5, False: 155}


def test_a_few_flagged_good_answers_are_put_down_to_wrong_thumbs():
    calls = [call(at, f"message {at} of its own", "" if at < 2 else "fine") for at in range(20)]
    mined = mine(calls, [thumb(item.id, 1) for item in calls], detectors=["incomplete"])
    assert (mined.flagged_good, mined.doubtful) == ({"incomplete": 2}, ())
    assert len(mined.passed) == 18


def test_corrections_outweigh_praise():
    """Wrong thumbs for invented values do not make the detector doubtful that corrections bear out."""
    calls, feedback = restaurant()
    feedback += [thumb(f"t:{at}", 1) for at in range(2, 120, 6)]
    mined = mine(calls, feedback)
    assert mined.flagged_good["ungrounded"] > 0.3 * mined.good and mined.doubtful == ()
    assert not {f"t:{at}" for at in range(2, 120, 6)} & set(mined.passed)
