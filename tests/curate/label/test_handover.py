"""To Argilla and Label Studio, and back through `trueup ingest`."""

import json
import xml.etree.ElementTree as ElementTree

import pytest

from harness.curate.label import handover, step
from harness.errors import UsageError
from harness.ingest import stage as ingest_stage

RIGHT = '{"dish": "stew", "table": "7"}'


def feedback_of(tmp_path, content):
    """What `trueup ingest` reads from an exported file: (call, name) to value, label or correction."""
    path = tmp_path / "exported.json"
    path.write_text(json.dumps(content))
    read = [item for batch in ingest_stage.ingest([str(path)]) for item in batch.feedback]
    return {(item.call_id, item.name): item for item in read}


def label_studio(tasks):
    """The tasks as Label Studio exports them (JSON), the first judged right, the others wrong and corrected."""
    for number, task in enumerate(tasks):
        choice = {
            "from_name": "verdict",
            "to_name": "response",
            "type": "choices",
            "value": {"choices": ["right" if not number else "wrong"]},
        }
        text = {
            "from_name": "corrected_response",
            "to_name": "response",
            "type": "textarea",
            "value": {"text": [RIGHT]},
        }
        result = [choice] if not number else [choice, text]
        task |= {
            "id": number + 1,
            "project": 1,
            "created_at": "2026-11-01T10:00:00Z",
            "updated_at": "2026-11-01T10:00:00Z",
        }
        task["annotations"] = [
            {
                "id": number + 10,
                "completed_by": {"email": "ada@example.com"},
                "was_cancelled": False,
                "result": result,
                "created_at": "2026-11-01T10:00:00Z",
            }
        ]
        task["predictions"] = []
    return tasks


def argilla(records):
    """The records as `records.to_json` writes them, answered."""
    for number, record in enumerate(records):
        said = {"verdict": "right" if not number else "wrong"} | ({"corrected_response": RIGHT} if number else {})
        record["responses"] = {
            name: [{"value": value, "user_id": "ada", "status": "submitted"}] for name, value in said.items()
        }
        record |= {"status": "completed", "_server_id": f"s{number}"}
    return records


@pytest.mark.parametrize(
    ("tool", "name", "annotate"), [("label-studio", "tasks.json", label_studio), ("argilla", "records.json", argilla)]
)
def test_what_comes_back_is_a_verdict_and_a_correction_of_the_same_call(work, tmp_path, tool, name, annotate):
    """Each task has the id of its call; the correction is one, and not a comment."""
    found = step.labelling(work, 6)
    written = json.loads(handover.files(tool, found.picks, found.items)[name])
    assert len(written) == 6
    read = feedback_of(tmp_path, annotate(written))
    first, second = found.picks[0].call_id, found.picks[1].call_id
    assert read[first, "verdict"].label == "right" and read[second, "verdict"].label == "wrong"
    assert read[second, "corrected_response"].correction == RIGHT
    assert (first, "corrected_response") not in read
    assert {call for call, _ in read} == {pick.call_id for pick in found.picks}


def test_the_interface_of_label_studio_shows_what_the_tasks_hold(work):
    """Every `$name` of the interface is a key of the data, and every control points at an object that is there."""
    found = step.labelling(work, 2)
    written = handover.files("label-studio", found.picks, found.items)
    (task, _), view = json.loads(written["tasks.json"]), ElementTree.fromstring(written["labeling-interface.xml"])
    used = {value[1:] for tag in view.iter() for value in tag.attrib.values() if value.startswith("$")}
    assert used <= task["data"].keys()
    names = {tag.get("name") for tag in view.iter()}
    assert {tag.get("toName") for tag in view.iter() if tag.get("toName")} <= names


def test_an_unknown_tool_is_answered_with_the_known_ones():
    """No file is written."""
    with pytest.raises(UsageError) as caught:
        handover.files("prodigy", (), ())
    assert "label-studio" in caught.value.next
