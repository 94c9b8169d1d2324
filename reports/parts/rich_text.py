"""Parse Markdown into a tree of allowed elements, for a page that never parses a string as markup.

A node is a text or `[name, child, ...]`, with a dict of attributes as the second item where it has any: `["p", "so ",
["strong", "be"], " it"]`. HTML in a text stays text. A link keeps its address to be shown, not to be followed; an image keeps its
source, which the page draws only where it is a picture that `pictures` allows.
"""

import re
from functools import cache, lru_cache

from markdown_it import MarkdownIt
from markdown_it.token import Token

from harness.core.codec import decode
from harness.errors import InputError
from harness.types import Json

LONGEST = 50_000
"""Characters of a text that is parsed; a longer one is shown as it is."""
MOST_BRACKETS = 1000
"""Opening brackets of a text that is parsed: the time to look for links grows with their square."""
_SIGN = re.compile(
    r"^ {0,3}(?:#{1,6} |>|[-*+] |\d{1,9}[.)] |```|~~~|\|.*\|)|\*\*|\b__\w|`[^`\n]+`|\[[^\]\n]*\]\(|(?<![\w*])\*\w",
    re.MULTILINE,
)
"""What a text has that means something in Markdown; most have nothing, and are not parsed."""
_ELEMENTS = frozenset(
    [
        "p",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "ul",
        "ol",
        "li",
        "blockquote",
        "pre",
        "code",
        "em",
        "strong",
        "s",
        "hr",
        "br",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "a",
        "img",
    ]
)


@lru_cache(maxsize=4096)
def tree(text: str) -> tuple[Json, ...] | None:
    """The nodes of a text; None where it is shown as it is: no Markdown in it, JSON, or too long."""
    if len(text) > LONGEST or text.count("[") > MOST_BRACKETS or not _SIGN.search(text) or _is_json(text):
        return None
    root = _nested(_parser().parse(text))
    return tuple(root) if any(isinstance(node, list) and node != ["p"] for node in root) else None


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


def _is_json(text: str) -> bool:
    if text.lstrip()[:1] not in ("{", "["):
        return False
    try:
        decode(text, Json)
    except (InputError, UnicodeEncodeError):  # a lone half of a surrogate pair has no bytes
        return False
    return True


def _nested(tokens: list[Token]) -> list[Json]:
    root: list[Json] = []
    open_ = [root]
    for token in tokens:
        if token.type == "inline":
            open_[-1].extend(_nested(token.children or []))
        elif token.nesting < 0:
            if not token.hidden:
                open_.pop()
        elif token.nesting > 0:
            if not token.hidden:
                node = _opened(token)
                open_[-1].append(node)
                open_.append(node)
        else:
            open_[-1].append(_leaf(token))
    return root


def _opened(token: Token) -> list[Json]:
    name = token.tag if token.tag in _ELEMENTS else "p"
    kept = {key: str(token.attrs[key]) for key in ("href", "start") if key in token.attrs}
    return [name, kept] if kept else [name]


def _leaf(token: Token) -> Json:
    if token.type in ("fence", "code_block"):
        language = token.info.split()[:1]
        return ["pre", {"language": language[0][:24]}, token.content] if language else ["pre", token.content]
    if token.type == "code_inline":
        return ["code", token.content]
    if token.type in ("softbreak", "hardbreak"):
        return ["br"]
    if token.type == "hr":
        return ["hr"]
    if token.type == "image":
        return ["img", {"src": str(token.attrs.get("src", "")), "alt": token.content}]
    return token.content
