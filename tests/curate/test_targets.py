"""What should have been answered, by the best evidence there is."""

from harness.curate.rows import CallRow, RowTarget
from harness.curate.targets import Style, from_correction, from_retry, resolve, turned_down
from harness.types import Message, ToolCallPart, ToolResultPart
from tests.curate.traces import START_NS, call, say, thumb


def row(number, text, answer, source="correction", at=0):
    target = RowTarget(message=say("assistant", answer), source=source, expected=answer, at_ns=at)
    return CallRow(call=call(number, text), conversation=(say("user", text),), target=target, failed=True)


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
    """Only later in the session, only when it passed, only to the same words."""
    session = (call(1, "soup!", "no"), call(2, "bill", "12"), call(3, "Soup", "yes"))
    conversations = {one.id: (say("user", text),) for one, text in zip(session, ("soup!", "bill", "Soup"), strict=True)}

    def retry(at, *passed):
        return from_retry(session[at], session, {f"t:{number}" for number in passed}, conversations)

    assert retry(0, 2, 3).expected == "yes"
    assert retry(0, 2) is None
    assert retry(2, 1) is None


def agent(*steps):
    """One turn of an agent: each step is a tool call's arguments and what the tool said; the last only answers."""
    conversation, calls = (say("user", "two seats to Newark"),), []
    for number, (arguments, result) in enumerate(steps):
        part = ToolCallPart(id=f"c{number}", name="book", arguments=arguments)
        answer = Message(role="assistant", parts=(part,))
        calls.append(call(number, "", input=conversation, output=(answer,), session_id="s"))
        told = Message(role="tool", parts=(ToolResultPart(id=f"c{number}", content=result),))
        conversation = (*conversation, answer, told)
    calls.append(call(len(steps), "", "booked", input=conversation, session_id="s"))
    return tuple(calls)


def test_a_tool_call_that_was_mended_in_the_same_turn_is_a_target():
    """The tool turned the first arguments down and took the second: these are what should have been called."""
    session = agent(("{}", "Error: seats missing"), ('{"seats": 2}', '{"id": 7}'))
    target = from_retry(session[0], session, set(), {one.id: one.input for one in session})
    assert (target.source, target.message.tool_calls[0].arguments) == ("retry", '{"seats": 2}')


def test_a_tool_call_that_was_never_mended_has_no_target():
    """Neither the second refused call nor the final answer of the same turn is what the first should have been."""
    session = agent(("{}", "Error: seats missing"), ('{"seats": 9}', "Error: not enough seats"))
    passed = {one.id for one in session}
    assert from_retry(session[0], session, passed, {one.id: one.input for one in session}) is None


def test_a_later_step_of_the_same_turn_is_no_retry():
    """An agent's next step answers another input, though the person's last words are the same."""
    session = agent(
        ("{}", "12 flights"),
    )
    assert from_retry(session[0], session, {"t:1"}, {one.id: one.input for one in session}) is None


def test_what_a_person_turned_down_last_is_no_target():
    """A rejection counts until a correction follows it."""
    no = thumb("t:1", -1, None, name="review", label="rejected", at_ns=2)
    assert turned_down([no])
    assert not turned_down([no, thumb("t:1", -1, "better", name="review", at_ns=3)])
    assert not turned_down([thumb("t:1", -1, None, label="rejected")])


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
