"""The whole room on real text: three weeks of a booking assistant that is wrong nine times in ten."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from harness.core.near_duplicates import normalise
from harness.core.replies import same
from harness.curate.stage import CurateOptions, curate
from harness.ingest.stage import ingest
from harness.mine.stage import mine

SHARED = Path(__file__).parents[3] / "shared"
TRACES = SHARED / "traces" / "booking_desk"
FIELDS = ("date", "time", "people", "first_name", "last_name")

pytestmark = pytest.mark.skipif(not TRACES.is_dir(), reason="the shared traces are not here")


@pytest.fixture(scope="module")
def night():
    batches = list(ingest([str(TRACES)]))
    calls = [call for batch in batches for call in batch.calls]
    feedback = [item for batch in batches for item in batch.feedback]
    mined = mine(calls, feedback)
    return calls, mined, curate(calls, feedback, mined, sticky={}, options=CurateOptions())


@pytest.fixture(scope="module")
def gold():
    """Message to its labellings, as the data set's authors published them."""
    found = {}
    for line in (SHARED / "data" / "restaurants8k" / "train.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        labels = {field: (row["labels"].get(field) or [None])[0] for field in FIELDS}
        found.setdefault(row["text"], []).append(json.dumps(labels))
    return found


def shingle_set(text):
    text = normalise(text)
    return {text[at : at + 5] for at in range(max(1, len(text) - 4))}


def texts_of(cases):
    return [case.text for case in cases]


def right(case, gold):
    message = re.sub(r"^\[asked for: [^\]]*\] ", "", case.text)
    return any(same(labels, json.dumps(case.expected)) for labels in gold[message])


def test_the_sets_have_the_size_that_training_and_judging_need(night):
    """Most corrected failures train, enough are held out, and every call has its fate."""
    calls, _, result = night
    counts = result.dataset.counts
    assert 350 <= counts["train"] <= 450
    assert 120 <= counts["held_out"] <= 180
    assert counts["regression"] >= 15
    assert len(result.fates) == len(calls) == 2080
    assert result.dataset.fates["environment"] == 27


def test_the_targets_are_right_although_thumbs_are_wrong(night, gold):
    """More than half of the praise is for wrong answers; what is taken as passing is right in nearly all cases."""
    _, _, result = night
    cases = [case for split in ("train", "held_out", "regression") for case in result.splits[split]]
    correct = Counter((case.target_source, right(case, gold)) for case in cases)
    assert correct["correction", False] == 0
    assert correct["production", True] >= 0.95 * (correct["production", True] + correct["production", False])


def test_the_leak_proof_is_empty(night):
    """No evaluated message is within 0.8 of a training message, and no session stands on both sides."""
    _, _, result = night
    train, evaluated = result.splits["train"], [*result.splits["held_out"], *result.splits["regression"]]
    theirs = [shingle_set(case.text) for case in train]
    worst = max(
        len(mine & other) / len(mine | other) for mine in map(shingle_set, texts_of(evaluated)) for other in theirs
    )
    assert worst < 0.8
    assert result.dataset.leak_proof[0].similarity == pytest.approx(worst, abs=1e-4)
    assert not {case.session_id for case in train} & {case.session_id for case in evaluated}


def test_the_heavy_guest_has_less_than_a_tenth(night):
    """guest-0007 sends every fifteenth message."""
    _, _, result = night
    users = Counter(case.user_id for case in result.splits["train"])
    assert 1 < users["guest-0007"] <= 0.1 * len(result.splits["train"])


def test_messages_sent_again_are_noticed(night):
    """Eighty guests sent their message again; the detector finds them and little else."""
    _, mined, _ = night
    assert 78 <= sum(failure.detector == "repeated" for failure in mined.failures) <= 84
