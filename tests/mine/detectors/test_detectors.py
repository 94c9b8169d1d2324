"""Each detector finds its signal, and nothing where there is none."""

import json

import msgspec
from msgspec.structs import replace

from harness.core import feedback_scale
from harness.mine.detectors import (
    abandoned,
    correction,
    error,
    incomplete,
    language,
    loop,
    low_score,
    outlier,
    refusal,
    repeated,
    schema_break,
    thumbs_down,
    ungrounded,
)
from harness.mine.forms import AnswerForm
from harness.mine.norms import learn
from harness.mine.window import Norms, Window
from harness.types import CallError, Message, RefusalPart, ToolCallPart
from tests.curate.traces import START_NS, call, say, thumb

MINUTE = 60 * 10**9
FORM = AnswerForm(share=0.5, required=frozenset("ab"), known=frozenset("ab"), closed=True)


def window(*calls, said=(), **norms):
    feedback = {item.call_id: () for item in said}
    for item in feedback_scale.read(said):
        feedback[item.call_id] += (item,)
    conversations = {item.id: item.input[-1:] for item in calls}
    return Window(
        calls=calls, feedback=feedback, conversations=conversations, norms={"POST /orders": Norms(good=50, **norms)}
    )


def reasons(detector, seen):
    return {failure.call_id: failure.reason for failure in detector.detect(seen)}


def test_thumbs_down_reads_all_encodings():
    """-1, a label against its number, and a label alone are negative; 1 and the 0 between -1 and 1 are not."""
    said = [
        thumb("t:1", -1),
        thumb("t:2", 1, label="bad"),
        thumb("t:3", 1),
        thumb("t:4", 0),
        thumb("t:5", None, label="thumbs_down"),
    ]
    assert set(reasons(thumbs_down, window(*(call(n, "x") for n in range(1, 6)), said=said))) == {"t:1", "t:2", "t:5"}


def test_a_correction_names_the_fields_it_changes():
    """A correction that says the same in other case and punctuation is none."""
    calls = [call(n, "x", '{"a": "One.", "b": 2}') for n in (1, 2, 3)]
    said = [thumb("t:1", 1, {"b": 2, "a": "one"}), thumb("t:2", -1, {"a": "one", "b": 3}), thumb("t:3", -1, "so")]
    assert reasons(correction, window(*calls, said=said)) == {
        "t:2": "the correction changes b",
        "t:3": "the answer was replaced",
    }


def test_timeouts_are_the_environments_and_bad_output_the_models():
    """Only the model's own errors may count against it."""
    kinds = [
        "timeout",
        "RateLimitError 429",
        "http 503",
        "ConnectionReset",
        "context_length_exceeded",
        "invalid tool call",
    ]
    calls = [call(n, "x", None, error=CallError(type=kind)) for n, kind in enumerate(kinds)]
    found = [failure.environment for failure in error.detect(window(*calls, call(9, "x")))]
    assert found == [True, True, True, True, False, False]


def test_schema_break_knows_the_form_from_good_answers():
    """Not JSON, a key too few, a key too many; prose is right where good answers are prose as well."""
    replies = ["sure!", '{"a": 1}', '{"a": 1, "b": 2, "c": 3}', '{"b": null, "a": 0}']
    calls = [call(n, "x", reply) for n, reply in enumerate(replies)]
    found = reasons(schema_break, window(*calls, forms={"object": replace(FORM, share=1.0)}))
    assert found == {
        "t:0": "the answer is not one JSON object",
        "t:1": "the answer lacks the key b",
        "t:2": "the answer has the unknown key c",
    }
    assert reasons(schema_break, window(*calls, forms={"object": FORM, "text": AnswerForm(share=0.5)})) == {
        "t:1": "the answer lacks the key b",
        "t:2": "the answer has the unknown key c",
    }


def test_schema_break_checks_the_schema_that_was_asked_for():
    """`response_format` with a JSON schema goes before what is usual."""
    form = {"type": "json_schema", "json_schema": {"schema": {"type": "object", "required": ["n"]}}}
    calls = [call(0, "x", '{"n": 1}', response_format=form), call(1, "x", "{}", response_format=form)]
    assert list(reasons(schema_break, window(*calls))) == ["t:1"]


def test_schema_break_checks_tool_calls():
    """Arguments that are not JSON, and a tool that was never offered."""
    tools = ({"type": "function", "function": {"name": "find"}},)
    made = [("find", '{"q": 1}'), ("find", '{"q": '), ("buy", "{}")]
    calls = [
        call(n, "x", tools=tools, output=(Message(role="assistant", parts=(ToolCallPart(name=name, arguments=text),)),))
        for n, (name, text) in enumerate(made)
    ]
    assert reasons(schema_break, window(*calls)) == {
        "t:1": "the arguments of tool call find are not a JSON object",
        "t:2": "the tool buy was not offered",
    }


def test_ungrounded_values_are_found_in_copied_fields_only():
    """A name from the worked example is not in the message; a field that is derived is left alone."""
    reply = json.dumps({"name": "Ada", "time": "7 PM", "mood": "happy", "none": None})
    seen = window(
        *(call(n, text, reply) for n, text in ((1, "Come at 7 pm."), (2, "Ada comes, 7 pm."))), copied={"name", "time"}
    )
    assert reasons(ungrounded, seen) == {"t:1": 'name: "Ada" is not in the message'}


def test_the_same_request_sent_again_marks_the_first_answer():
    """Word for word or nearly, soon after; not a short word, not an hour later, not after a timeout."""
    asked = [
        ("I need a table for four", 0),
        ("I need a table for four!", 1),
        ("I need a big table for four", 2),
        ("no", 3),
        ("on", 4),
        ("is there parking at all", 5),
        ("is there parking at all", 90),
    ]
    calls = [call(n, text, start_ns=START_NS + at * MINUTE, session_id="s") for n, (text, at) in enumerate(asked)]
    assert reasons(repeated, window(*calls)) == {
        "t:0": "the same message was sent again afterwards",
        "t:1": "the same message was sent again in other words afterwards",
    }
    failed = [call(0, "a table please", None), call(1, "a table please")]
    assert reasons(repeated, window(*failed)) == {}


def test_a_conversation_is_what_the_application_did_not_add():
    """Without a known prompt the whole input is the conversation."""
    item = call(1, "hello")
    assert Window(calls=(item,)).asked(item) == "hello"
    assert window(item).conversation(item) == (say("user", "hello"),)


def test_refusals_are_known_by_part_filter_and_opening():
    """An apology that goes on to help is no refusal."""
    replies = [
        "I’m sorry, but I can't help with that.",
        "As an AI language model, I have no hands.",
        "Sorry, closed on Mondays.",
    ]
    calls = [call(n, "x", reply) for n, reply in enumerate(replies)]
    calls.append(call(3, "x", output=(Message(role="assistant", parts=(RefusalPart(text="no"),)),)))
    calls.append(call(4, "x", output=(Message(role="assistant", finish_reason="content_filter"),)))
    assert set(reasons(refusal, window(*calls))) == {"t:0", "t:1", "t:3", "t:4"}


def test_empty_and_cut_answers_are_incomplete():
    """A tool call without text is an answer."""
    tool = Message(role="assistant", parts=(ToolCallPart(name="find"),))
    cut = Message(role="assistant", parts=say("assistant", "well").parts, finish_reason="length")
    calls = [call(0, "x", " "), call(1, "x", "ok"), call(2, "x", output=(tool,)), call(3, "x", output=(cut,))]
    assert set(reasons(incomplete, window(*calls))) == {"t:0", "t:3"}


def test_repetition_loops_are_found_at_any_period():
    """A phrase four times in a row; a list of like sentences is none."""
    assert loop.repeated_unit("I am here. " * 5) == "i am here"
    assert loop.repeated_unit("well then " + "la " * 15) == "la"
    assert loop.repeated_unit("no no no no") == ""
    assert loop.repeated_unit("one is red. two is blue. three is green. four is grey. five is pink.") == ""
    assert loop.repeated_unit("") == ""


def test_an_unanswered_question_is_a_hint():
    """Only at a session's end, only when it is over, never when the answer was liked."""
    asked = call(1, "x", "Which day?")
    later = START_NS + 10**15
    for said, newest, hits in (((), later, 1), ((thumb("t:1", 1),), later, 0), ((), START_NS, 0)):
        seen = msgspec.structs.replace(window(asked, said=said), newest_ns=newest)
        assert len(reasons(abandoned, seen)) == hits
    assert abandoned.HINT


def test_low_scores_come_from_programs_and_thumbs_from_people():
    """A judge's 0.2 and 0.45 are low, 0.9 is not; the same 0.2 from a person is a thumbs-down."""
    said = [
        thumb("t:1", 0.2, name="quality", source_kind="judge"),
        thumb("t:2", 0.9, name="quality", source_kind="code"),
        thumb("t:3", 0.2, name="quality", source_kind="human"),
        thumb("t:4", 0.45, name="quality", source_kind="judge"),
        thumb("t:5", 0.2, name="verbosity", source_kind="judge"),
    ]
    seen = window(*(call(n, "x") for n in range(1, 6)), said=said)
    assert set(reasons(low_score, seen)) == {"t:1", "t:4"}
    assert set(reasons(thumbs_down, seen)) == {"t:3"}


def test_far_out_latency_and_length_are_hints():
    """What is far out is learnt for each route; a call that is merely slow is not marked."""
    calls = [call(n, "x", end_ns=START_NS + n * 600 * 10**9 + (n % 7 + 5) * 10**8) for n in range(200)]
    usual = learn(calls, {}, lambda item: ())
    slow = call(300, "x", end_ns=START_NS + 300 * 600 * 10**9 + 60 * 10**9)
    seen = msgspec.structs.replace(window(*calls[:50], slow), norms=usual)
    assert set(reasons(outlier, seen)) == {"t:300"}
    assert outlier.HINT


def test_another_language_is_noticed_in_whole_sentences():
    """German answers to English questions; short words, JSON and translations are left alone."""
    english, german = (
        "When does the kitchen close on Sunday evening?",
        "Die Küche schließt am Sonntag gegen zehn Uhr abends.",
    )
    calls = [
        call(0, english, german),
        call(1, english, "The kitchen closes at ten in the evening."),
        call(2, english, "Ja"),
        call(3, f"Translate to German: {english}", german),
        call(4, english, json.dumps({"answer": german})),
    ]
    assert set(reasons(language, window(*calls))) == {"t:0"}


def test_an_agent_that_goes_on_after_a_tool_call_was_not_asked_again():
    """The next call of the same turn holds the same user message, the tool's result, and no new one."""
    first = (say("user", "book me a flight to Denver"),)
    steps = [first, (*first, say("assistant", ""), say("tool", "done"))]
    steps.append((*steps[1], say("assistant", "booked"), say("user", "book me a flight to Denver")))
    calls = [call(n, "", start_ns=START_NS + n, session_id="s", input=step) for n, step in enumerate(steps)]
    seen = Window(calls=tuple(calls))
    assert list(reasons(repeated, seen)) == ["t:1"]


def test_a_corrected_tool_call_is_compared_as_a_call():
    """The same tool with the same arguments confirms the answer, whatever the key order."""
    made = Message(role="assistant", parts=(ToolCallPart(name="find", arguments='{"a": 1, "b": 2}'),))
    calls = [call(n, "x", output=(made,)) for n in (1, 2)]
    right, wrong = (
        {"role": "assistant", "tool_calls": [{"function": {"name": "find", "arguments": text}}]}
        for text in ('{"b": 2, "a": 1}', '{"b": 2}')
    )
    assert set(reasons(correction, window(*calls, said=[thumb("t:1", 1, right), thumb("t:2", -1, wrong)]))) == {"t:2"}
