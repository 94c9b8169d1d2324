"""Which lever fits a cluster, and why."""

import json

from harness.curate.levers import inspect
from harness.mine.mined import Mined
from harness.mine.stage import mine
from harness.types import Cluster, Failure
from tests.curate.traces import call, order, restaurant, thumb


def judged(detector, texts, corrections, environment=False):
    """The one cluster of failures over these messages, inspected."""
    calls = [call(n, text) for n, text in enumerate(texts)]
    feedback = [thumb(f"t:{n}", -1, answer) for n, answer in enumerate(corrections)]
    ids = tuple(item.id for item in calls)
    failures = tuple(Failure(call_id=i, detector=detector, reason="", environment=environment) for i in ids)
    cluster = Cluster(id="c", label="", detector=detector, call_ids=ids)
    return inspect(Mined(failures=failures, clusters=(cluster,), calls=len(calls)), calls, feedback).clusters[0]


def test_timeouts_want_another_environment():
    """No tuning mends a timeout."""
    assert judged("error", ["x"] * 30, [], environment=True).lever == "environment"


def test_facts_from_nowhere_want_retrieval():
    """Where corrections hold what the input does not, tuning would teach to invent."""
    found = judged(
        "correction", [f"opening hours? {n}" for n in range(30)], [{"hours": f"{n} PM sharp"} for n in range(30)]
    )
    assert found.lever == "retrieval"
    assert "30 of 30" in found.evidence


def test_a_label_is_no_fact_from_outside():
    """A field with few values that recur is a choice, which a fine-tune teaches, though its words are not in the message."""
    labels = ["late", "damaged", "tracking"]
    found = judged(
        "correction",
        [f"parcel {n} did not come" for n in range(40)],
        [{"category": labels[n % 3], "parcel": str(n)} for n in range(40)],
    )
    assert found.lever == "fine-tune", found.evidence


def test_a_label_that_production_uses_too_is_no_fact_from_outside():
    """With four corrections a label cannot recur, but production's own answers show that the field is a choice."""
    labels = ["late", "damaged", "tracking"]
    calls = [call(n, f"parcel {n} did not come", json.dumps({"team": labels[n % 3]})) for n in range(30)]
    wrong = tuple(item.id for item in calls[:4])
    cluster = Cluster(id="c", label="", detector="correction", call_ids=wrong)
    failures = tuple(Failure(call_id=i, detector="correction", reason="") for i in wrong)

    def lever(answer):
        feedback = [thumb(ident, -1, {"team": answer(n)}) for n, ident in enumerate(wrong)]
        return inspect(Mined(failures=failures, clusters=(cluster,), calls=30), calls, feedback).clusters[0].lever

    assert lever(lambda n: labels[(n + 1) % 3]) == ""
    assert lever(lambda n: f"courier {n}") == "retrieval"  # what production never said is no choice


def test_few_slips_in_form_want_a_prompt():
    """A dozen answers that are not JSON are told so."""
    assert judged("schema_break", [f"m {n}" for n in range(12)], []).lever == "prompt"


def test_many_consistent_corrections_want_a_fine_tune():
    """Enough cases, derivable, and like inputs corrected alike."""
    pairs = [order(n) for n in range(40)]
    assert judged("correction", [text for text, _ in pairs], [right for _, right in pairs]).lever == "fine-tune"


def test_contradicting_corrections_are_no_reason_to_tune():
    """One message corrected in four ways: first it has to be said what is wanted."""
    found = judged(
        "correction",
        ["soup or pasta or stew or pie"] * 40,
        [{"dish": ["soup", "pasta", "stew", "pie"][n % 4]} for n in range(40)],
    )
    assert found.lever == "prompt"


def test_without_corrections_no_lever_is_named():
    """The evidence says how many are missing."""
    found = judged("thumbs_down", [f"m {n}" for n in range(60)], ["m 0"])
    assert (found.lever, "19 more" in found.evidence) == ("", True)


def test_the_summary_counts_what_is_there():
    """Counts of calls, failures, corrections and passes come from the traces."""
    calls, feedback = restaurant()
    found = inspect(mine(calls, feedback), calls, feedback)
    assert (found.calls, found.corrected, found.passed) == (121, 40, 20)
    assert found.failed == len({f.call_id for f in mine(calls, feedback).failures})
    assert json.dumps(found.routes) == '{"POST /orders": 121}'
