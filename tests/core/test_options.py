"""Options are read into the structs that know them; everything else is refused."""

import pytest

from harness.core import options
from harness.core.options import File
from harness.errors import UsageError
from harness.types import Noun


class Inner(Noun, frozen=True):
    suites: tuple[File, ...] = ()


class Outer(Noun, frozen=True):
    folder: File = ""
    files: tuple[File, ...] = ()
    limit: float = 0.5
    inner: Inner = Inner()


class Other(Noun, frozen=True):
    words: tuple[str, ...] = ()


def test_several_structs_share_one_table():
    """Each reads its own keys; defaults fill what is left out."""
    table = options.table({"limit": 1, "words": ["a"]}, (Outer, Other), "[x]", "/p")
    assert table.values["limit"] == 1.0
    assert list(table.values["words"]) == ["a"]
    assert table.values["folder"] == ""


@pytest.mark.parametrize(
    ("given", "message", "hint"),
    [
        ({"limt": 1}, "unknown option 'limt'", "did you mean 'limit'?"),
        ({"zzz": 1}, "unknown option 'zzz'", "known options: files, folder, inner, limit, words"),
        ({"limit": "much"}, "wrong value", "fix that value"),
    ],
)
def test_what_no_struct_knows_is_refused(given, message, hint):
    """A misspelt key names the nearest one, a strange one all there are; a value of the wrong type is no value."""
    with pytest.raises(UsageError, match=message) as caught:
        options.table(given, (Outer, Other), "[x]", "/p")
    assert caught.value.next == hint
    assert caught.value.where == "[x]"


def test_paths_are_of_the_project_and_no_part_of_the_knobs():
    """Files are found from the project's folder, at any depth, and are kept apart from what a key takes as it is."""
    given = {"folder": "m", "files": ["a.jsonl", "/b.jsonl"], "inner": {"suites": ["evals/x.py"]}}
    table = options.table(given, (Outer,), "[x]", "/p")
    assert table.files == {
        "folder": "/p/m",
        "files/0": "/p/a.jsonl",
        "files/1": "/b.jsonl",
        "inner.suites/0": "/p/evals/x.py",
    }
    assert table.knobs == {"limit": 0.5, "inner": {}}
