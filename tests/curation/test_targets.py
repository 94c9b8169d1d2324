"""What should have been answered, by the best evidence there is."""

from harness.curation.rows import Row, Target
from harness.curation.targets import Style, from_correction, from_retry, resolve
from tests.curation.traces import START_NS, call, say, thumb


def row(number, text, answer, source="correction", at=0):
    target = Target(message=say("assistant", answer), source=source, expected=answer, at_ns=at)
    return Row(call=call(number, text), conversation=(say("user", text),), target=target, failed=True)


def resolved(rows, conflicts):
    kept, fates = resolve(rows, conflicts)
    return kept, {call_id: fate.fate for call_id, fate in fates.items()}


def test_corrections_are_written_as_production_writes():
    """Key order and spacing come from the recorded answers; the values stay."""
    style = Style(['{"b": 1, "a": 2}', '{"b": 3, "a": 4}', '{"a": 1, "b": 2}', "text"])
    assert style.render('{"a":"x","b":null}') == '{"b": null, "a": "x"}'
    assert style.render('{"z":1,"y":2}') == '{"z": 1, "y": 2}'
    assert style.render(" as it is ") == "as it is"


def test_the_latest_human_correction_wins():
    """A program's later correction does not replace a person's."""
    said = [
        thumb("t:1", -1, "first", id="a", at_ns=1, source_kind="human"),
        thumb("t:1", -1, "second", id="b", at_ns=2, source_kind="human"),
        thumb("t:1", -1, "robot", id="c", at_ns=3, source_kind="code"),
    ]
    assert from_correction(said, Style([])).expected == "second"
    assert from_correction([thumb("t:1", -1)], Style([])) is None


def test_a_later_passing_answer_to_the_same_request_is_a_target():
    """Only of the same session, only later, only when it passed."""
    first, other, again = call(1, "soup!", "no"), call(2, "bill", "12"), call(3, "Soup", "yes")
    asked = {"t:1": "soup!", "t:2": "bill", "t:3": "Soup"}
    assert from_retry(first, [other, again], asked).expected == "yes"
    assert from_retry(first, [other], asked) is None
    assert from_retry(again, [first], asked) is None


def test_one_input_gives_one_row_and_conflicts_are_counted():
    """The latest word wins, the others say why they are gone; under `drop` none is used."""
    rows = [
        row(1, "13", "people", at=START_NS),
        row(2, "13", "time", at=START_NS + 1),
        row(3, "13", "time", at=START_NS),
        row(4, "other", "x"),
    ]
    kept, fates = resolved(rows, "latest")
    assert [item.call.id for item in kept] == ["t:2", "t:4"]
    assert fates == {"t:1": "conflict", "t:3": "duplicate"}
    kept, fates = resolved(rows, "drop")
    assert [item.call.id for item in kept] == ["t:4"]
    assert fates == {"t:1": "conflict", "t:2": "conflict", "t:3": "duplicate"}


def test_a_better_source_beats_a_later_one():
    """Production's own answer never overrules a person."""
    rows = [row(1, "13", "people"), row(2, "13", "time", source="production", at=9)]
    kept, fates = resolved(rows, "drop")
    assert [item.target.expected for item in kept] == ["people"]
    assert fates == {"t:2": "conflict"}
