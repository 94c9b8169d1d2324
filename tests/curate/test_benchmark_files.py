"""Any benchmark's file keeps training clean of it."""

import gzip
import io
import json
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.curate import benchmark_files
from harness.curate.benchmark_files import texts
from harness.errors import InputError

QUESTION = "which gas do plants take in"
ROW = {"id": "q1", "question": {"stem": QUESTION, "choices": [{"text": "oxygen from the air"}]}, "n": 3}
FORMS = {
    "a.jsonl": json.dumps(ROW) + "\n\n",
    "a.json": json.dumps([ROW]),
    "a.csv": f'id,q\n1,"{QUESTION}"\n',
    "a.tsv": f"1\t{QUESTION}\n",
    "a.txt": f"{QUESTION}\nyes\n",
}


@pytest.mark.parametrize("name", FORMS)
def test_the_question_is_found_in_every_form(name, tmp_path):
    """Whatever its column is called, and however deep it stands; plain or gzipped."""
    (tmp_path / name).write_text(FORMS[name])
    (tmp_path / f"{name}.gz").write_bytes(gzip.compress(FORMS[name].encode()))
    for path in (tmp_path / name, tmp_path / f"{name}.gz"):
        assert QUESTION in {text.strip() for text in texts([str(path)])}


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.txt"])
def test_every_reader_of_a_file_is_closed(name, tmp_path, monkeypatch):
    """Also when the texts are not read to their end."""
    opened = []

    class Recorded(io.TextIOWrapper):
        def __init__(self, *given, **named):
            super().__init__(*given, **named)
            opened.append(self)

    monkeypatch.setattr(benchmark_files, "io", SimpleNamespace(TextIOWrapper=Recorded))
    (tmp_path / name).write_text(FORMS[name])
    list(texts([str(tmp_path / name)]))
    begun = texts([str(tmp_path / name)])
    next(begun)
    begun.close()
    assert [reader.closed for reader in opened] == [True, True]


def test_parquet_is_read_and_labels_are_passed_over(tmp_path):
    """Texts below three words are no evidence."""
    pq.write_table(pa.Table.from_pylist([{"q": QUESTION, "label": "yes"}]), tmp_path / "a.parquet")
    assert list(texts([str(tmp_path / "a.parquet")])) == [QUESTION]


@pytest.mark.parametrize(
    ("name", "data", "where"),
    [
        ("a.jsonl", b'{"a": 1}\n{broken', "a.jsonl:2"),
        ("a.bin", b"x", "a.bin"),
        ("a.json", b"[", "a.json"),
        ("a.parquet", b"PAR1", "a.parquet"),
        ("a.jsonl.gz", b"no", "a.jsonl.gz"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(name, data, where, tmp_path):
    """Half a benchmark would let the other half train."""
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError) as error:
        list(texts([str(tmp_path / name)]))
    assert where in error.value.where
