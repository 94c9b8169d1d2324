"""A Parquet file whose schema asks for a Python type: its rows are read as plain values, and nothing of it runs."""

import os
import pickle

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.ingest.stage import ingest

ROWS = [{"run_id": f"r{n}", "key": "thumb", "score": 1.0, "trace_id": f"t{n}"} for n in range(5)]


class Bomb:
    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.system, (f"touch {self.mark}",)


@pytest.mark.parametrize("name", ["arrow.py_extension_type", "trueup.unknown"])
def test_an_extension_type_is_never_loaded(tmp_path, name):
    """A pickle in the field's metadata, under the name that pyarrow once loaded by itself, and under another."""
    mark, folder = tmp_path / "mark", tmp_path / "exports"
    folder.mkdir()
    table = pa.Table.from_pylist(ROWS)
    metadata = {"ARROW:extension:name": name, "ARROW:extension:metadata": pickle.dumps(Bomb(mark))}
    fields = [field.with_metadata(metadata) if field.name == "key" else field for field in table.schema]
    pq.write_table(pa.Table.from_arrays(table.columns, schema=pa.schema(fields)), folder / "rows.parquet")
    batches = list(ingest([str(folder)], options={"redact": False}))
    assert sum(len(batch.feedback) for batch in batches) == len(ROWS)
    assert not mark.exists()
