"""Render messages to token ids: the one renderer of training and of serving.

A fine-tune is silently ruined when training and serving write the same conversation in different tokens. So both call
this module: `prompt_ids` is what the model reads, `target_ids` is what it must write after that, ending in the token
that ends its turn. The tokenizer is any Hugging Face tokenizer with a chat template; nothing heavy is imported here.

Text of users never becomes a control token: `<|im_end|>` inside a message is encoded as the plain characters, in
training and in serving alike (`sanitize_control_tokens` of transformers). What is given and would leave no trace in the
tokens (tools, a system text, an image) is refused. A template that asks for today's date always gets the same one.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from harness.core import answer_tokens, chat_forms
from harness.core.chat_forms import Chat, ChatForm
from harness.core.codec import REASONING, canonical, to_chat
from harness.core.reading import format_of, marks_of, template_of
from harness.core.tool_order import in_order
from harness.errors import InputError, UsageError
from harness.types import Json, Message, Prompt, ReasoningPart, RefusalPart, TextPart, ToolResultPart

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SYSTEM_ROLES = ("system", "developer")
DATE, DAY = "date", "2026-01-01"
"""Template option for the day that a template takes for today, and its value where none is given."""
CLOCK = "strftime_now"
"""What templates call for today's date."""
ANSWER = "Markedanswer"
"""An answer whose place in the tokens shows what a template writes before it."""
DIRECTIVES = ("-d", "-m", *"aAdbBmyYHIpMSjUW")
"""Fields of a date that templates ask for."""
_ROLE = re.compile(r"[A-Za-z][\w-]{0,30}")
_forms: dict[str, ChatForm] = {}
"""Chat template to the form in which it takes messages."""
_left_out: dict[tuple[Any, ...], str] = {}
"""Template, options and shape of a conversation to what leaves no trace."""


def merge_prompt(prompt: Prompt, messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """The arm's prompt put in front of a case. System text comes first; if both have one, the prompt's wins."""
    case_system = _leading_system(messages)
    prompt_system = _leading_system(prompt.messages)
    examples = prompt.messages[len(prompt_system) :]
    return (*(prompt_system or case_system), *examples, *messages[len(case_system) :])


def prompt_ids(
    tokenizer: "PreTrainedTokenizerBase",
    prompt: Prompt,
    messages: tuple[Message, ...],
    tools: tuple[Json, ...] = (),
    options: Mapping[str, Json] = {},
) -> list[int]:
    """Token ids of the conversation up to the point where the assistant's answer starts.

    `options` are variables of the template, such as `enable_thinking`, and `date`. Raises InputError when the model has
    no chat template, when the template refuses the conversation, and when it leaves out a part of it.
    """
    return _render(tokenizer, merge_prompt(prompt, messages), tools, options, ask=True)


def target_ids(
    tokenizer: "PreTrainedTokenizerBase",
    prompt: Prompt,
    messages: tuple[Message, ...],
    target: Message,
    stop: frozenset[int],
    tools: tuple[Json, ...] = (),
    options: Mapping[str, Json] = {},
) -> list[int]:
    """Token ids of the answer, as they follow `prompt_ids` of the same conversation, up to and with the end of turn.

    `stop` is `stop_ids` of the model. The answer is tokenized by itself, as a model writes it, where the tokenizer would
    merge its first letters with the prompt. A template that ends the answer with none of `stop` gets the one that the
    next message begins with, else the model's own end of text. Raises InputError when the template writes the
    conversation differently once it is answered, other than by the reasoning that the prompt opens.
    """
    earlier = tuple(map(_without_reasoning, merge_prompt(prompt, messages)))  # some templates drop it once answered
    asked, talk = _render(tokenizer, earlier, tools, options, ask=True), (*earlier, target)
    whole = _render(tokenizer, talk, tools, options, ask=False)
    marks = marks_of(format_of(template_of(tokenizer, tools)))
    answer = answer_tokens.after(tokenizer, asked, whole, marks, target.reasoning)
    end = next((place for place, token in enumerate(answer) if token in stop), None)
    if end is not None:
        return answer[: end + 1]
    return [*answer, _end(tokenizer, talk, whole, stop, partial(_render, tokenizer, tools=tools, options=options))]


def lead_ids(
    tokenizer: "PreTrainedTokenizerBase",
    messages: tuple[Message, ...],
    tools: tuple[Json, ...] = (),
    options: Mapping[str, Json] = {},
) -> list[int]:
    """Tokens that the template writes between `prompt_ids` and the text of an answer without reasoning.

    Most templates write none; Qwen3's writes an empty think block, gpt-oss's the name of a channel. A text whose likelihood is
    asked for comes after them, as an answer in training does. Raises InputError as `prompt_ids`.
    """
    template = template_of(tokenizer, tools)
    asked = prompt_ids(tokenizer, Prompt(name="none"), messages, tools, options)
    talk = (*messages, Message(role="assistant", parts=(TextPart(text=ANSWER),)))
    try:
        whole = _render(tokenizer, talk, tools, options, ask=False)
        answer = answer_tokens.after(tokenizer, asked, whole, marks_of(format_of(template)))
    except InputError:  # a template that takes no answer after these messages
        return []
    return answer_tokens.before(tokenizer, answer, ANSWER)


def stop_ids(tokenizer: "PreTrainedTokenizerBase", folder: str | Path) -> frozenset[int]:
    """Ids that end a turn: `eos_token_id` of generation_config.json (one or several) and the tokenizer's own."""
    path = Path(folder) / "generation_config.json"
    listed = json.loads(path.read_bytes()).get("eos_token_id") if path.exists() else None
    ids = listed if isinstance(listed, list) else [listed]
    return frozenset(token for token in (*ids, tokenizer.eos_token_id) if token is not None)


def _leading_system(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    count = next((place for place, each in enumerate(messages) if each.role not in SYSTEM_ROLES), len(messages))
    return messages[:count]


def _render(
    tokenizer: "PreTrainedTokenizerBase",
    messages: tuple[Message, ...],
    tools: Sequence[Json],
    options: Mapping[str, Json],
    ask: bool,
) -> list[int]:
    template = template_of(tokenizer, tools)
    if not template:
        raise InputError("the model has no chat template", next="add chat_template.jinja to the model's folder")
    if media := chat_forms.media_of(messages):
        raise InputError(f"the model reads text only, and there is {media}", next="leave the case out")
    chats = [_chat(message) for message in messages]
    for place in range(_open_turn(messages), len(messages)):
        chats[place] |= _reasoning(messages[place])
    write = _writer(tokenizer, template, options)
    if template not in _forms:
        _forms[template] = chat_forms.form_of(write)
    form = _forms[template]
    _refuse_what_is_left_out(write, form, chats, tools, (template, canonical(dict(options))))
    try:
        ids = tokenizer.apply_chat_template(
            form.apply(chats),
            tools=in_order(tools) or None,
            add_generation_prompt=ask,
            sanitize_control_tokens=True,
            return_dict=False,
            **_variables(template, options),
        )
    except Exception as error:  # a template is the model's own program: it may raise anything at all
        raise InputError(f"the chat template refuses the conversation: {error}") from error
    if tokenizer.bos_token_id is not None and ids[:2] == [tokenizer.bos_token_id] * 2:
        raise InputError("the chat template writes the start token twice", next="fix the model's chat template")
    return list(ids)


def _writer(tokenizer: "PreTrainedTokenizerBase", template: str, options: Mapping[str, Json]) -> chat_forms.Render:
    variables = _variables(template, options)

    def write(chats: list[Chat], tools: list[Json]) -> str:
        return str(tokenizer.apply_chat_template(chats, tools=tools or None, tokenize=False, **variables))

    return write


def _refuse_what_is_left_out(
    write: chat_forms.Render, form: ChatForm, chats: list[Chat], tools: Sequence[Json], known: tuple[str, str]
) -> None:
    """Raises InputError naming the first thing of the conversation that the template does not write."""
    shape = (*known, chat_forms.shape_of(chats, tools))
    if shape not in _left_out:
        _left_out[shape] = chat_forms.left_out(write, form, chats, tools)
    what = _left_out[shape]
    if what.startswith("a tool call"):
        raise InputError(
            f"the chat template does not write tool calls, or not this one: {what}",
            next="use a model whose template knows tools",
        )
    if what:
        raise InputError(
            f"the chat template leaves out {what}: it would be gone without a trace",
            next="leave it out of the case, or use a model whose template writes it",
        )


def _variables(template: str, options: Mapping[str, Json]) -> dict[str, Any]:
    """The template and its variables, with the day that it takes for today pinned. Raises UsageError on a wrong day.

    A prompt must not change from one day to the next: its tokens are what a model is trained on, and what a cached reply
    answers. The clock of transformers is hidden by a macro of the same name.
    """
    given = dict(options)
    try:
        day = date.fromisoformat(str(given.pop(DATE, DAY)))
    except ValueError as error:
        raise UsageError(
            f"the template option date is no day: {options[DATE]!r}", next=f'write it as date = "{DAY}"'
        ) from error
    if CLOCK not in template:
        return given
    fields = "".join(f" | replace('%{field}', '{day.strftime(f'%{field}')}')" for field in DIRECTIVES)
    macro = f"{{%- macro {CLOCK}(form) -%}}{{{{ form{fields} }}}}{{%- endmacro %}}\n"
    return {**given, "chat_template": macro + template}


def _chat(message: Message) -> Chat:
    """The chat form that templates expect: roles they know, and tool arguments as objects."""
    if not _ROLE.fullmatch(message.role):  # templates paste the role beside control tokens, so it must be a plain word
        raise InputError(f"not a role: {message.role[:40]!r}")
    chat = to_chat(message)
    if chat["role"] == "developer":
        chat["role"] = "system"
    chat["content"] = chat["content"] or "".join(part.text for part in message.parts if isinstance(part, RefusalPart))
    for call in chat.get("tool_calls", ()):
        call["function"]["arguments"] = _arguments(call["function"]["arguments"])
    return chat


def _open_turn(messages: Sequence[Message]) -> int:
    """Where the answer to the last user begins. What a model thought between its tool calls there it reads again; of
    earlier answers templates write none."""
    users = (place for place in range(len(messages), 0, -1) if messages[place - 1].role == "user")
    return next(users, 0)


def _without_reasoning(message: Message) -> Message:
    return replace(message, parts=tuple(part for part in message.parts if not isinstance(part, ReasoningPart)))


def _reasoning(message: Message) -> Chat:
    """The reasoning of a model's message, under each of the names that templates know it by."""
    return dict.fromkeys(REASONING, message.reasoning) if message.role == "assistant" and message.reasoning else {}


def _arguments(text: str) -> Json:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, dict) else text


def _end(
    tokenizer: "PreTrainedTokenizerBase",
    talk: tuple[Message, ...],
    whole: list[int],
    stop: frozenset[int],
    render: Callable[..., list[int]],
) -> int:
    """The stop token of a template that writes none behind the answer. Raises InputError when the model has none."""
    called = talk[-1].tool_calls
    part = ToolResultPart(id=called[0].id, content="x") if called else TextPart(text="x")
    following = Message(role="tool" if called else "user", parts=(part,))
    try:
        longer = render(messages=(*talk, following), ask=False)
    except InputError:
        longer = []
    if longer[: len(whole)] == whole and longer[len(whole) : len(whole) + 1] and longer[len(whole)] in stop:
        return longer[len(whole)]
    if tokenizer.eos_token_id in stop:
        return int(tokenizer.eos_token_id)
    raise InputError(
        "the chat template ends the answer with no token that stops generation",
        next="add the template's end-of-turn token to eos_token_id in generation_config.json",
    )
