"""Read the spans of tools, and give each to the call that it ran for.

Most clients send a tool's result back to the model, so a later call has it among its messages. What the messages do not tell
is kept on the call: the result of a tool whose run ended there, an error, and tools inside which other calls were made.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence

from msgspec.structs import replace

from harness.core.codec import canonical
from harness.ingest.formats import _reprs
from harness.ingest.formats._draft import Draft
from harness.ingest.formats._json import Json, listing, mapping, parsed, text_of
from harness.ingest.formats._otlp import Attributes, Span
from harness.ingest.formats._tree import SpanTree
from harness.types import Source, ToolCallPart, ToolResultPart, ToolRun

NAMES = (
    "gen_ai.tool.name",
    "tool.name",
    "ai.toolCall.name",
    "traceloop.entity.name",
    "langfuse.observation.name",
    "tool_name",
)
IDS = (
    "gen_ai.tool.call.id",
    "tool_call.id",
    "ai.toolCall.id",
    "langfuse.observation.metadata.tool_call_id",
    "tool_call_id",
)
ARGUMENTS = (
    "gen_ai.tool.call.arguments",
    "gcp.vertex.agent.tool_call_args",
    "ai.toolCall.args",
    "tool_arguments",
    "mlflow.spanInputs",
    "langfuse.observation.input",
    "traceloop.entity.input",
    "input.value",
)
RESULTS = (
    "gen_ai.tool.call.result",
    "gcp.vertex.agent.tool_response",
    "ai.toolCall.result",
    "tool_response",
    "mlflow.spanOutputs",
    "langfuse.observation.output",
    "traceloop.entity.output",
    "output.value",
)
ROWS = ("langfuse.row", "langsmith.run", "braintrust.row", "opik.span")
"""Attributes that hold a row of another system, with `name`, and its input and output as `input`, `inputs` and the like."""
_KINDS = ("traceloop.span.kind", "openinference.span.kind", "gen_ai.operation.name", "ai.operationId")
_HOLDERS = ("data", "kwargs", "output", "update", "function_response", "response", "result")
"""What producers put around the message that a tool's result became."""

Found = tuple[Draft, Span, str, Source]
NEAR, PLACES = 16, 64
"""Calls before a tool's span, and tool calls of each, that are looked at one by one."""
_Fit = Callable[[ToolCallPart], bool]


def is_tool(span: Span) -> bool:
    """Whether a span says itself that it ran a tool, in whatever convention."""
    return any("tool" in text_of(span.attributes.get(name)).lower() for name in _KINDS)


def attach(calls: Sequence[Found], ran: Sequence[Span], tree: SpanTree) -> None:
    """Put the runs of a trace's tools on the drafts of the calls that they ran for, in their order."""
    if not ran or not calls:
        return
    drafts = [draft for draft, *_ in calls]
    answered = {
        part.id for draft in drafts for said in draft.input for part in said.parts if isinstance(part, ToolResultPart)
    }
    holding = _holding(calls, tree)
    owners = _Owners(calls)
    for span in sorted(ran, key=lambda span: (span.start_ns, span.span_id)):
        run = _read(span)
        owner, part = owners.of(run, span)
        if part is not None:
            run = replace(run, id=part.id or run.id, name=part.name, arguments="")
        if run.id and run.id in answered:
            run = replace(run, result=None)
        if owner is not None and (run.result is not None or run.error or span.span_id in holding):
            owner.tool_runs = (*owner.tool_runs, run)


def _holding(calls: Sequence[Found], tree: SpanTree) -> set[str]:
    """Ids of the spans above calls."""
    own = {span.span_id for _, span, _, _ in calls}
    holding: set[str] = set()
    for id in reversed(tree.order):
        above = tree.parent(tree.found[id][0])
        if above and (id in own or id in holding):
            holding.add(above.span_id)
    return holding


def _read(span: Span) -> ToolRun:
    held = span.attributes
    row = next((mapping(held[name]) for name in ROWS if name in held), None)
    if row is not None:
        held = {
            "tool_name": row.get("name") or span.name,
            "tool_arguments": row.get("inputs", row.get("input")),
            "tool_response": row.get("outputs", row.get("output")),
            "error": row.get("error") or (row.get("status_message") if row.get("level") == "ERROR" else None),
        }
    result, id, wrong = _result(_first(held, RESULTS))
    error = text_of(held.get("error") or held.get("error.type")) or (span.status or "error" if span.failed else "")
    return ToolRun(
        id=text_of(parsed(_first(held, IDS))) or id,
        name=text_of(_first(held, NAMES)) or span.name,
        arguments=_arguments(_first(held, ARGUMENTS)),
        result=result,
        error=error or ((result or "error")[:200] if wrong else ""),
        span_id=span.span_id,
    )


def _first(held: Attributes, names: Iterable[str]) -> Json:
    return next((held[name] for name in names if held.get(name) is not None), None)


def _arguments(raw: Json) -> str:
    """The arguments as JSON text, without what a framework put around them."""
    value = mapping(raw)
    for name in ("inputs", "input_str", "kwargs", "input"):
        inner = _literal(value[name]) if name in value and len(value) > 1 or value.keys() == {name} else None
        if isinstance(inner, dict):
            return text_of(inner)
    literal = _literal(raw)
    return text_of(literal if isinstance(literal, (dict, list)) else raw)


def _literal(raw: Json) -> Json:
    """A value that stands as JSON text, or as Python prints it."""
    value = parsed(raw)
    if isinstance(value, str) and value[:1] == "{":
        try:
            return _reprs.read(value)
        except ValueError:
            return value
    return value


def _result(raw: Json) -> tuple[str | None, str, bool]:
    """What a tool returned as text, the id of its call where the result names it, and whether it says that it failed."""
    value = _literal(raw)
    for _ in range(4):
        if not isinstance(value, dict):
            break
        if "content" in value and ("tool_call_id" in value or value.get("type") == "tool"):
            return _text(value["content"]), text_of(value.get("tool_call_id")), value.get("status") == "error"
        parts = listing(mapping(value.get("content")).get("parts"))
        inner = mapping(parts[0]) if parts else next((value[n] for n in _HOLDERS if _wraps(value, n)), None)
        if inner is None:
            break
        value = inner
    return None if value is None else _text(value), "", False


def _wraps(value: dict[str, Json], name: str) -> bool:
    """Whether `name` only holds the result: alone, or beside a framework's own keys."""
    own = {"lc", "type", "id", "kwargs", "name", "will_continue", "scheduling", "goto", "graph"}
    return name in value and (value.keys() - {name}) <= own and (len(value) > 1 or isinstance(value[name], dict))


def _text(value: Json) -> str:
    items = value if isinstance(value, list) else [value]
    texts = [mapping(item).get("text") if isinstance(item, dict) else item for item in items]
    return "".join(map(str, texts)) if texts and all(isinstance(text, str) for text in texts) else text_of(value)


def _asked(draft: Draft) -> tuple[ToolCallPart, ...]:
    return draft.output[0].tool_calls if draft.output else ()


class _Owners:
    """The calls of a trace by what tools may have run for: each tool call of an answer runs once."""

    def __init__(self, calls: Sequence[Found]) -> None:
        in_order = sorted(calls, key=lambda item: item[1].start_ns)
        self._starts = [span.start_ns for _, span, _, _ in in_order]
        self._drafts = [draft for draft, *_ in in_order]
        self._by_id = {part.id: draft for draft in self._drafts for part in _asked(draft) if part.id}
        self._taken: set[tuple[int, int]] = set()

    def of(self, run: ToolRun, span: Span) -> tuple[Draft | None, ToolCallPart | None]:
        """The call that a tool ran for, and the tool call of its answer: by id, then by name and arguments, then by name,
        the latest before it; else the call that began last before it."""
        if run.id in self._by_id:
            draft = self._by_id[run.id]
            return draft, next(part for part in _asked(draft) if part.id == run.id)
        until = bisect_right(self._starts, span.start_ns)
        near = range(until - 1, max(until - NEAR, 0) - 1, -1)
        free = [
            (at, place)
            for at in near
            for place in range(min(len(_asked(self._drafts[at])), PLACES))
            if (at, place) not in self._taken
        ]
        for fits in _fits(run):
            for at, place in free:
                part = _asked(self._drafts[at])[place]
                if fits(part):
                    self._taken.add((at, place))
                    return self._drafts[at], part
        return (self._drafts[until - 1] if until else None), None


def _fits(run: ToolRun) -> Iterator[_Fit]:
    made = _plain(run.arguments)
    yield lambda part: part.name == run.name and _plain(part.arguments) == made
    yield lambda part: part.name == run.name and not (part.id and run.id)


def _plain(arguments: str) -> str:
    return canonical(parsed(arguments or "{}"))
