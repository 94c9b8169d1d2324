"""Flag a text that nobody said: a producer's wrapper, a language's print of an object, or a mark of redaction.

This stands behind all readers. An application's own JSON answers, code and Markdown pass; so do the typed pseudonyms of
trueup's redaction, such as `<EMAIL_3fa9c1d2>`.
"""

import re
from collections.abc import Iterable

from harness.ingest.formats._envelopes import opened
from harness.types import Message, ReasoningPart, TextPart, ToolCallPart, ToolResultPart

ENVELOPE, PLACEHOLDER = "envelope", "placeholder"

_HIDDEN = (
    r"(?:redacted|filtered|masked|scrubbed|hidden|omitted|removed|suppressed|anonymi[sz]ed|sanitized|sanitised|withheld"
    r"|obfuscated|encrypted|elided|censored|not[ _-]?captured|not[ _-]?recorded)"
)
_SUBJECT = (
    r"(?:(?:the|all|content|contents|message|messages|text|prompt|output|input|inputs|outputs|request|response|answer"
    r"|completion|data|value|body|pii|phi|sensitive|personal|private|secret|user|system|assistant|tool|fully|partially"
    r"|was|were|is|has|been)[ _-]+)*"
)
_TAIL = r"(?:[_:][^\n]{0,60}|\s+(?:by|due|for|from|because|content|text|message|value|data|input|output|pii|\d+)\b[^\n]{0,60})?"
_MARK = re.compile(
    rf"""
      [\[<({{]+\s*[*_]*{_SUBJECT}{_HIDDEN}{_TAIL}\s*[\]>)}}]+          # [REDACTED], <redacted by policy>
    | [*_\#~|-]+\s*{_SUBJECT}{_HIDDEN}\s*[*_\#~|-]+                     # __REDACTED__, ***MASKED***
    | {_SUBJECT}redacted(?:[ _-](?:by|for|due|from|because)[ _-][\w ._-]{{1,60}})?\.?
    | [*•█▇▒░■]{{3,}} | X{{4,}} | \#{{4,}}
    """,
    re.X | re.I,
)
_HASH = re.compile(
    r"(?:sha-?(?:1|224|256|384|512)|md5|hash(?:ed)?|hmac)[:=] ?[0-9a-z+/=_-]{8,}"
    r"|[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128}",
    re.I,
)
_BARE = frozenset(["FILTERED", "REDACTED", "MASKED", "SCRUBBED", "OMITTED"])
LONGEST_MARK = 160

_NOUN = (
    r"[\w.$]*(?:Message|Messages|Content|Response|Completion|Output|Result|Part|Block|Choice|Generation|Chunk|Candidate"
    r"|Reply|Replies|Request|Prompt|PromptValue|Delta|Event|Document|Usage|Turn)"
)
_KEY = r"_?(?i:role|contents?|text|parts|messages?|choices)"
_OPEN = r"(?:\(\s*_?\w+\s?[=:]|\s?\{\s*\w+\s?[=:]|\s?\[\s*\w+=)"
_PRINTS = re.compile(
    rf"""
      \[?{_NOUN}{_OPEN}.*[)}}\]]                                # Python, Kotlin, Java, C#, Rust, Go, Swift
    | \[?[A-Z][\w.$]*(?={_OPEN}).{{1,200}}?\b{_KEY}\s?[=:].*[)}}\]]
    | [\[{{\s]*{_KEY}\s?=\s?.*\}}\]?                           # a map as Java prints it
    | [\[{{\s]*\{{\s*(?:role|content|choices|candidates):\s?['"\[\{{].*\}}\s*\]?   # util.inspect of Node
    | &?\[?\{{(?:Role|Content|Choices):.*\}}\]? | \[?map\[(?:role|content|choices|parts):.*\]        # Go
    | role=['"]?\w+['"]?\scontent=.*                           # str() of a pydantic model
    | content=(?:'.*'|".*"|\[.*\])\s(?:additional_kwargs|response_metadata|role|name|tool_calls|usage_metadata)=.*
    | (?:system|developer):\s.*\n(?:user|human):\s.*           # a conversation as lines
    | (?:\[object\s\w+\][,\s]*)+ | \[Object:\snull\sprototype\].* | Promise\s\{{.*\}}
    | <(?:[\w.]+\s)+(?:object|at\s0x).*> | <(?:async_)?generator\s.*> | <coroutine\s.*> | <[A-Z]\w+\.[A-Z_]+:\s.*>
    | \#<[A-Z][\w:]*.*> | %[A-Z]?[\w.]*\{{\s?\w+:\s.*\}} | (?:Array|\w*\s?Object)\s*\(\s*\[\w+\]\s=>.*\)
    | (?:[a-z_]\w*\.)+[A-Z][\w$]*@[0-9a-f]{{4,}} | \[?L?[A-Z]\w+;?@[0-9a-f]{{5,}}
    | (?:System|Microsoft|Azure|OpenAI|Google|Amazon|Anthropic)(?:\.[A-Z]\w*)+(?:`\d+\[.*\])?(?:\[\])?
    """,
    re.X | re.S,
)
"""How languages print an object of a message's kind."""


def problem(text: str) -> str:
    """`envelope`, `placeholder`, or nothing where a text may well be what was said."""
    short = len(text) <= LONGEST_MARK
    if short and (hidden(text) or _HASH.fullmatch(text.strip())):
        return PLACEHOLDER
    if not short and text[-1:] not in _ENDS and not text.startswith(_STARTS):
        return ""
    return ENVELOPE if _PRINTS.fullmatch(text.strip()) or opened(text) is not None else ""


_ENDS = frozenset(")]}>\"' \n")
"""How a printed object or JSON text ends."""
_STARTS = ("role=", "content=", "system: ", "developer: ")
"""How a printed message begins that may end in anything."""


def hidden(text: str) -> str:
    """`placeholder` for a mark of redaction, else nothing."""
    bare = text.strip() if len(text) <= LONGEST_MARK else ""
    return PLACEHOLDER if bare in _BARE or _MARK.fullmatch(bare) else ""


def is_nothing(answered: Iterable[Message], written: int | None) -> bool:
    """Whether an answer is only how a language prints that there is none, though the model wrote `written` tokens: what it
    said or called was lost."""
    said = [part for message in answered for part in message.parts]
    if len(said) != 1 or not isinstance(said[0], TextPart):
        return False
    return said[0].text.strip() in _NOTHING and (written or 0) > _TOKENS_OF_NOTHING


_NOTHING = frozenset(["None", "null", "undefined", "nil", "<nil>", "NaN", "NULL"])
_TOKENS_OF_NOTHING = 4

_TEXTS = (TextPart, ReasoningPart)


def flags(said: Iterable[Message]) -> set[str]:
    """The flags for what messages hold. What tools are given and give back may have any shape: only marks count there."""
    found: set[str] = set()
    for message in said:
        for part in message.parts:
            if isinstance(part, _TEXTS):
                found.add(problem(part.text))
            elif isinstance(part, ToolCallPart):
                found.add(hidden(part.arguments))
            elif isinstance(part, ToolResultPart):
                found.add(hidden(part.content))
    return found - {""}
