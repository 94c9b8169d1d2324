"""Replies of each family of chat templates, read as their models write them."""

import json

import pytest

from harness.core import plugins
from harness.core.reading import finish_of, format_of, read_reply, reply_from
from harness.types import Reply, Request
from tests.tiny import tiny_tokenizer

TOOLS = (
    {
        "type": "function",
        "function": {
            "name": "book",
            "parameters": {
                "type": "object",
                "properties": {
                    "people": {"type": "integer"},
                    "name": {"type": "string"},
                    "when": {"type": ["string", "null"]},
                    "tags": {"type": "array"},
                },
            },
        },
    },
)
ONE = [("book", {"people": 4})]
CALLS = [
    ("hermes", '<tool_call>\n{"name": "book", "arguments": {"people": 4}}\n</tool_call>', ONE),
    ("hermes", '<tool_call>{"name": "book", "arguments": {"people": 4}}', ONE),
    ("hermes", '<tool_call>\n{"name": "a", "arguments": {}}\n</tool_call>\n<tool_call>\n{"name": "b"}\n</tool_call>', [("a", {}), ("b", {})]),
    ("qwen_xml", "<tool_call>\n<function=book>\n<parameter=people>\n4\n</parameter>\n</function>\n</tool_call>", ONE),
    ("qwen_xml", "<tool_call>\n<function=book>\n<parameter=name>\n7\n</parameter>\n</function>\n</tool_call>", [("book", {"name": "7"})]),
    ("qwen_xml", "<tool_call>\n<function=book>\n<parameter=name>\nA\n\nB\n</parameter>\n</function>\n</tool_call>", [("book", {"name": "A\n\nB"})]),
    ("qwen_xml", '<function=book>\n<parameter=tags>\n["a", 1]\n</parameter>\n</function>', [("book", {"tags": ["a", 1]})]),
    ("qwen_xml", "<function=book>\n<parameter=when>\nnull\n</parameter>\n</function>", [("book", {"when": None})]),
    ("qwen_xml", "<function=ping>\n</function>", [("ping", {})]),
    ("glm", "<tool_call>book\n<arg_key>people</arg_key>\n<arg_value>4</arg_value>\n</tool_call>", ONE),
    ("glm", "<tool_call>ping\n</tool_call>", [("ping", {})]),
    ("llama", '{"name": "book", "parameters": {"people": 4}}', ONE),
    ("llama", '<|python_tag|>{"name": "other", "parameters": {"q": "x"}}', [("other", {"q": "x"})]),
    ("llama", '<|python_tag|>brave_search.call(query="rain")', [("brave_search", {"query": "rain"})]),
    ("llama", "[book(people=4)]", ONE),
    ("lfm", "<|tool_call_start|>[book(people=4, name='it', tags=[1, true])]<|tool_call_end|>", [("book", {"people": 4, "name": "it", "tags": [1, True]})]),
    ("mistral", '[TOOL_CALLS] [{"name": "book", "arguments": {"people": 4}, "id": "abcdefghi"}]', ONE),
    ("mistral", '[TOOL_CALLS]book[CALL_ID]abcdefghi[ARGS]{"people": 4}', ONE),
    ("mistral", '[TOOL_CALLS]book[ARGS]{"people": 4}[TOOL_CALLS]ping[ARGS]{}', [*ONE, ("ping", {})]),
    ("mistral", '[TOOL_CALLS]book{"people": 4}', ONE),
    ("deepseek", '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>book\n```json\n{"people": 4}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>', ONE),
    ("deepseek", '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>book<｜tool▁sep｜>{"people": 4}<｜tool▁call▁end｜><｜tool▁calls▁end｜>', ONE),
    ("gemma", '<|tool_call>call:book{name:<|"|>say "x", y:z<|"|>,people:4,tags:[<|"|>a<|"|>,null]}<tool_call|>', [("book", {"name": 'say "x", y:z', "people": 4, "tags": ["a", None]})]),
    ("gemma", "<start_function_call>call:book{name:<escape>Ann<escape>,people:4}<end_function_call>", [("book", {"name": "Ann", "people": 4})]),
    ("harmony", '<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant to=functions.book<|channel|>commentary json<|message|>{"people": 4}', ONE),
    ("harmony", '<|channel|>commentary to=functions.book <|constrain|>json<|message|>{"people": 4}', ONE),
    ("muse", ' to=book<|message|><atem:function_calls>\n<atem:invoke name="book">\n<atem:parameter name="people">4</atem:parameter>\n</atem:invoke>\n</atem:function_calls>', ONE),
    ("cohere", '<|START_THINKING|>Hm.<|END_THINKING|><|START_ACTION|>[{"tool_call_id": "0", "tool_name": "book", "parameters": {"people": 4}}]<|END_ACTION|>', ONE),
    ("cohere", 'Action: ```json\n[{"tool_name": "book", "parameters": {"people": 4}}]\n```', ONE),
    ("tool_list", '<|tool_call|>[{"name": "book", "arguments": {"people": 4}}]', ONE),
    ("tool_list", '<|tool_call|>[{"name": "book", "arguments": {"people": 4}}]<|/tool_call|>', ONE),
    ("kimi", '<|tool_calls_section_begin|><|tool_call_begin|>functions.book:0<|tool_call_argument_begin|>{"people": 4}<|tool_call_end|><|tool_calls_section_end|>', ONE),
]  # fmt: skip


@pytest.mark.parametrize(("form", "raw", "made"), CALLS)
def test_calls_are_read_in_each_form(form, raw, made):
    """Names and arguments are those that the model wrote, and nothing of the call is left in the text."""
    read = plugins.load("reply_formats", form).read(raw, TOOLS)
    assert [(call.name, json.loads(call.arguments)) for call in read.tool_calls] == made
    assert read.text.strip() == "" and read.complete


@pytest.mark.parametrize("form", plugins.names("reply_formats"))
@pytest.mark.parametrize(
    "raw", ['{"people": 4}', "Two\n\nparagraphs, 1 < 2.", "", '{"name": "Ann", "parameters": {"a": 1}}']
)
def test_an_answer_without_calls_is_left_as_it_is(form, raw):
    """JSON, text and nothing at all are answers; an object with `parameters` is no call of a tool that was not offered."""
    read = plugins.load("reply_formats", form).read(raw, TOOLS)
    assert read == (raw, "", (), True)


@pytest.mark.parametrize(
    ("form", "raw"),
    [
        ("hermes", '<tool_call>{"name": "book", "arguments": {</tool_call>'),
        ("lfm", "<|tool_call_start|>[book(name='it's')]<|tool_call_end|>"),
        ("gemma", "<|tool_call>book{people:4}<tool_call|>"),
        ("mistral", "[TOOL_CALLS] [broken"),
        ("glm", "<tool_call></tool_call>"),
    ],
)
def test_a_broken_call_stays_where_a_reader_sees_it(form, raw):
    """What cannot be read as a call is no call, and it is not thrown away either."""
    read = plugins.load("reply_formats", form).read(raw, TOOLS)
    assert read.tool_calls == () and read.text == raw


THOUGHTS = [
    ("plain", "<think>\nHm.\n</think>\n\nOK", "Hm.", "OK"),
    ("hermes", "<think>\n\n</think>\n\nOK", "", "OK"),
    ("mistral", "[THINK]Hm.[/THINK]OK", "Hm.", "OK"),
    ("gemma", "<|channel>thought\nHm.\n<channel|>OK", "Hm.", "OK"),
    ("harmony", "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>OK", "Hm.", "OK"),
    ("muse", " to=self<|message|>Hm.<|eom|><|start|>assistant to=user<|message|>OK", "Hm.", "OK"),
    ("cohere", "<|START_THINKING|>Hm.<|END_THINKING|><|START_RESPONSE|>OK<|END_RESPONSE|>", "Hm.", "OK"),
]


@pytest.mark.parametrize(("form", "raw", "reasoning", "text"), THOUGHTS)
def test_reasoning_is_no_part_of_the_answer(form, raw, reasoning, text):
    """What the model wrote for itself is kept apart from what it answered."""
    read = plugins.load("reply_formats", form).read(raw, ())
    assert (read.reasoning, read.text, read.complete) == (reasoning, text, True)


@pytest.mark.parametrize(
    ("form", "raw"),
    [
        ("plain", "<think>Let me see"),
        ("hermes", "<think>\nLet me see"),
        ("mistral", "[THINK]Let me see"),
        ("gemma", "<|channel>thought\nLet me see"),
        ("harmony", "<|channel|>analysis<|message|>Let me see"),
        ("harmony", "<|channel|>analysis<|message|>Let me see<|end|>"),
        ("muse", " to=self<|message|>Let me see"),
        ("cohere", "<|START_THINKING|>Let me see"),
    ],
)
def test_reasoning_that_is_never_closed_is_incomplete(form, raw):
    """It has no answer, and says so: an empty text alone would be scored as a wrong one."""
    read = plugins.load("reply_formats", form).read(raw, ())
    assert (read.text, read.reasoning, read.complete) == ("", "Let me see", False)
    assert finish_of(read, "stop") == finish_of(read, "length") == "incomplete"


def test_a_quoted_think_block_is_text():
    """Only a block at the start is reasoning."""
    text = "Write <think>x</think> around it."
    assert plugins.load("reply_formats", "plain").read(text, ()).text == text


def test_the_prompt_may_open_the_reasoning():
    """Where the template has opened the block already, the reply begins inside it."""
    tokenizer = tiny_tokenizer()
    prompt = tokenizer.encode("<|im_start|>assistant\n<think>\n")
    written = tokenizer.encode("Hm.\n</think>\n\nOK")
    read = read_reply(tokenizer, prompt, written)
    assert (read.text, read.reasoning) == ("OK", "Hm.")
    assert not read_reply(tokenizer, prompt, tokenizer.encode("Hm.")).complete


def test_the_tokenizers_own_response_template_comes_first():
    """A model that says how its replies are parsed is parsed so, whatever its chat template looks like."""
    tokenizer = tiny_tokenizer()
    tokenizer.response_template = {
        "defaults": {"role": "assistant"},
        "start_anchor": "<|im_start|>assistant\n",
        "fields": {
            "reasoning_content": {"open": "[[", "close_pattern": r"\]\]\s*", "content": "text"},
            "content": {"close_pattern": r"<\|im_end\|>", "content": "text"},
        },
    }
    read = read_reply(tokenizer, [], tokenizer.encode("[[Hm.]] OK"))
    assert (read.text, read.reasoning, read.complete) == ("OK", "Hm.", True)
    assert not read_reply(tokenizer, [], tokenizer.encode("[[Hm.")).complete


def test_raw_completions_and_replies_under_a_schema_are_text():
    """Nothing told the model to write in its template's form."""
    tokenizer = tiny_tokenizer()
    ids = tokenizer.encode("<think>a</think>b")
    for request in (Request(kind="complete", text="x"), Request(schema={"type": "string"})):
        assert reply_from(tokenizer, request, [], ids, Reply(text="")).text == "<think>a</think>b"
    chat = reply_from(tokenizer, Request(stop=("b",)), [], tokenizer.encode("<think>b</think>ab"), Reply(text=""))
    assert (chat.text, chat.reasoning) == ("a", "b")


def test_a_call_ends_a_reply_by_itself():
    """A reply that calls tools and stopped has the finish reason that endpoints give it."""
    read = plugins.load("reply_formats", "hermes").read(CALLS[0][1], ())
    assert finish_of(read, "stop") == "tool_calls" and finish_of(read, "length") == "length"


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("<|im_start|>{{ m }}<tool_call>", "hermes"),
        ("<tool_call><function=x><parameter=y>", "qwen_xml"),
        ("<tool_call><arg_key>", "glm"),
        ("<|start_header_id|>", "llama"),
        ("[INST]", "mistral"),
        ("<｜Assistant｜>", "deepseek"),
        ("<|channel|>final<|message|>", "harmony"),
        ("<|CHATBOT_TOKEN|><tool_call>", "cohere"),
        ("<|start_of_role|><tool_call>", "tool_list"),
        ("{{ messages }}", "plain"),
    ],
)
def test_a_template_is_known_by_its_marks(template, name):
    """An edited copy of a template is read as its family."""
    assert format_of(template).__name__.rpartition(".")[2] == name
