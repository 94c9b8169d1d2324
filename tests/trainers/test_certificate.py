"""What a row teaches is what serving reads: the certificate, the fates of what fails it, and reasoning in targets."""

import pytest
from msgspec.structs import replace

from harness.core.reading import ReadReply
from harness.types import MediaPart, Message, ReasoningPart, Recipe, TextPart, ToolCallPart
from tests.trainers.conftest import say
from trainers.rows import tokens
from trainers.rows.certificate import UnreadableError, difference

THINKING = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if m.reasoning_content %}<think>\n{{ m.reasoning_content }}\n</think>\n\n{% endif %}{{ m.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
OPENING = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n{% endif %}"
)
"""As DeepSeek's: the prompt opens the reasoning, and the answered turn has none."""
LEARNT = Message(role="assistant", parts=(ReasoningPart(text="Three and one."), TextPart(text="It is 4.")))


def learnt(row, renderer):
    return renderer.tokenizer.decode([token for token, wanted in zip(row.ids, row.supervised, strict=True) if wanted])


@pytest.mark.parametrize(
    ("reasoning", "text"),
    [
        ("drop", "It is 4.<|im_end|>"),
        ("mask", "\n\nIt is 4.<|im_end|>"),
        ("learn", "<think>\nThree and one.\n</think>\n\nIt is 4.<|im_end|>"),
    ],
)
def test_reasoning_is_dropped_masked_or_learnt(cases, renderer, reasoning, text):
    """Left out of the row; in the row and not supervised; or supervised as the answer is."""
    renderer.tokenizer.chat_template = THINKING
    row = tokens.render(replace(cases[3], target=LEARNT), renderer._replace(reasoning=reasoning))
    assert learnt(row, renderer).strip() == text.strip()
    assert ("Three and one." in renderer.tokenizer.decode(row.ids)) == (reasoning != "drop")


def test_a_think_block_in_a_targets_text_is_reasoning(cases, renderer):
    """Traces of servers without a parser hold it in the text."""
    target = say("assistant", "<think>\nThree and one.\n</think>\n\nIt is 4.")
    assert learnt(tokens.render(replace(cases[3], target=target), renderer), renderer) == "It is 4.<|im_end|>"


def test_reasoning_that_the_template_does_not_write_is_unreadable(cases, renderer):
    """To learn what is not there is refused by the row, with the reason."""
    built = tokens.build([cases[1], replace(cases[3], target=LEARNT)], renderer._replace(reasoning="learn"), Recipe())
    assert built.fates == {"trained": 1, "unreadable": 1}
    assert "the reasoning is ''" in built.reasons["case-3"]


def test_a_prompt_that_opens_the_reasoning_has_it_closed_by_the_answer(cases, renderer):
    """The row holds what serving sends, then the end of the reasoning, then the answer."""
    renderer.tokenizer.chat_template = OPENING
    row = tokens.render(cases[3], renderer)
    assert learnt(row, renderer) == "\n</think>\n\nIt is 4.<|im_end|>"
    thinking = tokens.render(replace(cases[3], target=LEARNT), renderer._replace(reasoning="learn"))
    assert learnt(thinking, renderer) == "Three and one.\n</think>\n\nIt is 4.<|im_end|>"


def test_turns_that_the_template_rewrites_are_rows_of_their_own(cases, renderer):
    """Each turn is learnt behind the prompt that serving sends for it; the case has one fate."""
    renderer.tokenizer.chat_template = OPENING
    talk = (say("user", "And 7?"), say("assistant", "It is 8."), say("user", "And 8?"))
    built = tokens.build([replace(cases[8], messages=talk)], renderer, Recipe(options={"supervise": "all"}))
    assert [learnt(row, renderer) for row in built.rows] == [
        "\n</think>\n\nIt is 8.<|im_end|>",
        "\n</think>\n\nIt is 9.<|im_end|>",
    ]
    assert built.fates == {"trained": 1}


def test_an_answer_that_serving_would_cut_is_unreadable(cases, renderer):
    """A template that ends its answers in the middle teaches half of them."""
    renderer.tokenizer.chat_template = renderer.tokenizer.chat_template.replace(
        "{{ message.content }}", "{{ message.content | replace('is', 'is<|im_end|>') }}"
    )
    with pytest.raises(UnreadableError, match="the text is"):
        tokens.render(cases[3], renderer)
    assert tokens.render(replace(cases[3], target=say("assistant", "4.")), renderer)


def test_rows_with_pictures_have_a_fate_of_their_own(cases, renderer):
    """They are counted, and the rows beside them train."""
    picture = Message(role="user", parts=(TextPart(text="What is this?"), MediaPart(modality="image")))
    built = tokens.build([*cases[:2], *(replace(case, messages=(picture,)) for case in cases[2:5])], renderer, Recipe())
    assert built.fates == {"trained": 2, "media": 3}


@pytest.mark.parametrize(
    ("read", "target", "problem"),
    [
        (ReadReply('{"a":1}'), say("assistant", '{"a": 1}'), ""),
        (ReadReply(" yes\n"), say("assistant", "yes"), ""),
        (ReadReply('{"a": true}'), say("assistant", '{"a": 1}'), "text"),
        (ReadReply("", complete=False), say("assistant", "yes"), "incomplete"),
        (ReadReply("yes", "because"), say("assistant", "yes"), "reasoning"),
        (ReadReply("yes"), Message(role="assistant", parts=(ToolCallPart(name="f"),)), "tool calls"),
        (
            ReadReply("", tool_calls=(ToolCallPart(name="f", arguments="{}"),)),
            Message(role="assistant", parts=(ToolCallPart(name="f"),)),
            "",
        ),
        (
            ReadReply("", tool_calls=(ToolCallPart(name="f", arguments='{"a": 1}'),)),
            Message(role="assistant", parts=(ToolCallPart(name="f", arguments='{"a": "1"}'),)),
            "tool calls",
        ),
    ],
)
def test_what_counts_as_the_same(read, target, problem):
    """Space at the ends and the spacing of JSON do not count; types, calls and reasoning do."""
    found = difference(read, target)
    assert problem in found and bool(found) == bool(problem)


def test_template_options_reach_the_rows(cases, renderer):
    """Training renders under the options that serving has."""
    renderer.tokenizer.chat_template = "{{ mode }}" + renderer.tokenizer.chat_template
    row = tokens.render(cases[3], renderer._replace(template_options={"mode": "brief"}))
    assert renderer.tokenizer.decode(row.ids).startswith("brief<|im_start|>")
