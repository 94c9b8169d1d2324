"""Flag a text that nobody said: a producer's wrapper, a language's print of an object, or a mark of redaction.

This stands behind all readers. An application's own JSON answers, code and Markdown pass; so do the typed pseudonyms of
trueup's redaction, such as `<EMAIL_3fa9c1d2>`.
"""

import base64
import re
from collections.abc import Iterable

from harness.ingest.formats._data_stream import is_data_stream
from harness.ingest.formats._envelopes import opened
from harness.ingest.formats._json import parsed
from harness.types import Message, ReasoningPart, TextPart, ToolCallPart, ToolResultPart

ENVELOPE, PLACEHOLDER, TRUNCATED = "envelope", "placeholder", "truncated"

_HIDDEN = (
    r"(?:redacted|filtered|masked|scrubbed|hidden|omitted|removed|suppressed|anonymi[sz]ed|sanitized|sanitised|withheld"
    r"|obfuscated|encrypted|elided|censored|deleted|truncated|unavailable|not[ _-]?captured|not[ _-]?recorded"
    r"|not[ _-]?available|masqu[eé]e?s?|caviard[eé]e?s?|geschwärzt|ausgeblendet|oculto|ocultado|удалено|скрыто|已脱敏|已隐藏|非表示)"
)
_SUBJECT = (
    r"(?:(?:the|all|content|contents|message|messages|text|prompt|output|input|inputs|outputs|request|response|answer"
    r"|completion|data|value|body|pii|phi|sensitive|personal|private|secret|user|system|assistant|tool|fully|partially"
    r"|email|e-mail|phone|name|address|number|card|ssn|ip|key|token|password|credentials?|person|image|audio|file|media"
    r"|attachment|binary|openinference|was|were|is|has|been)[ _-]+)*"
)
_TAIL = r"(?:[_:][^\n]{0,60}|\s+(?:by|due|for|from|because|content|text|message|value|data|input|output|pii|\d+)\b[^\n]{0,60})?"
_MARK = re.compile(
    rf"""
      [\[<({{]+\s*[*_]*{_SUBJECT}{_HIDDEN}{_TAIL}\s*[\]>)}}]+          # [REDACTED], <redacted by policy>
    | [*_\#~|$%!-]+\s*{_SUBJECT}{_HIDDEN}\s*[*_\#~|$%!-]+               # __REDACTED__, ***MASKED***
    | [\[<({{]+\s*(?:PII|PHI|no[ _]content|empty|binary[ _]data|PERSON|EMAIL_ADDRESS|PHONE_NUMBER)\s*[\]>)}}]+
    | content[ _-]omitted\.? | content[ _-]not[ _-](?:captured|recorded|available)\.? | not_(?:captured|recorded) | (?:content[ _-])?capture[ _-](?:is[ _-])?(?:disabled|off)\.?
    | {_SUBJECT}redacted(?:[ _-](?:by|for|due|from|because)[ _-][\w ._-]{{1,60}})?(?:\s\([^()\n]{{1,60}}\))?\.?
    | [*•●█▇▒░■]{{3,}} | X{{4,}}(?:-X{{4,}})* | \#{{4,}} | _{{4,}}
    """,
    re.X | re.I,
)
_HASH = re.compile(
    r"(?:sha-?(?:1|224|256|384|512)|md5|hash(?:ed)?|hmac)[:=] ?[0-9a-z+/=_-]{8,}"
    r"|[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128}",
    re.I,
)
_BLOB = re.compile(
    r"(?P<named>(?:vault|enc|encrypted|kms|aes|cipher|ciphertext)[\w-]*:(?:v?\d+:)?)?(?P<first>[A-Za-z0-9+/_-]{36,})={0,2}"
    r"(?P<more>(?:\.[A-Za-z0-9_-]*){4})?\s*"
)
_CIPHERS = ("gAAAAA", "U2FsdGVkX1", "AQICAH")
"""How what Fernet, OpenSSL and Amazon's KMS encrypt begins."""
_SEALED = ("-----BEGIN PGP MESSAGE", "-----BEGIN ENCRYPTED", "-----BEGIN CMS")
SAMPLE = 400
"""Characters of a text that are decoded to tell whether it is encrypted."""
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
    | \[?[A-Z][\w.$]*(?={_OPEN}).{{1,200}}?\b{_KEY}['"]?\s?[=:].*[)}}\]]
    | (?:Prediction|AgentFinish|AgentAction)\(\s*\w+=.*\) | Example\(\{{.*\}}\)\s\(input_keys=.*\)
    | [A-Z]\w*\(\{{\s*['"]{_KEY}['"]:.*\}}\)                    # a dict of a class of its own
    | (?:Just|Right|Left)\s(?:"(?:[^"\\]|\\.)*"|\([A-Z]\w*\s?[({{\["].*\)|[A-Z]\w*\s?\{{.*\}})              # Haskell, Elm
    | (?:Ok|Some|Optional|Success)[(\[](?:".*"|[A-Z]\w*\s?[({{\[].*)[)\]]
    | [\[{{\s]*{_KEY}\s?=\s?.*\}}\]?                           # a map as Java prints it
    | \[?\{{\s?[:"]?(?:role|content|choices)"?\s?=>.*\}}\]?      # Ruby
    | \[(?:role|content):\s".*\]                               # Elixir
    | [\[{{\s]*\{{\s*(?:role|content|choices|candidates):\s?['"\[\{{].*\}}\s*\]?   # util.inspect of Node
    | &\{{\w+\s.*\}} | b'(?:[^'\\]|\\.)*' | b"(?:[^"\\]|\\.)*"
    | &?\[?[\w.]*\{{(?:[A-Z]\w*:.{{0,300}}?\b)?(?:Role|Content|Choices):.*\}}\]? | &?[\[{{]*0xc0[0-9a-f]{{8}}[\]}}\s0-9a-fx]* | \[?map\[(?:role|content|choices|parts):.*\]        # Go
    | role=['"]?\w+['"]?\scontent=.*                           # str() of a pydantic model
    | (?:[a-z_]\w*=.*\s)?(?:messages?|choices|candidates|content|parts|generations)=\[*[A-Z]\w*\(.*
    | (?:response:\s*)?GenerateContentResponse\(.*\) | (?:candidates|parts|content|choices)\s\{{\s*\w+(?::\s|\s\{{).*["}}]
    | (?:content|text)=(?:'[^'\n]*'|"[^"\n]*")
    | content=(?:'.*'|".*"|\[.*\])\s(?:additional_kwargs|response_metadata|role|name|tool_calls|usage_metadata)=.*
    | (?:system|developer):\s.*\n(?:user|human):\s.* | (?:Human|User|System):\s.*\n(?:AI|Assistant):.*   # as lines
    | (?:event:\s\w[^\n]*\ndata:\s|data:\s\{{[^\n]*\n\s*data:\s).*     # a stream that nobody put together
    | (?:<s>)?(?:\[INST\]|<\|im_start\|>|<\|start_header_id\|>|<\|begin_of_text\|>|<start_of_turn>).*   # a rendered template
    | [\[<](?:[Cc]ircular|unserializ|non-?serializ|not\sserializ)[^\]>]{{0,80}}[\]>] | tensor\(\[.*\).*
    | (?:\[object\s\w+\][,\s]*)+ | \[Object:\snull\sprototype\].* | Promise\s\{{.*\}}
    | (?:ReadableStream|AsyncGenerator|Object\s\[\w+\])\s\{{.*\}} | object\(\w+\)\#\d+\s\(\d+\)\s\{{.*\}}
    | [\[{{(].*<[\w.]+\sobject\sat\s0x[0-9a-f]+>.*[\]}})]
    | <(?:[\w.]+\s)+(?:object|at\s0x).*> | <(?:bound\smethod|function|class\s'|Response\s\[\d).*> | <\w[^<>]*\sat\s0x[0-9a-f]+>.* | <(?:async_)?generator\s.*> | <coroutine\s.*> | <[A-Z]\w+\.[A-Z_]+:\s.*>
    | \#<(?:struct\s)?[A-Z][\w:]*.*> | %[A-Z]?[\w.]*\{{\s?\w+:\s.*\}} | (?:Array|\w*\s?Object)\s*\(\s*\[\w+\]\s=>.*\)
    | (?:[a-z_]\w*\.)+[A-Z][\w$]*@[0-9a-f]{{4,}} | \[?L?[A-Z]\w+;?@[0-9a-f]{{5,}}
    | (?:System|Microsoft|Azure|OpenAI|Google|Amazon|Anthropic)(?:\.[A-Z]\w*)+(?:`\d+\[.*\])?(?:\[\])?
    """,
    re.X | re.S,
)
"""How languages print an object of a message's kind."""


def problem(text: str) -> str:
    """`envelope`, `placeholder`, or nothing where a text may well be what was said."""
    short = len(text) <= LONGEST_MARK
    if (short and (hidden(text) or _HASH.fullmatch(text.strip()))) or _is_encrypted(text):
        return PLACEHOLDER
    if is_data_stream(text):
        return ENVELOPE
    if not short and text[-1:] not in _ENDS and not text.startswith(_STARTS):
        return ""
    return ENVELOPE if _PRINTS.fullmatch(text.strip()) or opened(text) is not None else ""


def _is_encrypted(text: str) -> bool:
    """Whether a text is one long word of base64 that holds no text: what a vault or a cipher makes of a message."""
    if text.startswith(_SEALED):
        return True
    match = _BLOB.fullmatch(text)
    if match is None:
        return False
    if match["named"] or match["more"] or match["first"].startswith(_CIPHERS):  # five parts: JWE
        return True
    first = match["first"][:SAMPLE]
    kinds = (str.isupper, str.islower, str.isdigit)
    if any(sum(map(kind, first)) < len(first) // 32 for kind in kinds):  # a path, a word, a number
        return False
    raw = base64.urlsafe_b64decode(first[: len(first) // 4 * 4].replace("+", "-").replace("/", "_"))
    return sum(byte < 32 or byte > 126 for byte in raw) > len(raw) // 4


_ENDS = frozenset(")]}>\"' \n")
"""How a printed object or JSON text ends."""
_STARTS = (
    *("role=", "content=", "message=", "messages=", "choices=", "candidates=", "parts=", "generations=", "text='"),
    *(
        "id='",
        "model='",
        "sdk_http_response=",
        "system: ",
        "developer: ",
        "data: ",
        "event: ",
        "Human: ",
        "User: ",
        "System: ",
    ),
    *("<|im_start|>", "<|start_header_id|>", "<|begin_of_text|>", "<start_of_turn>", "[INST]", "<s>[INST]"),
)
"""How a printed message begins that may end in anything."""


def hidden(text: str) -> str:
    """`placeholder` for a mark of redaction, else nothing."""
    bare = text.strip(_QUOTES) if len(text) <= LONGEST_MARK else ""
    if bare in _BARE or _MARK.fullmatch(bare):
        return PLACEHOLDER
    value = parsed(bare) if bare[:1] in ("{", "[") else None
    if isinstance(value, dict):
        marked = any(value.get(name) is True for name in _MARKED)
        texts = [held for name, held in value.items() if not (marked and name in _BESIDE_MARK)]
    else:
        marked, texts = False, value if isinstance(value, list) else []
    whole = all(isinstance(held, str) and hidden(held) for held in texts)
    return PLACEHOLDER if (marked or texts) and whole else ""


_MARKED = ("redacted", "_redacted", "is_redacted", "isRedacted", "content_redacted", "contentRedacted", "scrubbed")
"""Names whose true value says that a text was taken out. `removed`, `deleted` and `hidden` are what applications answer."""
_BESIDE_MARK = frozenset([*_MARKED, "reason", "policy", "by", "rule", "length", "chars", "size", "hash", "sha256"])
"""Such marks, and what is beside them that is no text of a message."""
_QUOTES = " \t\r\n\"'`"


def is_nothing(answered: Iterable[Message], written: int | None) -> bool:
    """Whether an answer is only how a language prints that there is none, though the model wrote `written` tokens: what it
    said or called was lost."""
    said = [part for message in answered for part in message.parts]
    if len(said) != 1 or not isinstance(said[0], TextPart):
        return False
    return said[0].text.strip() in _NOTHING and (written or 0) > _TOKENS_OF_NOTHING


_NOTHING = frozenset(["None", "null", "undefined", "nil", "<nil>", "NaN", "NULL"])
_NOTHING |= frozenset(["...", "…", "Ellipsis", "NotImplemented"])
_TOKENS_OF_NOTHING = 4

_FAILED = re.compile(
    r"(?:Uncaught\s)?(?:\w*Error:\s)?(?:Converting circular structure to JSON|Do not know how to serialize a BigInt"
    r"|JSON\.stringify cannot serialize cyclic structures\.?|cyclic object value|Circular reference detected"
    r"|Object of type \w+ is not JSON serializable|Unable to serialize unknown type: [^\n]{1,80})(?:\n\s*(?:-->|\||---|at\s)[^\n]*)*"
)
"""What serializers say who could not write an object, with the lines that JavaScript adds."""
_CUT = re.compile(
    r"(?:\.\.\.|…|\s)\s*[\[(<]+(?:(?:output|text|content|response|message|value)[ _-])?(?:was[ _-])?truncated\b[^\])>\n]{0,60}[\])>]+\s*\Z",
    re.I,
)
"""What a tracer appends where it cut a text."""
_TEXTS = (TextPart, ReasoningPart)


def flags(said: Iterable[Message]) -> set[str]:
    """The flags for what messages hold. What tools are given and give back may have any shape: only marks count there."""
    found: set[str] = set()
    for message in said:
        for part in message.parts:
            if isinstance(part, _TEXTS):
                found.add(problem(part.text))
                if message.role == "assistant" and _CUT.search(part.text[-LONGEST_MARK:]):  # users paste cut logs
                    found.add(TRUNCATED)
                if message.role == "assistant" and _FAILED.fullmatch(part.text.strip()):  # users paste such errors
                    found.add(ENVELOPE)
            elif isinstance(part, ToolCallPart):
                found.add(hidden(part.arguments))
            elif isinstance(part, ToolResultPart):
                found.add(hidden(part.content))
    return found - {""}
