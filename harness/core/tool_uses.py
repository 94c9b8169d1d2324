"""Match the tool calls of an agent's step with what came of them, in whatever order and place a trace tells it."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from harness.core.agent_turns import refused
from harness.core.codec import canonical
from harness.core.replies import json_object
from harness.types import Call, Json, Message, ToolCallPart, ToolResultPart, ToolRun, ToolUse

_BROKEN = re.compile(
    r"time[ -]?d?[ -]?out|rate.?limit|too many requests|unavailable|connection|internal server|\b(?:429|50[0-4])\b",
    re.IGNORECASE,
)
"""Words of a tool that is broken rather than misused."""


def broken(result: str) -> bool:
    """Whether a tool that failed says that it is down, slow or limited: no other call would have helped."""
    return _BROKEN.search(result) is not None


def results_by_id(messages: Sequence[Message]) -> dict[str, str]:
    """Results of tools by the id of their call; an id that was used twice tells nothing."""
    known: dict[str, list[str]] = defaultdict(list)
    for message in messages:
        for part in message.parts:
            if isinstance(part, ToolResultPart) and part.id:
                known[part.id].append(part.content)
    return {id: results[0] for id, results in known.items() if len(results) == 1}


def tool_uses(call: Call, following: Sequence[Message], anywhere: Mapping[str, str]) -> Iterator[ToolUse]:
    """The tool calls of a call's answer, with their results.

    A result is found by id among the messages `following` the answer, then by place where ids are missing or, for as many
    results as calls, are others; then by id `anywhere` later, then in the tool's own span. Tools that ran for an answer that
    is not recorded come last.
    """
    made = call.output[0].tool_calls if call.output else ()
    given = [part for message in following for part in message.parts if isinstance(part, ToolResultPart)]
    by_id = {part.id: part.content for part in given if part.id}
    ids = {part.id for part in made}
    strays = [part for part in given if not part.id or part.id not in ids]
    all_other = len(strays) == sum(part.id not in by_id for part in made)
    spans = _by_place(made, call.tool_runs)
    for place, part in enumerate(made):
        result = by_id.get(part.id) if part.id else None
        if result is None:
            stray = next((other for other in strays if all_other or not (other.id and part.id)), None)
            result = stray.content if stray else anywhere.get(part.id)
            strays = [other for other in strays if other is not stray]
        yield _use(part, result, spans.get(place))
    for run in call.tool_runs:
        if run not in spans.values():
            yield _use(ToolCallPart(id=run.id, name=run.name, arguments=run.arguments), None, run)


def arguments_of(use: ToolUse | ToolCallPart) -> Json:
    """The arguments as an object; the text itself where it is none."""
    value = json_object(use.arguments or "{}")
    return use.arguments if value is None else value


def arguments_text(use: ToolUse | ToolCallPart) -> str:
    """The arguments in one form, in which equal ones are equal; the text itself where they are no object."""
    try:
        return canonical(arguments_of(use))
    except RecursionError:  # nested as no tool's arguments are
        return use.arguments


def _use(part: ToolCallPart, result: str | None, run: ToolRun | None) -> ToolUse:
    content = result
    if content is None and run:
        content = run.result if run.result is not None else run.error or None
    return ToolUse(
        id=part.id,
        name=part.name,
        arguments=part.arguments,
        result=content,
        refused=bool(run and run.error) or (content is not None and refused(content)),
        told_by="message" if result is not None else "span" if content is not None else "",
        span_id=run.span_id if run else "",
    )


def _by_place(made: Sequence[ToolCallPart], runs: Sequence[ToolRun]) -> dict[int, ToolRun]:
    """Place of a tool call to the span that ran it: by id, or by name where one of them has no id."""
    known: dict[int, ToolRun] = {}
    for run in runs:
        free = [place for place, part in enumerate(made) if place not in known and part.name == run.name]
        same = [place for place in free if run.id and made[place].id == run.id]
        place = next(iter(same or [at for at in free if not (run.id and made[at].id)]), None)
        if place is not None:
            known[place] = run
    return known
