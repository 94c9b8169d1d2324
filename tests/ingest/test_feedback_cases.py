"""Feedback as producers export it: from the file to what is mined, through the store, in one ingest or in several.

The folders of `tests/fixtures/cases` hold one kind of feedback each, with the trace that it is about.
"""

import itertools
import json
from pathlib import Path

import pytest

from harness.core.replies import corrected
from harness.ingest import step
from harness.mine import stage
from harness.project import Project
from harness.sections import Config, FeedbackSection

CASES = Path(__file__).parents[1] / "fixtures" / "cases"


def project(folder, **settings):
    return Project.open(Config(root=str(folder), **settings))


def ingested(folder, *paths, **settings):
    """A project that has read the paths, in one command each."""
    found = project(folder, **settings)
    for path in paths:
        step.ingest(found, [str(path)])
    return found


def outcome(found):
    """The last character of the span ids of the calls that passed, and of those that feedback or a correction failed."""
    mined = stage.mine(found.calls(), found.feedback(), detectors=["thumbs_down", "low_score", "correction"])
    return "".join(sorted(id[-1] for id in mined.passed)), "".join(sorted({one.call_id[-1] for one in mined.failures}))


def said(found):
    """What holds, as (name, value, label, reading, correction, expectation)."""
    return sorted(
        (one.name, one.value, one.label, one.reading, one.correction, one.expectation) for one in found.feedback()
    )


@pytest.mark.parametrize(
    ("case", "passed", "failed"),
    [
        ("plain-stars", "45", "12"),
        ("plain-0to1-human", "45", "12"),
        ("plain-labels", "", "123456789"),
        ("csv-bool", "24", "13"),
        ("csv-rating-camel", "2", "1"),
        ("langfuse-categorical-index", "", "12"),
        ("langsmith", "2", "134567"),
        ("mlflow", "23", "1456"),
        ("braintrust", "2", "13567"),
        ("plain-correction-message", "", "123"),
        ("braintrust-sdk-feedback-on-root", "", "12"),
    ],
)
def test_each_encoding_is_read_as_praise_or_blame(tmp_path, case, passed, failed):
    """Stars, shares, booleans, labels, categories and yes or no: every record reaches its call and is read right."""
    found = ingested(tmp_path, CASES / case)
    assert outcome(found) == (passed, failed)
    assert all(one.call_id for one in found.feedback())
    assert not any(one.next for one in found.feedback_summary().names)


def test_a_correction_in_chat_form_is_the_message_in_it(tmp_path):
    """With a role, without one, and as a list of messages."""
    found = ingested(tmp_path, CASES / "plain-correction-message")
    calls = {call.id: call for call in found.calls()}
    read = [corrected(one.correction, calls[one.call_id]) for one in found.feedback()]
    assert sorted(message.text for message in read) == ["Better 1", "Better 2", "Better 3"]


def test_an_applications_object_around_the_answer_is_taken_off(tmp_path):
    """LangSmith's correction has the shape of the chain's output; the call answers in words."""
    found = ingested(tmp_path, CASES / "langsmith")
    calls = {call.id: call for call in found.calls()}
    read = [corrected(one.correction, calls[one.call_id]).text for one in found.feedback() if one.correction]
    assert sorted(read) == ["Better 5", "Better 6"]


def test_expectations_are_no_answers(tmp_path):
    """Facts, guidelines and tools are kept beside the case; only a response is a correction."""
    found = ingested(tmp_path, CASES / "mlflow", CASES / "mlflow_langchain_assessments.jsonl")
    assert {one.correction for one in found.feedback()} == {None, "Better 5"}
    kept = {
        one.name: json.loads(one.expectation) for one in found.feedback() if one.expectation and "[" in one.expectation
    }
    assert kept == {"expected_facts": kept["expected_facts"], "expected_tools": ["search"]}
    assert "Be polite and short." in {one.expectation for one in found.feedback()}


def test_an_assessment_that_overrides_another_replaces_it(tmp_path):
    """MLflow keeps the old one, marked as no longer valid."""
    found = ingested(tmp_path, CASES / "mlflow_langchain_assessments.jsonl")
    assert [one.reading for one in found.feedback() if one.name == "user_feedback"] == ["praise"]


@pytest.mark.parametrize("order", list(itertools.permutations(["b.json", "s1.json", "s2.json"])), ids="-".join)
def test_the_newest_version_holds_whatever_order_it_is_ingested_in(tmp_path, order):
    """A score and a correction that were edited in Langfuse, one ingest each, the trace before, between or after them."""
    thumbs = ingested(tmp_path / "thumbs", *(CASES / "langfuse-override" / name for name in order))
    assert [(one.label, one.reading) for one in thumbs.feedback()] == [("True", "praise")]
    fixes = ingested(tmp_path / "fixes", *(CASES / "langfuse-correction-edited" / name for name in order))
    assert [one.correction for one in fixes.feedback()] == ["Second wording"]
    assert outcome(fixes)[1] == "1"


TRACE = "0" * 31 + "1"
RUN = {"run_id": "r", "trace_id": "r", "key": "user_score", "feedback_source": {"type": "app"}}
NOTE = {"span_id": "b", "name": "thumb", "annotator_kind": "HUMAN", "identifier": ""}
VERSIONS = {
    "langsmith": [
        {**RUN, "id": "f", "score": 1, "created_at": "2026-08-02T00:00:00", "modified_at": "2026-08-02T00:00:00"},
        {**RUN, "id": "f", "score": 0, "created_at": "2026-08-02T00:00:00", "modified_at": "2026-08-03T00:00:00"},
    ],
    "phoenix": [
        {**NOTE, "id": "a", "result": {"score": 1}, "created_at": "2026-08-02T00:00:00Z", "updated_at": "2026-08-02T00:00:00Z"},
        {**NOTE, "id": "a", "result": {"score": 0}, "created_at": "2026-08-02T00:00:00Z", "updated_at": "2026-08-04T00:00:00Z"},
    ],
    "plain toggle": [
        {"trace_id": TRACE, "name": "thumb", "value": 1, "timestamp": "2026-08-02T00:00:00Z"},
        {"trace_id": TRACE, "name": "thumb", "value": -1, "timestamp": "2026-08-02T00:01:00Z"},
    ],
    "plain id": [
        {"traceId": TRACE, "id": 7, "thumbs": "up", "createdAt": "2026-08-02T00:00:00Z"},
        {"traceId": TRACE, "id": 7, "thumbs": "down", "createdAt": "2026-08-02T00:00:00Z", "updatedAt": "2026-08-02T00:01:00Z"},
    ],
    "braintrust": [
        {"id": "row", "log_id": "g", "project_id": "p", "_is_merge": True, "scores": {"thumb": 1}, "_xact_id": "1000192656880881099"},
        {"id": "row", "log_id": "g", "project_id": "p", "_is_merge": True, "scores": {"thumb": 0}, "_xact_id": "1000192656880881100"},
    ],
    "weave": [
        {"weave_ref": "w:///x/call/c", "feedback_type": "wandb.reaction.1", "payload": {"emoji": "👍"}, "creator": "u", "created_at": "2026-08-02T00:00:00Z"},
        {"weave_ref": "w:///x/call/c", "feedback_type": "wandb.reaction.1", "payload": {"emoji": "👎"}, "creator": "u", "created_at": "2026-08-03T00:00:00Z"},
    ],
}  # fmt: skip
CALLS = {
    "langsmith": {"id": "r", "trace_id": "r", "run_type": "llm", "start_time": "2026-08-01T00:00:00", "end_time": "2026-08-01T00:00:01", "inputs": {"messages": [{"role": "user", "content": "Hi"}]}, "outputs": {"choices": [{"message": {"role": "assistant", "content": "Yo"}, "finish_reason": "stop"}]}},
    "phoenix": {"name": "chat", "span_kind": "LLM", "parent_id": None, "context": {"trace_id": TRACE, "span_id": "b"}, "start_time": "2026-08-01T00:00:00Z", "end_time": "2026-08-01T00:00:01Z", "status_code": "OK", "attributes": {"llm.input_messages.0.message.role": "user", "llm.input_messages.0.message.content": "Hi", "llm.output_messages.0.message.role": "assistant", "llm.output_messages.0.message.content": "Yo"}, "events": []},
    "braintrust": {"id": "row", "span_id": "s", "root_span_id": "s", "span_attributes": {"type": "llm", "name": "Chat"}, "created": "2026-08-01T00:00:00Z", "metrics": {"start": 1785578460, "end": 1785578461}, "input": [{"role": "user", "content": "Hi"}], "output": [{"index": 0, "message": {"role": "assistant", "content": "Yo"}, "finish_reason": "stop"}], "log_id": "g", "project_id": "p"},
    "weave": {"id": "c", "trace_id": "t", "op_name": "openai.chat.completions.create", "started_at": "2026-08-01T00:00:00Z", "ended_at": "2026-08-01T00:00:01Z", "inputs": {"messages": [{"role": "user", "content": "Hi"}]}, "output": {"object": "chat.completion", "choices": [{"message": {"role": "assistant", "content": "Yo"}, "finish_reason": "stop"}]}},
}  # fmt: skip


def written(folder, producer, records):
    """One file a record, after the call."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number, record in enumerate(records):
        path = folder / f"{number}.jsonl"
        path.write_text(json.dumps(record) + "\n")
        files.append(path)
    call = folder / "call.jsonl"
    call.write_text(json.dumps(CALLS.get(producer, CALLS["phoenix"])) + "\n")
    return call, files


@pytest.mark.parametrize("later_first", [False, True])
@pytest.mark.parametrize("producer", VERSIONS)
def test_a_change_of_mind_counts_in_every_producers_form(tmp_path, producer, later_first):
    """First a thumbs-up, then a thumbs-down, over two ingests in both orders: the call failed and is not praised."""
    call, files = written(tmp_path / "in", producer, VERSIONS[producer])
    found = ingested(tmp_path / "work", call, *(reversed(files) if later_first else files))
    assert [(one.reading, bool(one.call_id)) for one in found.feedback()] == [("blame", True)]
    assert outcome(found)[0] == "" and len(outcome(found)[1]) == 1


@pytest.mark.parametrize(
    "last", [{"value": None}, {"value": ""}, {"withdrawn": True, "value": 1}, {"deleted": "true", "value": None}]
)
def test_a_withdrawn_thumb_is_gone(tmp_path, last):
    """An empty value, or a column that says so, takes back what the same author said before; a later word counts again."""
    first, third = VERSIONS["plain toggle"][0], {**VERSIONS["plain toggle"][1], "timestamp": "2026-08-05T00:00:00Z"}
    gone = {"trace_id": TRACE, "name": "thumb", "timestamp": "2026-08-03T00:00:00Z", **last}
    call, files = written(tmp_path / "in", "", [first, gone, third])
    found = ingested(tmp_path / "work", call, *files[:2])
    assert said(found) == []
    step.ingest(found, [str(files[2])])
    assert [one.reading for one in found.feedback()] == ["blame"]


CONFIGS = {
    "langfuse": (
        {"id": "cfg", "name": "depth", "dataType": "NUMERIC", "minValue": 0, "maxValue": 10, "isArchived": False, "categories": None},
        {"id": "s", "traceId": TRACE, "name": "depth", "value": 5, "dataType": "NUMERIC", "source": "ANNOTATION", "timestamp": "2026-08-02T00:00:00Z"},
        "unknown",  # the range is declared, the better end is not
    ),
    "langfuse categories": (
        {"id": "cfg", "name": "depth", "dataType": "CATEGORICAL", "isArchived": False, "categories": [{"label": "shallow-ish", "value": 0}, {"label": "excellent", "value": 1}]},
        {"id": "s", "traceId": TRACE, "name": "depth", "value": 0, "stringValue": "shallow-ish", "dataType": "CATEGORICAL", "source": "API", "timestamp": "2026-08-02T00:00:00Z"},
        "blame",
    ),
    "langsmith": (
        {"feedback_key": "depth", "feedback_config": {"type": "continuous", "min": 0, "max": 1}, "is_lower_score_better": True},
        {"run_id": TRACE, "trace_id": TRACE, "key": "depth", "score": 0.1, "created_at": "2026-08-02T00:00:00"},
        "praise",
    ),
    "phoenix": (
        {"id": "x", "name": "depth", "type": "CONTINUOUS", "optimization_direction": "MINIMIZE", "lower_bound": 0, "upper_bound": 4},
        {"span_id": "b", "annotation_name": "depth", "annotator_kind": "LLM", "result": {"score": 4}, "created_at": "2026-08-02T00:00:00Z"},
        "blame",
    ),
}  # fmt: skip


@pytest.mark.parametrize("producer", CONFIGS)
def test_a_scale_that_is_declared_later_changes_what_was_read(tmp_path, producer):
    """The config of a name comes in a second ingest; before it nothing was known."""
    config, record, reading = CONFIGS[producer]
    call, (first, second) = written(tmp_path / "in", "", [record, config])
    found = ingested(tmp_path / "work", call, first)
    assert [one.reading for one in found.feedback()] == ["unknown"]
    step.ingest(found, [str(second)])
    assert [one.reading for one in found.feedback() if one.reading] == [reading]
    assert sum(row.records for row in found.feedback_summary().names) == 1


def test_stars_that_come_later_make_an_earlier_one_the_worst(tmp_path):
    """1 by itself may be a thumb; with 5 in the table it is one star."""
    one, five = ({"trace_id": TRACE, "rating": value, "user": str(value)} for value in (1, 5))
    call, files = written(tmp_path / "in", "", [one, five])
    found = ingested(tmp_path / "work", call, files[0])
    (row,) = found.feedback_summary().names
    assert (row.unknown, row.sure, row.next) == (
        1,
        "unknown",
        '[feedback.rating]\nscale = [1, 5]\nbetter = "high"',
    )
    step.ingest(found, [str(files[1])])
    assert sorted(one.reading for one in found.feedback()) == ["blame", "praise"]


def test_trueup_toml_states_what_nothing_tells(tmp_path):
    """A stated scale and stated labels are read at once, without reading the files again."""
    records = [
        {"trace_id": TRACE, "name": "verbosity", "value": 5},
        {"trace_id": TRACE, "name": "tone", "label": "stiff"},
    ]
    call, files = written(tmp_path / "in", "", records)
    found = ingested(tmp_path, call, *files)
    assert {one.reading for one in found.feedback()} == {"unknown"}
    stated = {"verbosity": FeedbackSection(scale=(1, 5), better="low"), "tone": FeedbackSection(blame=("stiff",))}
    again = project(tmp_path, feedback=stated)
    assert {one.reading for one in again.feedback()} == {"blame"}
    assert {row.sure for row in again.feedback_summary().names} == {"stated in trueup.toml"}


def test_what_links_to_nothing_is_counted_with_its_likely_cause_and_joins_later(tmp_path):
    """Wrong ids, ids in another spelling, and a trace that comes in a later ingest."""
    found = ingested(tmp_path / "wrong", CASES / "wrong-ids")
    (group,) = found.feedback_summary().waiting
    assert (group.records, group.corrections, len(group.examples)) == (3, 3, 3)
    assert "not an id of a trace" in group.cause
    call, files = written(
        tmp_path / "in",
        "",
        [
            {"trace_id": f"0x{TRACE}", "value": -1},
            {"trace_id": "f" * 32, "value": -1},
            {"trace_id": TRACE, "value": -1},
        ],
    )
    work = project(tmp_path / "late")
    intake = step.ingest(work, [str(path) for path in files])
    assert (intake.feedback, intake.linked, intake.waiting) == (3, 0, 3)
    step.ingest(work, [str(call)])
    summary = work.feedback_summary()
    assert (summary.linked, summary.unlinked) == ({"only": 1}, 2)
    assert [cause.split(":")[0] for cause in sorted(one.cause for one in summary.waiting)] == [
        "no call of that trace is stored",
        "the id begins with 0x",
    ]


def test_every_feedback_record_of_an_ingest_has_one_fate(tmp_path):
    """Linked, waiting and superseded add up to what was stored."""
    work = project(tmp_path / "work")
    folders = [CASES / name for name in ("langfuse-override", "wrong-ids", "mlflow_langchain_assessments.jsonl")]
    intake = step.ingest(work, [str(path) for path in folders])
    assert intake.feedback == intake.linked + intake.waiting + intake.superseded
    assert (intake.linked, intake.waiting, intake.superseded) == (5, 3, 2)
