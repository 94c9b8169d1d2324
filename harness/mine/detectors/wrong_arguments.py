"""Detect tool calls with wrong arguments, and say which.

Known by a correction, by a changed call that the tool took after it had turned the first one down, by successful runs with
the same history, or by the tool's own schema where the tool did not take the call.
"""

from collections.abc import Iterator
from typing import Any

from harness.core.tool_uses import arguments_of, broken
from harness.mine.schemas import violation
from harness.mine.window import Window
from harness.types import Failure, Json, ToolUse, Trajectory

DETECTOR = "wrong_arguments"


def detect(window: Window) -> Iterator[Failure]:
    for run in window.runs:
        reasons = {wrong.call_id: wrong.reason for wrong in window.wrong_steps(run)[::-1] if wrong.fault == "arguments"}
        reasons |= {call_id: reason for call_id, reason in _invalid(run) if call_id not in reasons}
        for call_id, reason in reasons.items():
            yield Failure(call_id=call_id, detector=DETECTOR, reason=reason)


def _invalid(run: Trajectory) -> Iterator[tuple[str, str]]:
    """Steps with a call that breaks the schema of its tool, which did not take it."""
    schemas = {name: schema for name, schema in map(_schema, run.tools) if schema}
    for step in run.steps:
        for use in step.tools:
            taken = use.result is not None and not use.refused
            if use.name in schemas and not taken and not broken(use.result or ""):
                wrong = _violation(use, schemas[use.name])
                if wrong:
                    yield step.call_id, f"the arguments of {use.name} break its schema: {wrong[:120]}"


def _schema(tool: Json) -> tuple[str, dict[str, Any] | None]:
    inner = tool.get("function", tool) if isinstance(tool, dict) else {}
    schema = inner.get("parameters") or inner.get("input_schema") if isinstance(inner, dict) else None
    return (str(inner.get("name", "")), schema) if isinstance(schema, dict) else ("", None)


def _violation(use: ToolUse, schema: dict[str, Any]) -> str:
    given = arguments_of(use)
    return violation(given, schema) if isinstance(given, dict) else "they are no JSON object"
