"""What should have been answered, by the best evidence there is."""

from msgspec.structs import replace

from harness.curate.rows import CallRow, RowTarget
from harness.curate.targets import Style, expectations, from_correction, from_retry, resolve, turned_down
from harness.types import Feedback, Message, ReasoningPart, TextPart, ToolCallPart, ToolResultPart
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


def test_a_corrected_answer_keeps_its_reasoning_and_its_words_are_styled():
    """Whether reasoning is learnt is the recipe's to say. Without words or calls it is no answer."""
    style = Style(['{"b": 1, "a": 2}'])
    whole = {"role": "assistant", "reasoning_content": "table first", "content": '{"a":2,"b":1}'}
    target = from_correction([thumb("t:1", -1, whole)], style)
    assert target.message.parts == (ReasoningPart(text="table first"), TextPart(text='{"b": 1, "a": 2}'))
    assert target.expected == {"a": 2, "b": 1}
    assert from_correction([thumb("t:1", -1, whole | {"content": ""})], style) is None


def test_an_accepted_answer_keeps_the_reasoning_that_led_to_it():
    """A review stores the accepted answer as text. Another answer was not reasoned so."""
    thought = ReasoningPart(text="open from nine", signature="s")
    asked = call(1, "opening hours?")
    recorded = replace(asked, output=(Message(role="assistant", parts=(thought, TextPart(text="From nine."))),))
    accepted, other = (from_correction([thumb("t:1", 1, text)], Style([]), recorded) for text in ("From nine.", "Ten."))
    assert accepted.message.parts == (thought, TextPart(text="From nine."))
    assert other.message.parts == (TextPart(text="Ten."),)


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


def test_two_corrections_of_one_time_give_no_target():
    """Neither is chosen by the order in which they were read."""
    said = [thumb("t:1", -1, text, id=text, at_ns=5, source_kind="human") for text in ("one", "two")]
    assert from_correction(said, Style([])) is None
    assert from_correction([*said, thumb("t:1", -1, "three", id="c", at_ns=6)], Style([])).expected == "three"


def test_expectations_are_columns_of_the_case():
    """Facts and guidelines by their names, parsed where they are JSON; the newest of a name; no case field is hidden."""
    said = [
        Feedback(id="a", name="expected_facts", expectation='["30 days"]', at_ns=1),
        Feedback(id="b", name="expected_facts", expectation='["14 days"]', at_ns=2),
        Feedback(id="c", name="guidelines", expectation="Be polite."),
        Feedback(id="d", name="feedback", expectation='{"expected_tools": ["search"]}'),
        Feedback(id="e", name="user_id", expectation="u-7"),
    ]
    assert expectations(said) == {
        "expected_facts": ["14 days"],
        "guidelines": "Be polite.",
        "expected_tools": ["search"],
        "expected_user_id": "u-7",
    }
