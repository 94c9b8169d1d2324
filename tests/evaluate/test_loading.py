"""Rows become cases with stable ids, and bad rows say where they stand."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import codec
from harness.errors import InputError, UsageError
from harness.evalrun.loading import load_cases, to_case
from harness.suites import Mined
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
        cases = load_cases(Mined(name, "held_out"), folder=tmp_path, datasets=datasets)
        assert [(case.id, case.cluster) for case in cases] == [("m", "c")]
    with pytest.raises(UsageError) as caught:
        load_cases(Mined("parcels", "held_out"), folder=tmp_path, datasets=datasets)
    assert "booking" in caught.value.next
    with pytest.raises(UsageError, match="no mined dataset"):
        load_cases(Mined("", "held_out"), folder=tmp_path, datasets={})


@pytest.mark.parametrize("text", ["python:os.system('touch hacked')", "file:///etc/passwd", "{{7*7}}", "{0.__class__}"])
def test_what_a_row_says_is_data(text, tmp_path):
    """Text that other tools would run, open or expand is passed on letter by letter."""
    (tmp_path / "cases.jsonl").write_text(json.dumps({"id": "1", "text": text, "expected": text}))
    case = load("cases.jsonl", tmp_path)[0]
    assert case.text == case.expected == text
