"""General examples mixed into training."""

import json

import pytest

from harness.curate.replay import mix, read
from harness.errors import InputError

ROWS = (
    {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]},
    {"instruction": "Add.", "input": "1 2", "output": "3"},
    {"instruction": "Name a fruit.", "instances": [{"input": "", "output": "pear"}]},
    {"prompt": "Intro.\n\n### Instruction:\nSay yes\n\n### Response:", "answer": "yes###eos_token###"},
)


def test_the_usual_shapes_are_read(tmp_path):
    """Chat rows, Alpaca, Self-Instruct and framed Dolly rows give a question and an answer."""
    path = tmp_path / "replay.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in ROWS))
    cases = list(read([str(path)]))
    assert [(case.text, case.expected) for case in cases] == [
        ("hi", "hello"),
        ("Add.\n\n1 2", "3"),
        ("Name a fruit.", "pear"),
        ("Say yes", "yes"),
    ]


def test_a_row_of_no_known_shape_is_named(tmp_path):
    """The error says file and line; a missing file is named too."""
    path = tmp_path / "replay.jsonl"
    path.write_text('{"instruction": "a", "output": "b"}\n{"title": 1}\n')
    with pytest.raises(InputError) as caught:
        list(read([str(path)]))
    assert str(caught.value.where) == f"{path}:2"
    with pytest.raises(InputError):
        list(read([str(tmp_path / "none.jsonl")]))


def test_the_share_is_of_the_final_mix(tmp_path):
    """90 rows and a share of a tenth make 10 replay rows, the same ones each time."""
    path = tmp_path / "replay.jsonl"
    path.write_text("\n".join(json.dumps({"instruction": f"q{n}", "output": "a"}) for n in range(50)))
    cases = list(read([str(path)]))
    assert len(mix(cases, 90, 0.1, 17)) == 10
    assert mix(cases, 90, 0.1, 17) == mix(cases[::-1], 90, 0.1, 17)


def test_rows_of_a_replay_file_pass_the_redaction_door(tmp_path):
    """A row that no ingest has read is redacted before it is stored."""
    from harness.ingest.settings import redacted
    from harness.project import Project
    from harness.sections import Config, ProjectSection

    path = tmp_path / "replay.jsonl"
    path.write_text(json.dumps({"instruction": "Mail eve@example.com", "output": "Sent to eve@example.com"}))
    work = Project.open(Config(project=ProjectSection(name="x"), root=str(tmp_path)))
    (case,) = map(redacted(work), read([str(path)]))
    assert "eve@" not in str(case) and "<EMAIL_" in case.text and "<EMAIL_" in str(case.expected)
