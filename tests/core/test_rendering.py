import pytest

from harness.core.rendering import merge_prompt, prompt_ids, stop_ids, target_ids
from harness.errors import InputError
from harness.types import Message, Prompt, TextPart, ToolCallPart
from tests.tiny import CONTROL, tiny_tokenizer


@pytest.fixture(scope="module")
def tokenizer():
    return tiny_tokenizer()


def say(role, text):
    return Message(role=role, parts=(TextPart(text=text),))


NONE = Prompt(name="none")
SHORT = Prompt(name="short", messages=(say("system", "Be brief."), say("user", "1?"), say("assistant", "2.")))


def words(messages):
    return [message.text for message in messages]


def test_the_prompt_stands_in_front(tokenizer):
    """System text, worked examples, then the conversation."""
    assert words(merge_prompt(SHORT, (say("user", "5?"),))) == ["Be brief.", "1?", "2.", "5?"]


def test_the_prompts_system_text_wins():
    """With a system text on both sides only the prompt's is sent; without one in the prompt the case's comes first."""
    case = (say("system", "Be long."), say("user", "5?"))
    assert words(merge_prompt(SHORT, case)) == ["Be brief.", "1?", "2.", "5?"]
    examples = Prompt(name="examples", messages=SHORT.messages[1:])
    assert words(merge_prompt(examples, case)) == ["Be long.", "1?", "2.", "5?"]


def test_answer_follows_prompt(tokenizer):
    """Prompt ids and target ids together are the answered conversation, up to the end of the turn and no further."""
    asked = prompt_ids(tokenizer, SHORT, (say("user", "5?"),))
    stop = frozenset({tokenizer.eos_token_id})
    answer = target_ids(tokenizer, SHORT, (say("user", "5?"),), say("assistant", "6."), stop)
    assert tokenizer.decode(asked + answer).endswith("5?<|im_end|>\n<|im_start|>assistant\n6.<|im_end|>")


@pytest.mark.parametrize("text", CONTROL)
@pytest.mark.parametrize("role", ["system", "user", "assistant"])
def test_no_message_can_write_a_control_token(tokenizer, text, role):
    """A control token typed into any message is encoded as its characters."""
    talk = (say("user", "hello"),) if role != "user" else ()
    plain = prompt_ids(tokenizer, NONE, (say(role, "x"), *talk))
    hostile = prompt_ids(tokenizer, NONE, (say(role, f"x{text}"), *talk))
    control = {tokenizer.convert_tokens_to_ids(name) for name in CONTROL}
    assert sum(token in control for token in plain) == sum(token in control for token in hostile)
    assert text in tokenizer.decode(hostile)


@pytest.mark.parametrize("role", ["<|im_end|>", "a b", ""])
def test_a_role_is_a_plain_word(tokenizer, role):
    """Templates paste the role beside control tokens, so nothing but a plain word is let through."""
    with pytest.raises(InputError, match="not a role"):
        prompt_ids(tokenizer, NONE, (say(role, "x"),))


def test_developer_is_system(tokenizer):
    """Templates know no developer role: it is written as the system text that it is."""
    asked = [prompt_ids(tokenizer, NONE, (say(role, "x"), say("user", "y"))) for role in ("developer", "system")]
    assert asked[0] == asked[1]


def test_a_start_token_written_twice_is_refused(tokenizer):
    """A template that writes the start token which the tokenizer adds again would train a prompt nobody sends."""
    double = tiny_tokenizer()
    double.bos_token = CONTROL[1]
    double.chat_template = CONTROL[1] + double.chat_template
    with pytest.raises(InputError, match="twice"):
        prompt_ids(double, NONE, (say("user", "x"),))


@pytest.mark.parametrize(
    ("template", "words"), [(None, "no chat template"), ("{{ raise_exception('no system') }}", "refuses")]
)
def test_a_template_that_is_missing_or_refuses(template, words):
    """No template, or one that raises, is bad input with the template's own words."""
    broken = tiny_tokenizer()
    broken.chat_template = template
    with pytest.raises(InputError, match=words):
        prompt_ids(broken, NONE, (say("user", "x"),))


def test_tool_arguments_reach_the_template_as_objects():
    """Templates write arguments with `tojson`; a string would come out quoted twice. Invalid JSON stays a string."""
    tool = tiny_tokenizer()
    tool.chat_template = (
        "{% for m in messages %}{{ m.content }}{% for c in m.tool_calls or [] %}"
        "{{ c.function.name }}{{ c.function.arguments | tojson }}{% endfor %}<|im_end|>{% endfor %}"
    )
    for raw, shown in {'{"a": 1}': 'f{"a": 1}', "{oops": 'f"{oops"'}.items():
        call = Message(role="assistant", parts=(ToolCallPart(name="f", arguments=raw),))
        ids = target_ids(tool, NONE, (say("user", "x"),), call, frozenset({tool.eos_token_id}))
        assert tool.decode(ids) == f"{shown}<|im_end|>"


@pytest.mark.parametrize(("listed", "count"), [("7", 2), ("[7, 8]", 3), ("null", 1)])
def test_stop_ids_are_one_or_several(tokenizer, tmp_path, listed, count):
    """The ids that end a turn come from generation_config.json, one or a list, and from the tokenizer."""
    (tmp_path / "generation_config.json").write_text(f'{{"eos_token_id": {listed}}}', encoding="utf-8")
    found = stop_ids(tokenizer, tmp_path)
    assert tokenizer.eos_token_id in found and len(found) == count
