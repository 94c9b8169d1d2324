import json

import pytest

from harness.core.codec import from_chat
from harness.errors import InputError, TrueupError
from harness.evaluate.backends import scripted
from harness.evaluate.backends.scripted import Rule
from harness.types import Arm, Reply, Request


def ask(arm: Arm, *texts: str) -> list:
    return scripted.open([arm]).answer(arm, [Request(kind="complete", text=text) for text in texts])


def test_exact_texts_answer_and_the_rest_echoes():
    """A dict answers what it names; anything else comes back, or gets the default."""
    arm = Arm(name="a", options={"replies": {"hello": "yes"}})
    assert [reply.text for reply in ask(arm, "hello", "other")] == ["yes", "other"]
    with_default = Arm(name="a", options={"replies": {"hello": "yes"}, "default": "no"})
    assert [reply.text for reply in ask(with_default, "hello", "other")] == ["yes", "no"]


def test_a_list_of_replies_answers_as_the_model_goes_on():
    """The first answers a user's line, the next each time that the model is asked again after a tool's result."""
    call = json.dumps({"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}]})
    arm = Arm(name="a", options={"replies": {"look": [call, "done"]}})
    made = from_chat(json.loads(call))
    asked, spoke = (from_chat({"role": role, "content": "look"}) for role in ("user", "assistant"))
    found = from_chat({"role": "tool", "tool_call_id": "c", "content": "1"})
    talks = [(asked,), (asked, made, found), (asked, made, found, spoke, found), (asked, made, found, spoke, asked)]
    replies = scripted.open([arm]).answer(arm, [Request(messages=talk) for talk in talks])
    assert [reply.text for reply in replies] == ["", "done", "done", ""]
    assert [len(reply.tool_calls) for reply in replies] == [1, 0, 0, 1]


def test_rules_of_a_file_answer_by_pattern_and_can_fail(tmp_path):
    """The first rule that is found answers, groups included; a rule with an error fails its own case only."""
    rules = [{"match": r"table for (\d+)", "reply": r'{"people": \1}'}, {"match": "boom", "error": "stalled"}]
    path = tmp_path / "rules.jsonl"
    path.write_text("".join(json.dumps(rule) + "\n" for rule in rules))
    table, boom = ask(Arm(name="a", model=str(path)), "a table for 12, please", "boom")
    assert table.text == '{"people": 12}'
    assert isinstance(boom, TrueupError) and boom.what == "stalled"


@pytest.mark.parametrize(
    ("match", "reply", "expected"),
    [
        (r"für (\p{L}+)", r"Tisch für \1 – 5 €", "Tisch für Zoë – 5 €"),
        (r"für (?P<who>.+), bitte", r"à \g<who>\n\g<1>", "à Zoë Ünal\nZoë Ünal"),
        (r"(x)?Zoë", r"[\1] \\1", r"[] \1"),
    ],
)
def test_a_reply_keeps_every_letter(match, reply, expected):
    """Groups, names and escapes are filled in, and what is not ASCII stays what it is."""
    assert Rule(match=match, reply=reply).answer("Ein Tisch für Zoë Ünal, bitte") == expected


def test_choices_prefer_the_reply():
    """The option that the script would answer is the likeliest."""
    arm = Arm(name="a", options={"replies": {"which?": "b"}})
    request = Request(kind="loglikelihood", text="which?", options=("a", "b", "c"))
    reply = scripted.open([arm]).answer(arm, [request])[0]
    assert isinstance(reply, Reply)
    assert reply.text == "b" and reply.logprobs == (-1.0, 0.0, -1.0)


@pytest.mark.parametrize("text", ["not json", '{"match": "("}', '{"other": 1}'])
def test_a_broken_script_is_an_input_error(tmp_path, text):
    """Bad JSON, a bad pattern and an unknown field are each named."""
    path = tmp_path / "rules.jsonl"
    path.write_text(text)
    with pytest.raises(InputError, match="script"):
        ask(Arm(name="a", model=str(path)), "hello")


def test_digest_follows_the_content(tmp_path):
    """Another script is another model, wherever it stands."""
    path = tmp_path / "rules.json"
    path.write_text('{"a": "b"}')
    by_file = scripted.digest(Arm(name="x", model=str(path)))
    assert by_file == scripted.digest(Arm(name="y", options={"replies": {"a": "b"}}))
    assert by_file != scripted.digest(Arm(name="x", options={"replies": {"a": "c"}}))
