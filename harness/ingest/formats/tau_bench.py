"""Parse agent runs of tau-bench: one object a run, with `task_id`, `trial`, `reward` and the chat messages in `traj`.

Every answer in a run is a call that was asked all that stands before it. All trials of a task are one session: they are
one scenario, and must not be trained on and judged with at once. A run that passed is praise for each of its answers. A
run that failed speaks against one: the first that changed something which the task did not ask for, with the right call
as its correction where the task names one; else the last. Times are not recorded, so the calls have none.

Source: S. Yao et al., "tau-bench: A Benchmark for Tool-Agent-User Interaction in Real-World Domains" (arXiv 2406.12045).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.core.codec import canonical, digest
from harness.ingest.formats._draft import Draft, feedback
from harness.ingest.formats._json import Json, listing, mapping, parsed, text_of
from harness.ingest.formats._messages import messages
from harness.types import Call, Feedback, Source

LOOKS = ("get_", "search_", "list_", "find_", "think", "calculate", "transfer_to_human")
"""How the names of tools begin that change nothing."""


def claims(record: dict[str, Json]) -> bool:
    return isinstance(record.get("traj"), list) and {"task_id", "reward"} <= record.keys()


def pieces(record: dict[str, Json]) -> Iterator[tuple[str, Json]]:
    yield digest([record["task_id"], record.get("trial"), record["traj"]]), record


def join(found: list[tuple[Json, Source]], options: Mapping[str, Any]) -> Iterator[Call | Feedback | tuple[str, int]]:
    record, source = found[0]
    calls = list(_calls(record, source))
    yield "repeated_calls", (len(found) - 1) * len(calls)
    yield from calls
    yield from _said(record, calls, source)


def _calls(record: dict[str, Json], source: Source) -> Iterator[Call]:
    """One call an answer; their ids sort as they were made."""
    said = [message for raw in record["traj"] for message in messages([raw])]
    run = digest([record["task_id"], record.get("trial"), record["traj"]])[:32]
    for at, message in enumerate(said):
        if message.role == "assistant":
            draft = Draft(
                trace_id=run,
                session_id=f"task-{text_of(record['task_id'])}",
                user_id=text_of(_task(record).get("user_id")),
                input=tuple(said[:at]),
                output=(message,),
                metadata={"trial": record.get("trial")},
            )
            yield draft.call(f"{run}:{at:04d}", source)


def _said(record: dict[str, Json], calls: Sequence[Call], source: Source) -> Iterator[Feedback]:
    reward = {"name": "reward", "value": record["reward"], "source_kind": "code"}
    if record["reward"] == 1:
        yield from (feedback(source, call_id=call.id, trace_id=call.trace_id, **reward) for call in calls)
    elif calls:
        blamed, right = _wrong(record, calls)
        yield feedback(source, call_id=blamed.id, trace_id=blamed.trace_id, correction=right, **reward)


def _wrong(record: dict[str, Json], calls: Sequence[Call]) -> tuple[Call, Json]:
    """The answer to blame, and what it should have been: the first change that was not asked for, or the last answer."""
    wanted = [mapping(action) for action in listing(_task(record).get("actions"))]
    asked = [(text_of(action.get("name")), canonical(action.get("kwargs"))) for action in wanted]
    for call in calls:
        made = [(part.name, canonical(parsed(part.arguments))) for part in call.output[0].tool_calls]
        wrong = [name for name, arguments in made if not name.startswith(LOOKS) and (name, arguments) not in asked]
        right = next((arguments for name, arguments in asked if wrong and name == wrong[0]), None)
        if right is not None:
            function: dict[str, Json] = {"name": wrong[0], "arguments": right}
            return call, {
                "role": "assistant",
                "tool_calls": [{"id": "1", "type": "function", "function": function}],
            }
    return calls[-1], None


def _task(record: dict[str, Json]) -> dict[str, Json]:
    return mapping(mapping(record.get("info")).get("task"))
