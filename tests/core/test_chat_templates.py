"""The chat templates that TRL ships, each held to what it writes: its own answers and calls are read back right."""

import json
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from harness.core.reading import read_reply
from harness.core.rendering import lead_ids, prompt_ids, target_ids
from harness.errors import InputError
from harness.types import Message, Prompt, ReasoningPart, TextPart, ToolCallPart, ToolResultPart
from tests.tiny import tiny_tokenizer
from trainers.rows.certificate import difference

FOLDER = Path(str(find_spec("trl").origin)).parent / "chat_templates"
TEMPLATES = sorted(path.stem for path in FOLDER.glob("*.jinja") if not path.stem.endswith("_training"))
ENDS = [
    "<|im_end|>",
    "<end_of_turn>",
    "<turn|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|user|>",
    "<|observation|>",
    "<|return|>",
    "<|call|>",
    "<|eot|>",
    "</s>",
    "<|END_OF_TURN_TOKEN|>",
    "<｜end▁of▁sentence｜>",
    "<|end_of_text|>",
    "<end_of_utterance>",
    "<eos>",
    "<|tool_response>",
]
"""Tokens that end a turn in one family or another. `<|end|>` ends one in Phi, and a message of several in gpt-oss."""
NONE = Prompt(name="none")
ASKED = (Message(role="user", parts=(TextPart(text="Table for four at seven"),)),)
PROPERTIES = {
    name: {"type": kind, "description": "x"}
    for name, kind in (("people", "integer"), ("name", "string"), ("inside", "boolean"))
}
TOOLS = (
    {
        "type": "function",
        "function": {
            "name": "book",
            "description": "b",
            "parameters": {"type": "object", "properties": PROPERTIES, "required": ["people"]},
        },
    },
)
WITHOUT_TOOLS = {
    "cohere", "cohere2", "deepseek_r1_distill", "deepseekv3", "gemma", "gemma3", "idefics3", "lfm2", "llama3", "llava_next",
    "phi3", "phi3_5", "qwen2_5_vl", "smolvlm",
}  # fmt: skip
"""They write no tools, or no calls: DeepSeek V3 writes calls, and leaves the tools to the system text."""
ONE_CALL = {"llama3_1", "llama3_2", "gptoss"}
"""A turn of theirs holds one call."""
THINKING = {
    "deepseek_r1_distill", "deepseekv3", "diffusion_gemma", "gemma4_v5", "glm4moe", "gptoss", "lfm2_2_5", "lfm2_2_5_v2",
    "lfm2_2_5_vl", "muse_glimmer", "nemotron_3_5_lightning", "nemotron_3_nano", "nemotron_3_super", "nemotron_3_ultra",
    "qwen3", "qwen3_5_think", "qwen3_6", "qwen3_8",
}  # fmt: skip
"""They write the reasoning of a last answer."""


LEADING = {
    "deepseek_r1_distill", "deepseekv3", "glm4moe", "gptoss", "muse_glimmer", "nemotron_3_5_lightning", "nemotron_3_nano",
    "nemotron_3_super", "nemotron_3_ultra", "qwen3", "qwen3_5_think", "qwen3_6", "qwen3_8",
}  # fmt: skip
"""They write something before the text of an answer that did not think."""


def say(*parts):
    return Message(role="assistant", parts=parts)


def call(arguments, number=1):
    return ToolCallPart(id=f"call_{number}", name="book", arguments=json.dumps(arguments))


def opened(name):
    """A tokenizer with this template and its control tokens, and the ids that end a turn."""
    source = (FOLDER / f"{name}.jinja").read_text(encoding="utf-8")
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = source
    ends = [*ENDS, *(["<|end|>"] if name.startswith("phi") else [])]
    special = sorted({*re.findall(r"<[|｜][^<>\n'\"]{1,40}[|｜]>", source), *ends})
    tokenizer.add_special_tokens({"additional_special_tokens": special, "bos_token": "<bos>"})
    return tokenizer, frozenset(tokenizer.convert_tokens_to_ids(end) for end in ends)


def read_back(name, target, tools=(), **options):
    """The target's own tokens, cut where serving stops, and read as serving reads."""
    tokenizer, stop = opened(name)
    asked = prompt_ids(tokenizer, NONE, ASKED, tools, options)
    answer = target_ids(tokenizer, NONE, ASKED, target, stop, tools, options)
    assert answer[-1] in stop and not stop.intersection(answer[:-1])
    return read_reply(tokenizer, asked, answer[:-1], tools)


def test_all_templates_are_there():
    """The matrix is over what TRL ships, and shrinks with nobody noticing otherwise."""
    assert len(TEMPLATES) >= 41


@pytest.mark.parametrize("name", TEMPLATES)
def test_answers_are_read_back(name):
    """A JSON object, several lines, and an answer that begins with a blank line."""
    for text in ('{"people": 4}', "One.\n\nTwo: `x < y`.", "\n\nHello"):
        target = say(TextPart(text=text))
        assert difference(read_back(name, target), target) == ""


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_text_whose_likelihood_is_asked_for_stands_where_the_answer_does(name):
    """Behind the marks that a template writes before an answer: an empty think block, or the name of a channel."""
    tokenizer, stop = opened(name)
    answer = target_ids(tokenizer, NONE, ASKED, say(TextPart(text="OK")), stop)
    lead = lead_ids(tokenizer, ASKED)
    assert tokenizer.decode(answer).startswith(tokenizer.decode(lead)) and answer[: len(lead)] == lead
    assert tokenizer.decode(answer[len(lead) :]).lstrip().startswith("OK")
    assert bool(lead) == (name in LEADING)


@pytest.mark.parametrize("name", [name for name in TEMPLATES if name not in WITHOUT_TOOLS])
def test_calls_are_read_back(name):
    """A call with a number, a text of digits and a truth value; and two calls where a turn may hold two."""
    target = say(call({"people": 4, "name": "7", "inside": False}))
    assert difference(read_back(name, target, TOOLS), target) == ""
    both = say(call({"people": 4}), call({"people": 5}, 2))
    if name not in ONE_CALL:
        assert difference(read_back(name, both, TOOLS), both) == ""
    else:
        with pytest.raises(InputError, match="tool"):
            read_back(name, both, TOOLS)


@pytest.mark.parametrize("name", sorted(WITHOUT_TOOLS))
def test_tools_that_a_template_skips_are_refused(name):
    """Nothing that was given is gone from the prompt without a word."""
    with pytest.raises(InputError, match="leaves out the tools|does not write tool calls"):
        read_back(name, say(call({"people": 4})), TOOLS)


def test_a_template_that_writes_calls_only_reads_its_calls():
    """DeepSeek V3 takes the tools from the system text; its calls, and the arguments as text, are right."""
    target = say(call({"people": 4, "name": "7"}))
    assert difference(read_back("deepseekv3", target), target) == ""


@pytest.mark.parametrize("name", sorted(THINKING))
def test_reasoning_is_read_back(name):
    """What is learnt of the reasoning is read as reasoning; left out of the target, nothing of it is read."""
    target = say(ReasoningPart(text="Four of them."), TextPart(text="OK"))
    assert difference(read_back(name, target), target) == ""
    bare = say(TextPart(text="OK"))
    assert difference(read_back(name, bare), bare) == ""


@pytest.mark.parametrize("name", sorted(THINKING - WITHOUT_TOOLS - {"diffusion_gemma"}))
def test_what_was_thought_between_tool_calls_is_in_the_prompt(name):
    """The turn is still open: the model reads its own thoughts there, and the answer is read back. Of an earlier turn,
    whose user has spoken since, they are none of the row's business."""
    tokenizer, stop = opened(name)
    result = Message(role="tool", parts=(ToolResultPart(id="call_1", content='{"free": true}'),))
    talk = (*ASKED, say(ReasoningPart(text="Is it free?"), call({"people": 4})), result)
    target = say(ReasoningPart(text="It is."), TextPart(text="Booked."))
    asked = prompt_ids(tokenizer, NONE, talk, TOOLS)
    answer = target_ids(tokenizer, NONE, talk, target, stop, TOOLS)
    assert "Is it free?" in tokenizer.decode(asked)
    assert difference(read_reply(tokenizer, asked, answer[:-1], TOOLS), target) == ""
    later = prompt_ids(tokenizer, NONE, (*talk, say(TextPart(text="Booked.")), *ASKED), TOOLS)
    assert "Is it free?" not in tokenizer.decode(later)


@pytest.mark.parametrize("name", ["qwen3", "qwen3_5_think", "nemotron_3_nano", "glm4moe"])
def test_thinking_can_be_turned_off(name):
    """Under `enable_thinking = false` the prompt closes the reasoning, and the answer follows."""
    target = say(TextPart(text='{"people": 4}'))
    assert difference(read_back(name, target, enable_thinking=False), target) == ""
    tokenizer, _ = opened(name)
    off, on = (prompt_ids(tokenizer, NONE, ASKED, (), {"enable_thinking": value}) for value in (False, True))
    assert off != on


@pytest.mark.parametrize("name", ["gptoss", "llama3_2", "muse_glimmer"])
def test_a_date_that_a_template_adds_is_pinned(name, monkeypatch):
    """The clock has no part in a prompt; the day is an option."""
    tokenizer, _ = opened(name)
    text = tokenizer.decode(prompt_ids(tokenizer, NONE, ASKED, (), {"date": "2024-03-05"}))
    assert "2024-03-05" in text or "05 Mar 2024" in text
    assert prompt_ids(tokenizer, NONE, ASKED) == prompt_ids(tokenizer, NONE, ASKED, (), {"date": "2026-01-01"})
