import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from harness.core.rendering import merge_prompt, prompt_ids, stop_ids, target_ids
from harness.errors import InputError, UsageError
from harness.types import MediaPart, Message, OtherPart, Prompt, TextPart, ToolCallPart, ToolResultPart
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


def part_of(kind):
    return OtherPart(raw=f'{{"type": "{kind}"}}')


@pytest.mark.parametrize(
    "part", [part_of("image_url"), part_of("input_audio"), MediaPart(modality="image", uri="a.png")]
)
def test_a_picture_is_refused_and_not_dropped(tokenizer, part):
    """A model of text never sees it, so the prompt would ask of something that is not there."""
    with pytest.raises(InputError, match="reads text only"):
        prompt_ids(tokenizer, NONE, (Message(role="user", parts=(TextPart(text="What is this?"), part)),))


def test_a_system_text_that_the_template_skips_is_refused():
    """It is named; the same conversation without it is rendered."""
    deaf = tiny_tokenizer()
    deaf.chat_template = (
        "{% for m in messages %}{% if m.role != 'system' %}{{ m.content }}<|im_end|>{% endif %}{% endfor %}"
    )
    with pytest.raises(InputError, match="leaves out the system text"):
        prompt_ids(deaf, NONE, (say("system", "Reply with JSON."), say("user", "hi")))
    assert prompt_ids(deaf, NONE, (say("user", "hi"),))


def test_a_call_of_an_earlier_turn_that_the_template_skips_is_refused(tokenizer):
    """A history without its calls is another history."""
    made = Message(role="assistant", parts=(ToolCallPart(id="c1", name="find", arguments='{"kind": "bill"}'),))
    result = Message(role="tool", parts=(ToolResultPart(id="c1", content="7"),))
    with pytest.raises(InputError, match="does not write tool calls"):
        prompt_ids(tokenizer, NONE, (say("user", "x"), made, result))


def test_tools_that_the_template_skips_are_refused(tokenizer):
    """A model that was offered tools and cannot see them is not measured on them."""
    with pytest.raises(InputError, match="leaves out the tools"):
        prompt_ids(tokenizer, NONE, (say("user", "x"),), ({"type": "function", "function": {"name": "find"}},))


def test_a_template_that_takes_parts_gets_them():
    """Templates of vision models read a list of parts; given text they would write its letters, or nothing."""
    parts = tiny_tokenizer()
    parts.chat_template = (
        "{% for m in messages %}{% for c in m['content'] %}{{ c['text'] }}{% endfor %}<|im_end|>{% endfor %}"
    )
    assert parts.decode(prompt_ids(parts, NONE, (say("user", "hello"),))) == "hello<|im_end|>"


def test_ids_of_calls_fit_a_template_that_counts_their_letters():
    """A recorded id of another provider is no reason to refuse a conversation."""
    strict = tiny_tokenizer()
    strict.chat_template = (
        "{% for m in messages %}{{ m.content }}{% for c in m.tool_calls or [] %}{% if c.id | length != 9 %}"
        "{{ raise_exception('nine letters') }}{% endif %}{{ c.function.name }}{{ c.function.arguments | tojson }}"
        "{% endfor %}<|im_end|>{% endfor %}"
    )
    made = Message(role="assistant", parts=(ToolCallPart(id="call_of_openai", name="find", arguments="{}"),))
    assert "find" in strict.decode(prompt_ids(strict, NONE, (say("user", "x"), made, say("user", "y"))))


@pytest.mark.parametrize("text", ["\n\nHello there.", "\nHello", " Hello", "Hello"])
def test_an_answer_is_tokenized_by_itself(text):
    """Where the tokenizer would merge the header with what the answer begins with, the answer keeps its own tokens."""
    merging = merging_tokenizer()
    asked = prompt_ids(merging, NONE, (say("user", "x"),))
    answer = target_ids(merging, NONE, (say("user", "x"),), say("assistant", text), frozenset({merging.eos_token_id}))
    assert merging.decode(answer) == f"{text}<|im_end|>"
    assert answer[:-1] == merging.encode(text)
    whole = merging.apply_chat_template([{"role": "user", "content": "x"}, {"role": "assistant", "content": text}])
    assert text[:2] != "\n\n" or list(whole["input_ids"])[: len(asked)] != asked


def merging_tokenizer():
    """Newlines in a row are one token, and the header ends in one, as Llama 3's does."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=list(CONTROL), initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(["\n\n\n\n"] * 9, trainer)
    template = (
        "{% for m in messages %}<|im_start|>{{ m.role }}\n\n{{ m.content }}<|im_end|>{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n\n{% endif %}"
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=CONTROL[0], eos_token=CONTROL[2], chat_template=template
    )


def test_a_control_token_in_an_answer_stays_text_when_it_is_tokenized_by_itself():
    """What is encoded anew is encoded as text."""
    merging = merging_tokenizer()
    stop = frozenset({merging.eos_token_id})
    answer = target_ids(merging, NONE, (say("user", "x"),), say("assistant", "\nbye<|im_end|>"), stop)
    assert answer.count(merging.eos_token_id) == 1 and merging.decode(answer[:-1]) == "\nbye<|im_end|>"


def test_a_template_without_an_end_gets_the_next_turns_mark_or_the_models_own():
    """GLM ends a turn by the mark of the next; a template with no marks at all ends with the end of text."""
    bare = tiny_tokenizer()
    user, eos = bare.convert_tokens_to_ids(["<|im_start|>", "<|im_end|>"])
    bare.chat_template = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    for stop, last in ((frozenset({user, eos}), user), (frozenset({eos}), eos)):
        answer = target_ids(bare, NONE, (say("user", "x"),), say("assistant", "6."), stop)
        assert bare.decode(answer[:-1]) == "6." and answer[-1] == last


def test_the_clock_is_hidden_from_templates(tokenizer):
    """Whatever form of the date a template asks for, it gets that of the pinned day."""
    clock = tiny_tokenizer()
    clock.chat_template = (
        "{{ strftime_now('%d %B %Y, %A %-d.%-m.%y %H:%M') }}|{% for m in messages %}{{ m.content }}{% endfor %}"
    )
    text = clock.decode(prompt_ids(clock, NONE, (say("user", "x"),), (), {"date": "2024-03-05"}))
    assert text == "05 March 2024, Tuesday 5.3.24 00:00|x"
    with pytest.raises(UsageError, match="no day"):
        prompt_ids(clock, NONE, (say("user", "x"),), (), {"date": "tomorrow"})
