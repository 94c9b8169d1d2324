"""Record the demo's traces: one week of a scripted agent at a parcel desk, with faults planted in half of its tasks.

The agent is a program (`tasks.py`), not a model: so what is wrong in its runs is known. Each run is one trace, as GenAI
instrumentation writes it: a span of the agent, below it one of each call to its model and one of each tool. Nine runs in ten
are rated by a supervisor: each call of a good run is praised; of a bad one the first wrong call is turned down, and corrected.

    python -m examples.parcel_agent.record

writes `traces/` and `evals/tasks.jsonl`: tasks that were never in production. The seeds are fixed.
"""

import datetime
import gzip
import io
import json
import random
from pathlib import Path
from typing import Any

from opentelemetry.exporter.otlp.json.file import FileSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, set_span_in_context

from examples.parcel_agent.evals.conftest import TOOLS, Desk
from examples.parcel_agent.tasks import Step, Task, carry_out, tasks
from examples.parcel_desk.record import SeededIds

HERE = Path(__file__).parent
SYSTEM = (
    "You serve customers of a parcel desk. Always call find_order first, with the number that the customer gives. Refund an "
    "order only if it is late or damaged, else say that it cannot be refunded. When the customer names a day, call reschedule "
    "with that day. Then say in one sentence what you did, with the day."
)
FIRST_DAY = datetime.datetime(2026, 11, 2, tzinfo=datetime.UTC)
RUNS, FRESH, DAYS, SEED, FAULTY, RATED = 300, 80, 7, 20261102, 0.5, 0.9
MODEL = "parcel-agent-1"
SECOND = 1_000_000_000


class Recorder:
    """Writes runs as spans, and keeps the feedback on them."""

    def __init__(self, tracer: Any, rng: random.Random) -> None:
        self.feedback: list[dict[str, Any]] = []
        self._tracer, self._rng = tracer, rng

    def run(self, task: Task, steps: list[Step], start: int) -> None:
        """One task, with the steps that the agent took."""
        session, user = f"{self._rng.getrandbits(64):016x}", f"customer-{self._rng.randrange(120):03d}"
        who = {"gen_ai.conversation.id": session, "user.id": user}
        named = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "parcel-agent"}
        agent = self._tracer.start_span("invoke_agent parcel-agent", start_time=start, attributes=named | who)
        desk, said, spans, clock = Desk(task.orders), [_text("user", task.text)], [], start
        for number, step in enumerate(steps):
            calls = [_call(f"{session[:8]}-{number}", call["function"]) for call in step.get("tool_calls", ())]
            answer = {"role": "assistant", "parts": [*_words(step["content"]), *calls]}
            spans.append(self._chat(agent, who, said, answer, clock + SECOND))
            clock += 2 * SECOND
            said = [*said, answer]
            for call, result in zip(calls, carry_out(desk, step), strict=True):
                self._tool(agent, call, result, clock)
                said.append({"role": "tool", "parts": [_result(call["id"], result)]})
        agent.end(end_time=clock + SECOND)
        self._rate(task, steps, spans, clock)

    def _chat(self, agent: Any, who: dict[str, str], said: list[Any], answer: dict[str, Any], start: int) -> Any:
        finish = "tool_calls" if any(part["type"] == "tool_call" for part in answer["parts"]) else "stop"
        attributes = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": MODEL,
            "gen_ai.response.model": MODEL,
            "gen_ai.response.finish_reasons": [finish],
            "gen_ai.system_instructions": json.dumps(_words(SYSTEM)),
            "gen_ai.tool.definitions": json.dumps(TOOLS),
            "gen_ai.input.messages": json.dumps(said),
            "gen_ai.output.messages": json.dumps([answer | {"finish_reason": finish}]),
        }
        above = set_span_in_context(agent)
        span = self._tracer.start_span(
            f"chat {MODEL}", kind=SpanKind.CLIENT, start_time=start, attributes=attributes | who, context=above
        )
        span.end(end_time=start + SECOND // 2)
        return span.get_span_context()

    def _tool(self, agent: Any, call: dict[str, Any], result: dict[str, Any], start: int) -> None:
        attributes = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": call["name"],
            "gen_ai.tool.call.id": call["id"],
            "gen_ai.tool.call.arguments": json.dumps(call["arguments"]),
            "gen_ai.tool.call.result": json.dumps(result),
        }
        above = set_span_in_context(agent)
        span = self._tracer.start_span(
            f"execute_tool {call['name']}", start_time=start, attributes=attributes, context=above
        )
        span.end(end_time=start + SECOND // 10)

    def _rate(self, task: Task, steps: list[Step], spans: list[Any], end: int) -> None:
        if self._rng.random() >= RATED:
            return
        at = datetime.datetime.fromtimestamp(end / SECOND + 600, tz=datetime.UTC).isoformat()
        for step, right, span in zip(steps, task.right(), spans, strict=False):
            place = {"trace_id": f"{span.trace_id:032x}", "span_id": f"{span.span_id:016x}", "timestamp": at}
            opinion = {**place, "name": "supervisor", "user_id": "supervisor", "value": 1 if step == right else -1}
            if step != right:
                self.feedback.append(opinion | {"correction": right if "tool_calls" in right else right["content"]})
                return
            if steps == task.right():
                self.feedback.append(opinion)


def _text(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": _words(text)}


def _words(text: str) -> list[dict[str, Any]]:
    return [{"type": "text", "content": text}] if text else []


def _call(ident: str, function: dict[str, str]) -> dict[str, Any]:
    return {"type": "tool_call", "id": ident, "name": function["name"], "arguments": json.loads(function["arguments"])}


def _result(ident: str, result: dict[str, Any]) -> dict[str, Any]:
    return {"type": "tool_call_response", "id": ident, "response": json.dumps(result)}


def record(folder: Path, seed: int = SEED, runs: int = RUNS, faulty: float = FAULTY) -> None:
    """Write `runs` runs of the agent, of which a share of `faulty` shows a fault, and what the supervisor says of them."""
    rng, waiting = random.Random(seed), tasks(seed, runs)
    folder.mkdir(parents=True, exist_ok=True)
    ids, feedback = SeededIds(seed), list[dict[str, Any]]()
    for number in range(DAYS):
        stream, day = io.StringIO(), FIRST_DAY + datetime.timedelta(days=number)
        resource = Resource({"service.name": "parcel-agent", "service.version": "0.3.0"})
        provider = TracerProvider(resource=resource, id_generator=ids)
        provider.add_span_processor(BatchSpanProcessor(FileSpanExporter(stream=stream)))
        recorder = Recorder(provider.get_tracer("parcel-agent"), rng)
        for task in waiting[number::DAYS]:
            start = (int(day.timestamp()) + rng.randint(8 * 3600, 20 * 3600)) * SECOND
            recorder.run(task, task.wrong() if rng.random() < faulty else task.right(), start)
        provider.shutdown()
        (folder / f"runs-{day.date()}.otlp.jsonl.gz").write_bytes(gzip.compress(stream.getvalue().encode(), mtime=0))
        feedback += recorder.feedback
    lines = "".join(json.dumps(one) + "\n" for one in feedback)
    (folder / "feedback.jsonl").write_text(lines, encoding="utf-8")


def write_tasks(path: Path, seed: int = SEED + 1, count: int = FRESH) -> None:
    """Eval cases from another seed."""
    rows = (
        {"id": f"{task.kind}-{number:03d}", "text": task.text, "orders": task.orders, "kind": task.kind}
        | {"expected": task.expected()}
        for number, task in enumerate(tasks(seed, count))
    )
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def main() -> None:
    record(HERE / "traces")
    write_tasks(HERE / "evals" / "tasks.jsonl")
    print(f"{RUNS} runs in {HERE / 'traces'}, {FRESH} tasks in {HERE / 'evals' / 'tasks.jsonl'}")


if __name__ == "__main__":
    main()
