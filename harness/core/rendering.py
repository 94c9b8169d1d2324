"""Render messages to token ids: the one renderer of training and of serving.

A fine-tune is silently ruined when training and serving write the same conversation in different tokens. So both call
this module: `prompt_ids` is what the model reads, `target_ids` is what it must write after that, ending in the token
that ends its turn. The tokenizer is any Hugging Face tokenizer with a chat template; nothing heavy is imported here.

Text of users never becomes a control token: `<|im_end|>` inside a message is encoded as the plain characters, in
training and in serving alike (`sanitize_control_tokens` of transformers).
"""

import json
import re
from pathlib import Path
from typing import Any

from harness.core.codec import to_chat
from harness.errors import InputError
from harness.types import Json, Message, Prompt

SYSTEM_ROLES = ("system", "developer")
_ROLE = re.compile(r"[A-Za-z][\w-]{0,30}")


def merge_prompt(prompt: Prompt, messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """The arm's prompt put in front of a case. System text comes first; if both have one, the prompt's wins."""
    case_system = _leading_system(messages)
    prompt_system = _leading_system(prompt.messages)
    examples = prompt.messages[len(prompt_system) :]
    return (*(prompt_system or case_system), *examples, *messages[len(case_system) :])


def prompt_ids(
    tokenizer: Any, prompt: Prompt, messages: tuple[Message, ...], tools: tuple[Json, ...] = ()
) -> list[int]:
    """Token ids of the conversation up to the point where the assistant's answer starts.

    Raises InputError when the model has no chat template, or when the template refuses the conversation.
    """
    return _render(tokenizer, merge_prompt(prompt, messages), tools, ask=True)


def target_ids(
    tokenizer: Any,
    prompt: Prompt,
    messages: tuple[Message, ...],
    target: Message,
    stop: frozenset[int],
    tools: tuple[Json, ...] = (),
) -> list[int]:
    """Token ids of the answer, as they follow `prompt_ids` of the same conversation, up to and with the end of turn.

    `stop` is `stop_ids` of the model. Raises InputError when the template writes the conversation differently once it is
    answered, or ends the answer with none of `stop`: such a row would teach the model what serving never asks.
    """
    asked = prompt_ids(tokenizer, prompt, messages, tools)
    whole = _render(tokenizer, (*merge_prompt(prompt, messages), target), tools, ask=False)
    if whole[: len(asked)] != asked:
        raise InputError(
            "the chat template writes the conversation differently once it is answered",
            next="leave the row out, or use a template that only appends",
        )
    answer = whole[len(asked) :]
    end = max((place for place, token in enumerate(answer) if token in stop), default=None)
    if end is None:
        raise InputError(
            "the chat template ends the answer with no token that stops generation",
            next="add the template's end-of-turn token to eos_token_id in generation_config.json",
        )
    if target.tool_calls and not _names_tools(tokenizer.decode(answer), target):
        raise InputError("the chat template does not write tool calls", next="use a model whose template knows tools")
    return answer[: end + 1]


def stop_ids(tokenizer: Any, folder: str | Path) -> frozenset[int]:
    """Ids that end a turn: `eos_token_id` of generation_config.json (one or several) and the tokenizer's own."""
    path = Path(folder) / "generation_config.json"
    listed = json.loads(path.read_bytes()).get("eos_token_id") if path.exists() else None
    ids = listed if isinstance(listed, list) else [listed]
    return frozenset(token for token in (*ids, tokenizer.eos_token_id) if token is not None)


def _leading_system(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    count = next((place for place, each in enumerate(messages) if each.role not in SYSTEM_ROLES), len(messages))
    return messages[:count]


def _render(tokenizer: Any, messages: tuple[Message, ...], tools: tuple[Json, ...], ask: bool) -> list[int]:
    if not getattr(tokenizer, "chat_template", None):
        raise InputError("the model has no chat template", next="add chat_template.jinja to the model's folder")
    chats = [_chat(message) for message in messages]
    try:
        ids = tokenizer.apply_chat_template(
            chats,
            tools=list(tools) or None,
            add_generation_prompt=ask,
            sanitize_control_tokens=True,
            return_dict=False,
        )
    except Exception as error:  # a template is the model's own program: it may raise anything at all
        raise InputError(f"the chat template refuses the conversation: {error}") from error
    if tokenizer.bos_token_id is not None and ids[:2] == [tokenizer.bos_token_id] * 2:
        raise InputError("the chat template writes the start token twice", next="fix the model's chat template")
    return list(ids)


def _chat(message: Message) -> dict[str, Any]:
    """The chat form that templates expect: roles they know, and tool arguments as objects."""
    if not _ROLE.fullmatch(message.role):  # templates paste the role beside control tokens, so it must be a plain word
        raise InputError(f"not a role: {message.role[:40]!r}")
    chat = to_chat(message)
    if chat["role"] == "developer":
        chat["role"] = "system"
    for call in chat.get("tool_calls", ()):
        call["function"]["arguments"] = _arguments(call["function"]["arguments"])
    return chat


def _arguments(text: str) -> Json:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, dict) else text


def _names_tools(text: str, target: Message) -> bool:
    return all(call.name in text for call in target.tool_calls)
