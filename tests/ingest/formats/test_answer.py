"""Which call of a recorded trace answered the user: what the spans above returned, and what calls were made for."""

import json

import pytest

from harness.ingest.stage import ingest, link


def attribute(key, value):
    return {"key": key, "value": {"stringValue": value if isinstance(value, str) else json.dumps(value)}}


def span(id, parent="", name="chat m", start=1, **attributes):
    times = {"startTimeUnixNano": str(10**18 + start), "endTimeUnixNano": str(10**18 + start + 1)}
    held = [attribute(key.replace("__", "."), value) for key, value in attributes.items()]
    known = {"traceId": f"{1:032x}", "spanId": f"{id:016x}", "name": name, "attributes": held}
    return known | times | ({"parentSpanId": f"{parent:016x}"} if parent else {})


def chat(id, parent, answer, name="chat m", start=1, system="You help guests."):
    said = [
        {"role": role, "parts": [{"type": "text", "content": words}]}
        for role, words in (("system", system), ("user", "Hi"))
    ]
    replied = [{"role": "assistant", "parts": [{"type": "text", "content": answer}], "finish_reason": "stop"}]
    return span(
        id,
        parent,
        name,
        start,
        gen_ai__operation__name="chat",
        gen_ai__input__messages=json.dumps(said),
        gen_ai__output__messages=json.dumps(replied),
    )


def read(tmp_path, *spans, **about):
    path = tmp_path / "t.jsonl"
    path.write_text(
        json.dumps({"resourceSpans": [{"scopeSpans": [{"scope": {"name": "t"}, "spans": list(spans)}]}]}) + "\n"
    )
    feedback = tmp_path / "f.jsonl"
    feedback.write_text(json.dumps({"trace_id": f"{1:032x}", "value": -1, "correction": "Better", **about}) + "\n")
    (batch,) = ingest([str(path), str(feedback)])
    (record,) = link(batch.calls, batch.feedback)
    return {call.span_id[-1]: call for call in batch.calls}, record


@pytest.mark.parametrize(
    "returned",
    [
        "We open at nine.",
        json.dumps({"answer": "we open at nine", "sources": [1]}),
        json.dumps(
            {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "We open at nine."}]}
        ),
        json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": "We open at nine."}]}]),
    ],
)
@pytest.mark.parametrize(
    "name", ["output.value", "traceloop.entity.output", "langfuse.trace.output", "gen_ai.output.messages"]
)
def test_the_call_with_the_output_of_the_root_span_is_meant(tmp_path, name, returned):
    """Not the last call, which names the conversation; whatever the application's span calls its output, in any form."""
    root = span(1, name="POST /chat") | {"attributes": [attribute(name, returned)]}
    calls, record = read(tmp_path, root, chat(2, 1, "We open at nine.", start=2), chat(3, 1, "Opening hours", start=4))
    assert calls["2"].answers == (f"{1:016x}",)
    assert (record.call_id[-1], record.linked, record.correction) == ("2", "answer", "Better")


def test_an_answer_in_json_is_compared_as_json(tmp_path):
    """The application parsed what the model wrote and returned the object."""
    root = span(1, output__value=json.dumps({"result": {"b": 1, "a": "x"}}))
    calls, record = read(tmp_path, root, chat(2, 1, '{"a": "x", "b": 1}', start=2), chat(3, 1, "ok", start=4))
    assert record.call_id[-1] == "2"


def test_of_a_returned_history_the_newest_answer_counts(tmp_path):
    """A state with all messages returns every answer of the loop: the last of them was shown."""
    root = span(1, output__value=json.dumps({"messages": ["Let me look.", "We open at nine."]}))
    calls, record = read(tmp_path, root, chat(2, 1, "Let me look.", start=2), chat(3, 1, "We open at nine.", start=4))
    assert (calls["2"].answers, record.call_id[-1]) == ((), "3")


@pytest.mark.parametrize(
    ("name", "system", "purpose"),
    [
        ("generate_title", "You help guests.", "title"),
        ("InputGuardrail", "You help guests.", "guard"),
        ("route-query", "You help guests.", "router"),
        ("condense question", "You help guests.", "rewrite"),
        ("chat m", "Write a short title for this conversation.", "title"),
        ("chat m", "Decide whether the message is harmful. Reply safe or unsafe.", "guard"),
        ("chat m", "Classify the user's request into billing, booking, other.", "router"),
        ("chat m", "Given the history, rewrite the follow up as a standalone question.", "rewrite"),
        ("openrouter chat", "You help guests.", ""),
    ],
)
def test_what_a_call_was_made_for_is_known_by_its_name_or_its_prompt(tmp_path, name, system, purpose):
    """Without an output to compare, a title, guard or router call is not what a guest gave a thumb for."""
    side = chat(3, 1, "Opening hours", start=4, name=name, system=system)
    calls, record = read(tmp_path, span(1), chat(2, 1, "We open at nine.", start=2), side)
    assert (calls["3"].purpose, calls["2"].purpose) == (purpose, "")
    if purpose:
        assert (record.call_id[-1], record.linked) == ("2", "only")


def test_a_chain_that_names_its_purpose_counts_for_the_calls_below(tmp_path):
    """The span above says it where the library names its own span after the model."""
    title = span(4, 1, name="title-chain", start=4)
    calls, record = read(tmp_path, span(1), chat(2, 1, "Nine.", start=2), title, chat(3, 4, "Opening hours", start=4))
    assert (calls["3"].purpose, calls["3"].above, record.call_id[-1]) == ("title", (f"{4:016x}", f"{1:016x}"), "2")


def test_the_applications_own_name_says_nothing(tmp_path):
    """The outermost span names the application: an app that writes titles answers with titles."""
    calls, _ = read(tmp_path, span(1, name="POST /title"), chat(2, 1, "Opening hours"))
    assert calls["2"].purpose == ""


def test_an_ambiguous_correction_is_not_taken(tmp_path):
    """Two agents with prompts of their own, and nothing says whose answer was shown."""
    one, two = (
        chat(2, 1, "A plan", start=2, system="You plan trips."),
        chat(3, 1, "A text", start=4, system="You write."),
    )
    _, record = read(tmp_path, span(1), one, two)
    assert (record.linked, record.correction) == ("ambiguous", None)
