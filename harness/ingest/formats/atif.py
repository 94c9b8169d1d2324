"""Parse agent runs in the Agent Trajectory Interchange Format: one object a run, with `schema_version`, `agent` and `steps`.

A step of the agent is a call that was asked all that the steps before it say; the results in its `observation` come after
it. Steps that were copied from an earlier run (`is_copied_context`) are history only.

Source: the ATIF specification of the Harbor project, version 1.4, which is what was checked; other versions are read the same way.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from harness.ingest.formats._bodies import params, tokens, tools
from harness.ingest.formats._clock import nanoseconds
from harness.ingest.formats._draft import Draft
from harness.ingest.formats._fates import INNER, aside
from harness.ingest.formats._history import LONGEST
from harness.ingest.formats._json import Json, listing, mapping, text_of
from harness.ingest.formats._messages import messages
from harness.types import Call, Message, Source

RANK = 40

_ROLES = {"agent": "assistant", "user": "user", "system": "system"}


def claims(record: dict[str, Json]) -> bool:
    return text_of(record.get("schema_version")).startswith("ATIF") and isinstance(record.get("steps"), list)


def pieces(record: dict[str, Json]) -> Iterator[tuple[str, Json]]:
    yield _name(record), record


def join(found: list[tuple[Json, Source]], options: Mapping[str, Any]) -> Iterator[Call | tuple[str, int]]:
    """The calls of all records of one run; the run may have been written again when it was longer."""
    known: dict[str, Call] = {}
    steps = made = 0
    for record, source in sorted(found, key=lambda pair: -len(pair[0]["steps"])):
        calls = list(_calls(record, source))
        known = {call.id: call for call in calls} | known
        steps, made = steps + max(1, len(record["steps"])), made + len(calls)
    yield INNER, steps - len(found)
    yield "repeated_calls", made - len(known)
    yield aside("step of a trajectory"), steps - made
    yield from known.values()


def _name(record: dict[str, Json]) -> str:
    return text_of(record.get("trajectory_id") or record.get("session_id"))


def _calls(record: dict[str, Json], source: Source) -> Iterator[Call]:
    agent, run = mapping(record.get("agent")), _name(record)
    before: list[Message] = []
    told = 0
    for place, step in enumerate(map(mapping, record["steps"]), start=1):
        said, at = messages([_said(step)]), nanoseconds(step.get("timestamp"))
        if step.get("source") == "agent" and any(message.parts for message in said) and not _is_copied(step):
            draft = Draft(
                trace_id=run,
                session_id=text_of(record.get("session_id")) or run,
                model_served=text_of(step.get("model_name") or agent.get("model_name")),
                params=params({"reasoning_effort": step.get("reasoning_effort")}),
                tools=tools(agent.get("tool_definitions")),
                start_ns=told or at,
                end_ns=at,
                input=tuple(before[-LONGEST:]),
                output=said,
                usage=tokens(step.get("metrics")),
                flags={"truncated"} if len(before) > LONGEST else set(),
            )
            yield draft.call(f"{run}:{_number(step, place):05}", source)
        before += said
        before += messages([result for result in _results(step) if result["content"] not in (None, "")])
        told = at or told


def _number(step: dict[str, Json], place: int) -> int:
    given = step.get("step_id")
    return given if isinstance(given, int) else place


def _is_copied(step: dict[str, Json]) -> bool:
    return step.get("is_copied_context") is True


def _said(step: dict[str, Json]) -> dict[str, Json]:
    calls = [
        {
            "id": call.get("tool_call_id"),
            "type": "function",
            "function": {"name": call.get("function_name"), **_given(call)},
        }
        for call in map(mapping, listing(step.get("tool_calls")))
    ]
    thoughts = {"reasoning_content": step["reasoning_content"]} if step.get("reasoning_content") else {}
    source = text_of(step.get("source"))
    return {"role": _ROLES.get(source, source), "content": step.get("message"), "tool_calls": calls, **thoughts}


def _given(call: dict[str, Json]) -> dict[str, Json]:
    return {"arguments": call.get("arguments") if call.get("arguments") is not None else {}}


def _results(step: dict[str, Json]) -> Iterator[dict[str, Json]]:
    """What the agent was told after the step: the results of its tools, or what else happened, as from a user."""
    for result in map(mapping, listing(mapping(step.get("observation")).get("results"))):
        id, content = result.get("source_call_id"), result.get("content")
        if content in (None, "") and result.get("subagent_trajectory_ref"):
            content = text_of(result["subagent_trajectory_ref"])
        yield {"role": "tool", "tool_call_id": id, "content": content} if id else {"role": "user", "content": content}
