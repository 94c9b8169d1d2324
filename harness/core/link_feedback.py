"""Link feedback to calls and read it: which call each record is about, whether it still counts, and what it says.

All of it is derived when feedback is read, never stored: a call, an edit or a scale that comes later changes it.
"""

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from harness.core import feedback_scale
from harness.core.feedback_override import latest_versions, latest_words
from harness.core.feedback_subject import Subjects
from harness.types import Call, Feedback, FeedbackScale


def link(
    calls: Iterable[Call], feedback: Iterable[Feedback], stated: Mapping[str, FeedbackScale] = {}
) -> list[Feedback]:
    """The records that hold, each with its `call_id`, how that was found, its reading and its goodness.

    `stated` maps names to what trueup.toml says of their values. A record of which no call is known has an empty
    `call_id`. A correction whose call is ambiguous is not taken: `linked` says so.
    """
    table = list(feedback)
    records = latest_versions(table)
    subjects = Subjects(calls, records)
    kept = latest_words(_linked(record, *subjects.find(record)) for record in records)
    place = {record.id: at for at, record in enumerate(table)}
    return feedback_scale.read(sorted(kept, key=lambda record: place[record.id]), stated)


def _linked(record: Feedback, call_id: str, how: str) -> Feedback:
    correction = None if how == "ambiguous" else record.correction
    if (call_id, how, correction) == (record.call_id, record.linked, record.correction):
        return record
    return replace(record, call_id=call_id, linked=how, correction=correction)
