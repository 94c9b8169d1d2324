"""How fast and how lean ingest is: a generated OTLP export against `orjson.loads` over the same bytes, in one run.

    python -m benchmarks.ingest            200,000 spans of about 3 KB
    python -m benchmarks.ingest --spans 20000
    python -m benchmarks.ingest --peer PYTHON      also MLflow, with an interpreter that has it installed

Half of the spans are model calls of about 5.5 KB, half the server spans above them. The last line is one JSON object:
`ratio_to_orjson` and `ratio_with_redaction` (ingest's CPU seconds over those of `orjson.loads`),
`ratio_of_tools_with_redaction` (the same where each call has 2 KB of JSON inside its JSON), `spans_per_s`,
`peak_mb` (largest resident set of the process that ingests, with redaction), `again_ratio` (the same files again over
the first time) and `peer`, `vs_peer` (null where the peer is not installed): how many times the CPU seconds of a span that
MLflow needs, on some of the spans, against trueup with redaction and the trace table, so that both have stored them.
The line before tells of that whole way, and of the same spans in four files with all cores, in seconds by the clock.
"""

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import orjson

from harness.ingest import step as ingest_step
from harness.ingest.stage import ingest
from harness.project import Project
from harness.sections import Config

WORDS = [
    "the",
    "order",
    "was",
    "late",
    "and",
    "I",
    "would",
    "like",
    "my",
    "money",
    "back",
    "please",
    "tell",
    "me",
    "when",
    "it",
    "ships",
    "to",
    "the",
    "new",
    "address",
    "again",
]


def _text(rng: random.Random, words: int) -> str:
    return " ".join(rng.choices(WORDS, k=words)) + f" ref {rng.randrange(10**6)}"


def _attribute(key: str, value: object) -> dict:
    arm = "intValue" if isinstance(value, int) else "doubleValue" if isinstance(value, float) else "stringValue"
    return {"key": key, "value": {arm: str(value) if arm == "intValue" else value}}


def _trace(rng: random.Random, number: int) -> list[dict]:
    trace, client, server = (f"{rng.getrandbits(bits):0{bits // 4}x}" for bits in (128, 64, 64))
    start = 1_790_000_000_000_000_000 + number * 10**9
    said = [{"role": "user", "parts": [{"type": "text", "content": _text(rng, 150)}]} for _ in range(3)]
    answer = [{"role": "assistant", "parts": [{"type": "text", "content": _text(rng, 120)}], "finish_reason": "stop"}]
    system = [{"type": "text", "content": "You are the help desk of a parcel service. " * 25}]
    call = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
        "gen_ai.response.id": f"chatcmpl-{rng.getrandbits(64):x}",
        "gen_ai.request.temperature": 0.2,
        "gen_ai.request.max_tokens": 200,
        "gen_ai.usage.input_tokens": 700,
        "gen_ai.usage.output_tokens": 130,
        "server.address": "llm.internal",
        "gen_ai.system_instructions": json.dumps(system),
        "gen_ai.input.messages": json.dumps(said),
        "gen_ai.output.messages": json.dumps(answer),
    }
    above = {"http.request.method": "POST", "http.route": "/help", "session.id": f"s{number // 5}", "user.id": "u7"}
    times = {"startTimeUnixNano": str(start), "endTimeUnixNano": str(start + 10**9), "status": {}}
    pairs = ((client, 3, call, {"parentSpanId": server}), (server, 2, above, {}))
    return [
        {"traceId": trace, "spanId": span, "kind": kind, "name": "x", **times, **more}
        | {"attributes": [_attribute(key, value) for key, value in held.items()]}
        for span, kind, held, more in pairs
    ]


def _tool_trace(rng: random.Random, number: int) -> list[dict]:
    """A trace whose call has about 2 KB of JSON inside its JSON: arguments and results of tools, lists and quotations."""
    client, server = _trace(rng, number)
    rows = [{"id": rng.randrange(10**5), "title": _text(rng, 6), "note": f'"{_text(rng, 8)}"\n'} for _ in range(10)]
    asked = {"filter": {"text": _text(rng, 5), "limit": 10}, "fields": ["id", "title", "note"]}
    said = [
        {"role": "user", "parts": [{"type": "text", "content": f"- {_text(rng, 20)}\n- {_text(rng, 20)}\n"}]},
        {
            "role": "assistant",
            "parts": [{"type": "tool_call", "id": "c1", "name": "search", "arguments": json.dumps(asked)}],
        },
        {
            "role": "tool",
            "parts": [{"type": "tool_call_response", "id": "c1", "response": json.dumps({"rows": rows})}],
        },
    ]
    held = {"gen_ai.input.messages": json.dumps(said)}
    client["attributes"] = [a for a in client["attributes"] if a["key"] not in held] + [
        _attribute(key, value) for key, value in held.items()
    ]
    return [client, server]


def write(path: Path, spans: int, trace: Callable[[random.Random, int], list[dict]] = _trace) -> None:
    """An export of that many spans, 64 a line as a batching exporter writes."""
    rng = random.Random(7)
    with path.open("wb") as file:
        for first in range(0, spans // 2, 32):
            found = [span for number in range(first, min(first + 32, spans // 2)) for span in trace(rng, number)]
            file.write(
                orjson.dumps({"resourceSpans": [{"scopeSpans": [{"scope": {"name": "b"}, "spans": found}]}]}) + b"\n"
            )


def _parse(path: Path) -> Iterator[object]:
    with path.open("rb") as file:
        for line in file:
            yield orjson.loads(line)


def stored(paths: list[Path]) -> dict[str, float]:
    """CPU and wall seconds of the whole command: read, redact and merge into a trace table."""
    with tempfile.TemporaryDirectory() as folder:
        work = Project.open(Config(root=folder))
        started, clock = time.process_time(), time.perf_counter()
        calls = ingest_step.ingest(work, [str(path) for path in paths]).calls
        return {"cpu": time.process_time() - started, "wall": time.perf_counter() - clock, "calls": calls}


def split(path: Path, files: int) -> list[Path]:
    """The same lines over several files."""
    parts = [path.with_name(f"part-{number}.jsonl") for number in range(files)]
    with ExitStack() as stack:
        open_parts = [stack.enter_context(part.open("wb")) for part in parts]
        for number, line in enumerate(stack.enter_context(path.open("rb"))):
            open_parts[number % files].write(line)
    return parts


def peer(python: str, path: Path, spans: int) -> dict[str, float | str]:
    """What MLflow needs for a span, with the interpreter that has it."""
    some = path.with_name("some.jsonl")
    write(some, spans)
    command = [python, str(Path(__file__).with_name("ingest_peer.py")), str(some)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
    return {"name": f"mlflow {found['version']}", "cpu_per_span": found["cpu"] / found["spans"]}


def measure(path: Path, what: str) -> dict[str, float]:
    """CPU seconds, wall seconds and peak of one way to read the file, in this process."""
    started, clock = time.process_time(), time.perf_counter()
    calls, files = 0, {}
    if what == "stored":
        return stored([path])
    if what == "shared":
        return stored(sorted(path.parent.glob("part-*.jsonl")))
    if what == "orjson":
        for _ in _parse(path):
            pass
    else:
        for batch in ingest([str(path)], options={"redact": what == "redacted"}):
            calls += len(batch.calls)
            files |= batch.files
    spent, wall = time.process_time() - started, time.perf_counter() - clock
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    again = time.perf_counter()
    if files:
        list(ingest([str(path)], skip=files.__contains__))
    return {"cpu": spent, "wall": wall, "peak": peak, "calls": calls, "again": time.perf_counter() - again}


def _in_a_child(path: Path, what: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.ingest", "--measure", what, "--file", str(path)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spans", type=int, default=200_000)
    parser.add_argument("--measure", default="")
    parser.add_argument("--file", type=Path)
    parser.add_argument("--peer", default="", help="a Python interpreter that has MLflow")
    parser.add_argument("--peer-spans", type=int, default=2_000)
    chosen = parser.parse_args()
    if chosen.measure:
        print(json.dumps(measure(chosen.file, chosen.measure)))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "export.jsonl"
        write(path, chosen.spans)
        print(f"{chosen.spans:,} spans, {os.path.getsize(path) / chosen.spans / 1000:.1f} KB each", flush=True)
        plain, bare, full, whole = (_in_a_child(path, what) for what in ("orjson", "bare", "redacted", "stored"))
        heavy = path.with_name("heavy.jsonl")
        write(heavy, chosen.spans, _tool_trace)
        heavy_plain, heavy_full = (_in_a_child(heavy, what) for what in ("orjson", "redacted"))
        split(path, 4)
        shared = _in_a_child(path, "shared")
        other = peer(chosen.peer, path, chosen.peer_spans) if chosen.peer else None
    print(
        json.dumps({"stored": whole, "stored_by_all_cores": shared, "cores": os.cpu_count(), "peer": other}), flush=True
    )
    assert bare["calls"] == full["calls"] == chosen.spans // 2
    print(
        json.dumps(
            {
                "ratio_to_orjson": round(bare["cpu"] / plain["cpu"], 1),
                "ratio_with_redaction": round(full["cpu"] / plain["cpu"], 1),
                "ratio_of_tools_with_redaction": round(heavy_full["cpu"] / heavy_plain["cpu"], 1),
                "spans_per_s": round(chosen.spans / full["cpu"]),
                "peak_mb": round(full["peak"]),
                "again_ratio": round(full["again"] / full["wall"], 3),
                "peer": other and other["name"],
                "vs_peer": other and round(float(other["cpu_per_span"]) / (whole["cpu"] / chosen.spans), 1),
            }
        )
    )


if __name__ == "__main__":
    main()
