"""Rows become cases with stable ids, and bad rows say where they stand."""

import json
from typing import TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core import codec
from harness.errors import InputError, UsageError
from harness.evaluate.runner.cases import load_cases, to_case
from harness.evaluate.suites import MinedSplit
from harness.types import Case, Message, TextPart

ROW = {"id": "r1", "text": "Hello", "expected": {"a": 1}, "session_id": "s", "tags": ["x"], "kind": "greeting"}


def load(source, folder=None, **options):
    return load_cases(source, folder=folder, datasets={}, **options)


def test_a_row_becomes_a_case_and_its_other_columns_stay_readable():
    """Known columns fill the case's fields; any further ones are read by name."""
    case = to_case(ROW)
    assert (case.id, case.text, case.expected, case.session_id, case.tags) == ("r1", "Hello", {"a": 1}, "s", ("x",))
    assert case["kind"] == "greeting" and case["session_id"] == "s"
    with pytest.raises(KeyError, match="no column 'color'; it has kind, text"):
        case["color"]


def test_messages_may_be_in_either_form():
    """The OpenAI form and our own are read alike."""
    own = codec.encode(Message(role="user", parts=(TextPart(text="Hi"),)))
    for message in ({"role": "user", "content": "Hi"}, json.loads(own)):
        assert to_case({"messages": [message]}).text == "Hi"


@given(st.permutations(list(ROW)))
def test_an_id_from_content_does_not_depend_on_the_order_of_columns(order):
    """A row without an id keeps its digest id when its keys are reordered, and gets another when its content changes."""
    row = {key: ROW[key] for key in order if key != "id"}
    plain = {key: value for key, value in ROW.items() if key != "id"}
    assert to_case(row).id == to_case(plain).id != to_case({**plain, "text": "Bye"}).id
    assert len(to_case(row).id) == 12


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_files_of_each_kind_give_the_same_cases(tmp_path, suffix):
    """JSON Lines, CSV and Parquet with the same text columns are the same cases."""
    rows = [{"id": "a", "text": 'é, "quoted"', "expected": "x"}, {"id": "b", "text": "two", "expected": "y"}]
    path = tmp_path / f"cases.{suffix}"
    if suffix == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif suffix == "csv":
        path.write_text('id,text,expected\na,"é, ""quoted""",x\nb,two,y\n')
    else:
        pyarrow = pytest.importorskip("pyarrow")
        from pyarrow import parquet

        parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    cases = load(path.name, tmp_path)
    assert [(case.id, case.text, case.expected) for case in cases] == [("a", 'é, "quoted"', "x"), ("b", "two", "y")]


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        (b'{"id": "a"}\n{"id": "b"', 2, "not a valid row"),
        (b'{"id": "a"}\n\n[1]\n', 3, "a case is a JSON object, not list"),
        (b'{"id": "a"}\n{"id": "a"}\n', 2, "'a' is not unique"),
        (b'{"text": "same"}\n{"text": "same"}\n', 2, "is not unique"),
        (b'{"messages": "hi"}\n', 1, "`messages` is not a list"),
        (b'{"messages": [{"content": "hi"}]}\n', 1, "not a chat message"),
        (b'{"text": "\xff"}\n', 1, "not a valid row"),
    ],
)
def test_a_bad_row_names_file_and_line(tmp_path, content, line, message):
    """Whatever is wrong with a row, the error says where it stands."""
    (tmp_path / "cases.jsonl").write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        load("cases.jsonl", tmp_path)
    assert caught.value.where == f"{tmp_path / 'cases.jsonl'}:{line}"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("cases.jsonl", '\ufeff{"id": "a", "text": "x, y"}\n'),
        ("cases.json", '[{"id": "a", "text": "x, y"}]'),
        ("cases.csv", "\ufeffid;text\na;x, y\n"),
        ("cases.tsv", "id\ttext\na\tx, y\n"),
        ("cases.ndjson", '{"id": "a", "text": "x, y"}'),
    ],
)
def test_files_as_other_programs_write_them(tmp_path, name, content):
    """A byte order mark, semicolons, tabs, one list."""
    (tmp_path / name).write_text(content)
    (case,) = load(name, tmp_path)
    assert (case.id, case.messages[0].text) == ("a", "x, y")


def test_csv_with_a_missing_cell_names_its_line(tmp_path):
    """A row shorter than the header is not silently filled up."""
    (tmp_path / "cases.csv").write_text("id,text\na,one\nb\n")
    with pytest.raises(InputError, match="not as many cells") as caught:
        load("cases.csv", tmp_path)
    assert caught.value.where.endswith("cases.csv:3")


def test_a_missing_file_or_an_unknown_kind_says_so(tmp_path):
    """A path that is not there and a suffix that cannot be read are told apart."""
    with pytest.raises(InputError, match="does not exist"):
        load("cases.jsonl", tmp_path)
    with pytest.raises(UsageError, match="cannot read cases from this kind"):
        load("cases.yaml", tmp_path)


def test_the_id_may_be_in_another_column(tmp_path):
    """`@cases(..., id="ticket")` takes ids from there, and a row without one is an error."""
    assert load([{"ticket": 7, "text": "a"}], id="ticket")[0].id == "7"
    with pytest.raises(InputError, match="no 'ticket'"):
        load([{"text": "a"}], id="ticket")


def test_cases_may_come_from_python():
    """A list or a function that gives rows or cases works as a file does."""
    made = (Case(id="x"), Case(id="", expected="y"))
    assert [case.id for case in load(lambda: made)] == ["x", to_case(made[1]).id]


def test_mined_cases_come_from_the_dataset_of_that_name(tmp_path):
    """`cases.held_out()` finds the only dataset; a name that is not there lists those that are."""
    (tmp_path / "held_out.jsonl").write_bytes(codec.encode(Case(id="m", cluster="c")) + b"\n")
    datasets = {"booking": str(tmp_path)}
    for name in ("", "booking"):
        cases = load_cases(MinedSplit(name, "held_out"), folder=tmp_path, datasets=datasets)
        assert [(case.id, case.cluster) for case in cases] == [("m", "c")]
    with pytest.raises(UsageError) as caught:
        load_cases(MinedSplit("parcels", "held_out"), folder=tmp_path, datasets=datasets)
    assert "booking" in caught.value.next
    with pytest.raises(UsageError, match="no mined dataset"):
        load_cases(MinedSplit("", "held_out"), folder=tmp_path, datasets={})


@pytest.mark.parametrize("text", ["python:os.system('touch hacked')", "file:///etc/passwd", "{{7*7}}", "{0.__class__}"])
def test_what_a_row_says_is_data(text, tmp_path):
    """Text that other tools would run, open or expand is passed on letter by letter."""
    (tmp_path / "cases.jsonl").write_text(json.dumps({"id": "1", "text": text, "expected": text}))
    case = load("cases.jsonl", tmp_path)[0]
    assert case.text == case.expected == text


def saved(tmp_path, rows, name="saved", splits=()):
    datasets = pytest.importorskip("datasets")
    made = datasets.Dataset.from_list(rows)
    (datasets.DatasetDict(dict.fromkeys(splits, made)) if splits else made).save_to_disk(str(tmp_path / name))


def test_a_saved_dataset_is_a_source_of_cases(tmp_path):
    """A folder of `save_to_disk`, with or without splits; a split that is not there names those that are."""
    rows = [{"id": "a", "text": "x", "expected": "y"}]
    saved(tmp_path, rows)
    saved(tmp_path, rows, "many", ("train", "test"))
    assert load("saved", tmp_path)[0].expected == load("many", tmp_path, split="test")[0].expected == "y"
    with pytest.raises(InputError, match="no split 'dev'") as caught:
        load("many", tmp_path, split="dev")
    assert "train, test" in caught.value.next


def test_a_repository_of_datasets_is_read_by_split(tmp_path):
    """`data/test-00000-of-00002.jsonl` and its siblings are one split; other files are not."""
    (tmp_path / "repo" / "data").mkdir(parents=True)
    for name, text in (("test-00000-of-00002", "a"), ("test-00001-of-00002", "b"), ("train-0", "c"), ("testing", "d")):
        (tmp_path / "repo" / "data" / f"{name}.jsonl").write_text(json.dumps({"id": text, "text": text}))
    assert [case.id for case in load("repo", tmp_path)] == ["a", "b"]
    assert [case.id for case in load("repo", tmp_path, split="train")] == ["c"]
    with pytest.raises(InputError, match="no split 'dev'"):
        load("repo", tmp_path, split="dev")


@pytest.mark.parametrize(
    "schema",
    [
        TypedDict("Row", {"text": str, "total": int}),
        {"type": "object", "properties": {"total": {"type": "integer"}}, "required": ["total"]},
    ],
)
def test_a_row_that_breaks_the_schema_names_file_line_and_column(tmp_path, schema):
    """A type or a JSON Schema is checked row by row."""
    (tmp_path / "cases.jsonl").write_text('{"text": "a", "total": 1}\n{"text": "b", "total": "many"}\n')
    with pytest.raises(InputError, match=r"breaks the schema: .*`\$\.total`") as caught:
        load("cases.jsonl", tmp_path, schema=schema)
    assert caught.value.where.endswith("cases.jsonl:2")
    assert len(load([{"text": "a", "total": 1}], schema=schema)) == 1


def test_numbers_that_name_a_session_are_kept_and_anything_else_is_refused():
    """A session id that is a number must not vanish: the statistics cluster by it."""
    assert to_case({"session_id": 7, "user_id": None}).session_id == "7"
    with pytest.raises(InputError, match="`session_id` is not text but dict"):
        to_case({"session_id": {}})


def test_tags_in_a_table_are_taken_apart_at_commas():
    """A CSV cell holds several tags."""
    assert to_case({"tags": "slow, refunds,"}).tags == ("slow", "refunds")
    with pytest.raises(InputError, match="`tools` is not a list"):
        to_case({"tools": "find"})


def test_a_row_that_json_cannot_hold_says_so():
    """An object of Python in a row made by a function is refused with the reason."""
    with pytest.raises(InputError, match="that JSON cannot"):
        to_case({"text": "x", "image": object()})
