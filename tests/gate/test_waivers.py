"""The waiver file."""

import pytest

from harness.errors import UsageError
from harness.gate.waivers import read

GOOD = 'suite = "s"\ncase_id = "a"\nreason = "r"\nowner = "o"\nexpires = "2026-12-31"\n'


def test_read(tmp_path):
    """A waiver is read with its fields; no file means no waivers."""
    path = tmp_path / "waivers.toml"
    assert read(path) == ()
    path.write_text(f"[[waiver]]\n{GOOD}")
    assert [(w.case_id, w.owner, w.expires) for w in read(path)] == [("a", "o", "2026-12-31")]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("expires", "expiry", "missing required field `expires`"),
        ("2026-12-31", "soon", "not a date"),
        ('case_id = "a"', "", "neither case nor cluster"),
        ('owner = "o"', 'owner = ""', "a reason and an owner"),
        ("[[waiver]]", "[[waiver", "not valid TOML"),
    ],
)
def test_a_bad_waiver_is_refused(tmp_path, old, new, words):
    """A misspelt key, no date, no case, no owner, no TOML: each is refused, naming the file."""
    path = tmp_path / "waivers.toml"
    path.write_text(f"[[waiver]]\n{GOOD}".replace(old, new))
    with pytest.raises(UsageError, match=words) as caught:
        read(path)
    assert str(path) in caught.value.where


def test_what_the_report_saves_is_read(tmp_path):
    """The report's accept button writes one JSON object a line; it is read like the TOML file, and checked alike."""
    file = tmp_path / "waivers.jsonl"
    file.write_text('{"suite":"s","case_id":"c","reason":"known","owner":"ann","expires":"2030-01-31"}\n')
    assert [waiver.case_id for waiver in read(file)] == ["c"]
    file.write_text('{"suite":"s","case_id":"c","reason":"known","owner":"ann","expires":"soon"}\n')
    with pytest.raises(UsageError, match="not a date"):
        read(file)
