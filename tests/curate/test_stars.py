"""Stars from one to five, from a CSV file to the sets that are trained and judged with."""

import csv

import pytest

from harness.curate.options import CurateOptions
from harness.curate.stage import curate
from harness.ingest import step as ingest_step
from harness.mine import step as mine_step
from harness.project import Project
from harness.sections import Config
from tests.curate.traces import call, order

CALLS, RATED = 240, 200


def stars_of(number):
    """Of the rated calls, a quarter have one star, a fifth of those a correction too."""
    return (1, 2, 4, 5)[number % 4] if number < RATED else None


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """The calls in the store, their stars ingested from a table, mined and curated."""
    folder = tmp_path_factory.mktemp("stars")
    work = Project.open(Config(root=str(folder)))
    calls = [
        call(number, order(number)[0], f"Certainly, table {number}.", trace_id=f"{number + 1:032x}", id=f"t:{number}")
        for number in range(CALLS)
    ]
    with work.store.lock():
        work.store.traces.merge(calls, (), ())
    with (folder / "stars.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["traceId", "rating", "correctedAnswer"])
        for number in range(RATED):
            fixed = "We are sorry; it comes at once." if stars_of(number) == 1 and number % 5 == 0 else ""
            table.writerow([f"{number + 1:032x}", stars_of(number), fixed])
    intake = ingest_step.ingest(work, [str(folder / "stars.csv")])
    mined = mine_step.mine(work)
    options = CurateOptions(min_failures=1, near_duplicate=1.0, user_share_cap=1.0)
    return work, intake, mined, curate(work.calls(), work.feedback(), mined, sticky={}, options=options)


def numbers(ids):
    return {int(id.partition(":")[2]) for id in ids}


def test_low_stars_are_failures_and_high_stars_praise(night):
    """One and two of five are mined; four and five pass; what was not rated is neither."""
    _, intake, mined, _ = night
    assert (intake.feedback, intake.linked, intake.corrections) == (200, 200, 10)
    low = {number for number in range(RATED) if stars_of(number) in (1, 2)}
    assert numbers(one.call_id for one in mined.failures if one.detector == "thumbs_down") == low
    assert numbers(mined.passed) == set(range(RATED)) - low


def test_no_low_star_is_learnt_as_praise_or_protected(night):
    """Train holds production's own answer of praised calls only, and corrections; regression what was praised."""
    *_, curated = night
    for split in ("train", "regression", "held_out"):
        own = [case for case in curated.splits[split] if case.target_source == "production"]
        assert {stars_of(number) for number in numbers(case.call_id for case in own)} <= {4, 5}
    assert {stars_of(number) for number in numbers(case.call_id for case in curated.splits["regression"])} == {4, 5}
    corrected = [case for split in curated.splits.values() for case in split if case.target_source == "correction"]
    assert {case.target.text for case in corrected} == {"We are sorry; it comes at once."}


def test_the_table_says_how_the_stars_were_read(night):
    """Name, values, scale, and how sure it is."""
    work, *_ = night
    (row,) = work.feedback_summary().names
    assert (row.name, row.records, row.praise, row.blame, row.unknown) == ("rating", 200, 100, 100, 0)
    assert (row.seen, row.read_as) == ("1 ×50, 2 ×50, 4 ×50, 5 ×50", "1 to 5, better high")
    assert (row.source, row.sure) == ("feedback", "inferred from 200 values")
