"""Argilla and Label Studio: what people answered is feedback and corrections on the call that a record names."""

import json

import pytest

from tests.ingest.formats.test_call_cases import read
from tests.ingest.test_balance import balance

CALL = {"trace_id": "t1", "span_id": "s1"}


def given(tmp_path, *rows):
    """Name to value, label, comment, correction and author of the feedback that the rows hold; their fates add up."""
    path = tmp_path / "export.json"
    path.write_text(json.dumps(list(rows)))
    calls, feedback = read(path)
    totals, fates = balance([path])
    assert not calls and totals["read"] == fates
    return {
        (item.call_id or item.trace_id or item.response_id, item.user_id, item.name): item.correction
        or item.comment
        or item.label
        or item.value
        for item in feedback
    }


def argilla(**more):
    record = {
        "id": "rec1",
        "status": "completed",
        "fields": {"prompt": "When do you open?", "response": "We open at nine in the morning."},
        "metadata": CALL,
        "suggestions": {"corrected_response": {"value": "We open at nine.", "agent": "judge", "score": 0.4}},
        "responses": {
            "corrected_response": [{"value": "We open at eight.", "user_id": "ann"}],
            "rating": [{"value": 2, "user_id": "ann"}, {"value": 4, "user_id": "bob"}],
            "tone": [{"value": "friendly", "user_id": "bob"}],
        },
    }
    return record | more


def test_argilla_answers_are_corrections_and_ratings_by_person(tmp_path):
    """A suggestion is nobody's word."""
    assert given(tmp_path, argilla()) == {
        ("t1:s1", "ann", "corrected_response"): "We open at eight.",
        ("t1:s1", "ann", "rating"): 2.0,
        ("t1:s1", "bob", "rating"): 4.0,
        ("t1:s1", "bob", "tone"): "friendly",
    }


def test_argilla_flat_rows_say_the_same(tmp_path):
    row = {
        "id": "rec1",
        "prompt": "When do you open?",
        "response": "We open at nine in the morning.",
        "corrected_response.responses": ["We open at eight."],
        "corrected_response.responses.users": ["ann"],
        "corrected_response.responses.status": ["submitted"],
        "rating.responses": [2, 4],
        "rating.responses.users": ["ann", "bob"],
        "rating.responses.status": ["submitted", "discarded"],
        "rating.suggestion": 5,
        **CALL,
    }
    assert given(tmp_path, row) == {
        ("t1:s1", "ann", "corrected_response"): "We open at eight.",
        ("t1:s1", "ann", "rating"): 2.0,
    }


def test_argilla_1_records_and_discarded_responses(tmp_path):
    record = argilla(
        external_id="call-7",
        metadata={},
        suggestions=[{"question_name": "corrected_response", "value": "x y z"}],
        responses=[
            {"user_id": "ann", "status": "submitted", "values": {"corrected_response": {"value": "We open at eight."}}},
            {"user_id": "bob", "status": "discarded", "values": {"rating": {"value": 1}}},
        ],
    )
    del record["id"]
    assert given(tmp_path, record) == {("call-7", "ann", "corrected_response"): "We open at eight."}


def test_a_text_that_rewrites_the_answer_is_a_correction_whatever_its_question_is_called(tmp_path):
    """A remark about it is a comment, and a label about correctness is no correction."""
    responses = {
        "final": [{"value": "We open at eight in the morning.", "user_id": "ann"}],
        "remark": [{"value": "the opening hours have changed", "user_id": "ann"}],
        "answer_correctness": [{"value": "incorrect", "user_id": "ann"}],
    }
    record = argilla(responses=responses, suggestions={})
    path = tmp_path / "export.json"
    path.write_text(json.dumps([record]))
    by_name = {item.name: item for item in read(path)[1]}
    assert by_name["final"].correction == "We open at eight in the morning."
    assert by_name["remark"].comment and by_name["remark"].correction is None
    assert (by_name["answer_correctness"].label, by_name["answer_correctness"].correction) == ("incorrect", None)


def test_a_record_without_an_answer_has_a_fate(tmp_path):
    assert given(tmp_path, argilla(responses={}), argilla(id="rec2", responses={"rating": []})) == {}


def result(name, kind, value, **more):
    return {"from_name": name, "to_name": "dialog", "type": kind, "value": {kind: value} | more, "origin": "manual"}


def task(**more):
    annotation = {
        "id": 11,
        "completed_by": {"id": 3, "email": "ann@example.com"},
        "was_cancelled": False,
        "created_at": "2026-10-01T08:00:00Z",
        "updated_at": "2026-10-01T09:00:00Z",
        "result": [
            result("verdict", "choices", ["Bad answer"]),
            result("stars", "rating", 2),
            {
                "from_name": "answer",
                "to_name": "dialog",
                "type": "textarea",
                "value": {"text": ["We open", "at eight."]},
            },
            {"from_name": "why", "to_name": "dialog", "type": "textarea", "value": {"text": ["hours changed"]}},
            result("spans", "labels", ["TIME"], start=0, end=4),
        ],
    }
    data = {"prompt": "When do you open?", "response": "We open at nine.", "call_id": "call-7"}
    return {"id": 1, "project": 5, "data": data, "annotations": [annotation], "predictions": [{"result": []}], **more}


def test_label_studio_annotations_are_feedback(tmp_path):
    """Choices and stars rate, the text area of the answer corrects, the other one comments; marks in texts are nothing."""
    person = "ann@example.com"
    assert given(tmp_path, task()) == {
        ("call-7", person, "verdict"): "Bad answer",
        ("call-7", person, "stars"): 2.0,
        ("call-7", person, "answer"): "We open\nat eight.",
        ("call-7", person, "why"): "hours changed",
    }


def test_label_studio_skipped_tasks_say_nothing(tmp_path):
    skipped = task()
    skipped["annotations"][0]["was_cancelled"] = True
    assert given(tmp_path, skipped, task(id=2, annotations=[])) == {}


def test_label_studio_without_ids_counts_the_task_as_the_call(tmp_path):
    plain = task(data={"prompt": "a", "trace_id": "t9"})
    path = tmp_path / "export.json"
    path.write_text(json.dumps([plain]))
    assert {item.trace_id for item in read(path)[1]} == {"t9"}


def test_label_studio_minimal_rows(tmp_path):
    row = {
        "id": 1,
        "annotation_id": 11,
        "annotator": 3,
        "lead_time": 4.2,
        "created_at": "2026-10-01T08:00:00Z",
        "updated_at": "2026-10-01T08:00:00Z",
        "prompt": "When do you open?",
        "response": "We open at nine.",
        "call_id": "call-7",
        "verdict": "bad",
        "stars": 2,
        "corrected_answer": "We open at eight.",
    }
    assert given(tmp_path, row) == {
        ("call-7", "3", "verdict"): "bad",
        ("call-7", "3", "stars"): 2.0,
        ("call-7", "3", "corrected_answer"): "We open at eight.",
    }


@pytest.mark.parametrize("other", [{"data": {"a": 1}}, {"fields": {"a": 1}}, {"annotations": [{"id": 1}], "data": {}}])
def test_rows_that_only_look_alike_are_not_taken(tmp_path, other):
    from harness.ingest.formats import argilla as argilla_format
    from harness.ingest.formats import label_studio

    assert not argilla_format.claims(other) and not label_studio.claims(other)
