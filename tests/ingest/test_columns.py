"""Rows that no format claims come with what to type so that they are read."""

import json

import pytest

from harness.errors import InputError
from harness.ingest.columns import suggestion
from harness.ingest.stage import ingest


def test_a_mapping_is_suggested_for_questions_with_answers():
    assert suggestion({"input": "a", "output": "b"}) == "--format table"
    mapped = 'columns = { input = "Question", output = "answer", session_id = "chat_id" }'
    assert mapped in suggestion({"Question": "a", "answer": "b", "chat_id": "c"})
    assert suggestion({"question": "a"}) == suggestion([1]) == ""


def test_what_is_suggested_works(tmp_path):
    """The error names it, and with it the rows are calls."""
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"prompt": "Where?", "completion": "Here"}) + "\n")
    with pytest.raises(InputError, match="none of the files") as error:
        list(ingest([str(path)]))
    assert error.value.next.startswith('--format table, with columns = { input = "prompt", output = "completion" }')
    options = {"columns": {"input": "prompt", "output": "completion"}}
    (call,) = (call for batch in ingest([str(path)], format="table", options=options) for call in batch.calls)
    assert (call.input[0].text, call.reply) == ("Where?", "Here")
