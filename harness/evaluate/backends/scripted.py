"""Answer from a script: tests, examples and dry runs without a model.

What is asked is the text of the last user message, or the raw text of a completion. The script is `options["replies"]`
of the arm, or the file that `model` names:

- a JSON object (or a .json file): what is asked to its reply, or to a list of them: the first answers, the next each time
  that the model goes on after a tool's result, and the last from then on;
- a .jsonl file of rules, `{"match": "table for (\\d+)", "reply": "{\\"people\\": \\1}"}`: the first whose RE2 pattern is
  found answers, and `\\1` in its reply is what the first group matched. `{"match": ..., "error": "..."}` fails the case.

What no rule knows gets `options["default"]`, or without one comes back as an echo. Asked for log-likelihoods, an option
that is the reply gets 0 and every other -1. Usage counts words.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
import re2
from msgspec.structs import replace

from harness.core.codec import digest as content_id
from harness.core.options import File
from harness.core.reading import read_text
from harness.errors import InputError, TrueupError
from harness.evaluate.prices import Prices, prices_of
from harness.types import Arm, Message, Noun, Reply, Request, Usage

PREFERRED_BATCH = 256
FILE = True
"""A file is all that it needs: `--model scripted:FILE`."""

Lines = Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]

REFERENCE = re.compile(r"\\(?:g<(\w+)>|(\d{1,2})|(.))")
"""`\\1`, `\\g<name>` or an escaped character in a reply. google-re2's own `expand` spoils all that is not ASCII."""

SCHEMA = True
"""A request may come with a JSON schema; a script says what it says all the same."""


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of a .jsonl script."""

    match: str
    reply: str = ""
    error: str = ""

    def answer(self, asked: str) -> str | None:
        """The reply to `asked`, or None when the rule does not fit. Raises TrueupError when the rule says so."""
        match = re2.search(self.match, asked)
        if match is None:
            return None
        if self.error:
            raise TrueupError(self.error, where="scripted backend")
        return REFERENCE.sub(lambda reference: _filled(reference, match), self.reply)


def _filled(reference: re.Match[str], match: Any) -> str:
    """What a reference in a reply stands for: a group of the match, or a character."""
    name, number, escaped = reference.groups()
    if escaped is not None:
        return {"n": "\n", "t": "\t"}.get(escaped, escaped)
    return match.group(name if name and not name.isdigit() else int(name or number)) or ""


class Options(Noun, frozen=True):
    """Its keys under an arm's options."""

    replies: File | dict[str, str | Lines] | tuple[Rule, ...] = ""
    """A file with the script, or the script itself; empty: the file that the arm's `model` names."""
    default: str | None = None
    """The reply to what no rule knows; None: an echo."""
    prices: Prices | None = None
    """Of a million words, to try out what a night would cost."""


class Script:
    """Exact answers first, then the rules in their order, then the default or an echo."""

    def __init__(self, exact: Mapping[str, Sequence[str]], rules: Sequence[Rule], default: str | None) -> None:
        self._exact, self._rules, self._default = exact, rules, default

    def answer(self, asked: str, earlier: int = 0) -> str:
        """The reply to `asked`, after `earlier` replies to it."""
        if asked in self._exact:
            replies = self._exact[asked]
            return replies[min(earlier, len(replies) - 1)]
        found = (rule.answer(asked) for rule in self._rules)
        last = asked if self._default is None else self._default
        return next((reply for reply in found if reply is not None), last)


class Scripted:
    """The backend: replies at once."""

    preferred_batch = PREFERRED_BATCH

    def __init__(self) -> None:
        self._scripts: dict[str, Script] = {}

    def digest(self, arm: Arm) -> str:
        return digest(arm)

    def answer(self, arm: Arm, requests: Sequence[Request]) -> list[Reply | Exception]:
        """A reply for each request, or the error that a rule asks for."""
        key = digest(arm)
        if key not in self._scripts:
            self._scripts[key] = _script(arm)
        prices = prices_of(arm.options)
        return [_reply(self._scripts[key], request, prices) for request in requests]

    def close(self) -> None:
        """Nothing is held open."""


def open(arms: Sequence[Arm], *, batch_size: int = 0) -> Scripted:
    """The backend. A script that cannot be read is an InputError of the first answer."""
    return Scripted()


def at_most(arm: Arm, request: Request) -> float | None:
    """The most that the reply may cost; None without `prices`."""
    prices = prices_of(arm.options)
    return prices.at_most(request) if prices else None


def digest(arm: Arm) -> str:
    """Content id of the script. Raises InputError when its file cannot be read."""
    return content_id(["scripted-2", _source(arm), arm.options.get("default")])


def _source(arm: Arm) -> Any:
    """The script as plain JSON values: an object, or a list of rules."""
    given = arm.options.get("replies", arm.model or {})
    if not isinstance(given, str):
        return given
    try:
        data = Path(given).read_bytes()
        lines = [line for line in data.split(b"\n") if line.strip()]
        return [msgspec.json.decode(line) for line in lines] if given.endswith(".jsonl") else msgspec.json.decode(data)
    except (OSError, msgspec.DecodeError) as error:
        raise InputError(f"the script of replies cannot be read: {error}", where=given) from error


def _script(arm: Arm) -> Script:
    source = _source(arm)
    try:
        known = msgspec.convert(source, dict[str, str | Lines]) if isinstance(source, dict) else {}
        exact = {asked: (given,) if isinstance(given, str) else given for asked, given in known.items()}
        rules = msgspec.convert(source, list[Rule]) if isinstance(source, list) else []
        for rule in rules:
            re2.compile(rule.match)
    except (msgspec.ValidationError, re2.error) as error:
        raise InputError(f"the script of replies is not valid: {error}", where=f"arm {arm.name}") from error
    return Script(exact, rules, arm.options.get("default"))


def _reply(script: Script, request: Request, prices: Prices | None) -> Reply | Exception:
    asked, earlier = _asked(request.messages) if request.messages else (request.text, 0)
    try:
        text = script.answer(asked, earlier)
    except TrueupError as error:
        return error
    usage = Usage(input=len(asked.split()), output=len(text.split()))
    cost = prices.of(usage) if prices else None
    if request.kind != "loglikelihood":
        return replace(read_text(text), usage=usage, cost=cost)
    logprobs = tuple(0.0 if option == text else -1.0 for option in request.options)
    best = request.options[logprobs.index(max(logprobs))]
    greedy = tuple(option == text for option in request.options)
    return Reply(text=best, logprobs=logprobs, greedy=greedy, usage=usage, cost=cost)


def _asked(messages: Sequence[Message]) -> tuple[str, int]:
    """The text of the last user message, and how often the model has spoken since."""
    place = max((number for number, message in enumerate(messages) if message.role == "user"), default=-1)
    spoken = sum(message.role == "assistant" for message in messages[place + 1 :])
    return (messages[place].text if place >= 0 else ""), spoken
