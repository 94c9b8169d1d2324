"""Cut the answer's tokens out of an answered conversation, as a model writes them behind its prompt."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.errors import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def after(
    tokenizer: "PreTrainedTokenizerBase",
    asked: Sequence[int],
    whole: Sequence[int],
    marks: tuple[str, str],
    thoughts: str = "",
) -> list[int]:
    """The tokens of `whole`, the answered conversation, that follow `asked`, the prompt.

    Where the two merge into one token, the answer's first piece of text is tokenized by itself. Where the prompt opens
    the reasoning (`marks`) and the answered form leaves that out, as those of DeepSeek and Nemotron do, `thoughts` and the
    closing mark are put in front: what serving has to see written. Raises InputError when the two differ otherwise.
    """
    if list(whole[: len(asked)]) == list(asked):
        return list(whole[len(asked) :])
    prompt, answered = decode_text(tokenizer, asked), decode_text(tokenizer, whole)
    if answered.startswith(prompt):
        return _from(tokenizer, whole, len(prompt))
    opening, closing = marks
    before, mark, space = prompt.rpartition(opening)
    if not mark or space.strip() or not answered.startswith(before):
        raise InputError(
            "the chat template writes the conversation differently once it is answered",
            next="leave the row out, or use a template that only appends",
        )
    rest = answered[len(before) :]
    if rest.startswith(opening):
        skip = len(opening) + (len(space) if rest.startswith(opening + space) else 0)
        return _from(tokenizer, whole, len(before) + skip)
    bridge = encode_text(tokenizer, thoughts) if thoughts else []
    bridge += tokenizer.encode(f"\n{closing}\n\n", add_special_tokens=False)
    return bridge + _from(tokenizer, whole, len(before))


def before(tokenizer: "PreTrainedTokenizerBase", ids: Sequence[int], text: str) -> list[int]:
    """The tokens of `ids` in front of `text`; none where there is nothing but space, or `text` is not in them."""
    lead, there, _ = decode_text(tokenizer, ids).partition(text)
    if not there or not lead.strip():
        return []
    tail = _from(tokenizer, ids, len(lead))
    return list(ids[: len(ids) - len(tail)])


def encode_text(tokenizer: "PreTrainedTokenizerBase", text: str) -> list[int]:
    """Tokens of text inside a conversation; control tokens in it are encoded as their characters.

    The text is encoded behind a newline, since some tokenizers put a space in front of whatever comes first.
    """
    line = tokenizer.encode("\n", add_special_tokens=False)
    ids = list(tokenizer.encode(f"\n{text}", add_special_tokens=False, split_special_tokens=True))
    if ids[: len(line)] == line:
        return ids[len(line) :]
    return list(tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True))


def decode_text(tokenizer: "PreTrainedTokenizerBase", ids: Sequence[int], skip_special: bool = False) -> str:
    """The text of one row of tokens, its spaces as they are."""
    return str(tokenizer.decode(list(ids), skip_special_tokens=skip_special, clean_up_tokenization_spaces=False))


def _from(tokenizer: "PreTrainedTokenizerBase", ids: Sequence[int], chars: int) -> list[int]:
    """Tokens of the text from `chars` on. A token on both sides of that place is cut, and what follows it encoded anew."""
    place = bisect_left(range(len(ids)), chars, key=lambda count: len(decode_text(tokenizer, ids[:count])))
    if len(decode_text(tokenizer, ids[:place])) == chars:
        return list(ids[place:])
    added = tokenizer.added_tokens_decoder
    end = next((other for other in range(place, len(ids)) if ids[other] in added), len(ids))
    return encode_text(tokenizer, decode_text(tokenizer, ids[:end])[chars:]) + list(ids[end:])
