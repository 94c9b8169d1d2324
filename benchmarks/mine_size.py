"""Mining a trace table that does not fit into memory.

    python -m benchmarks.mine_size [--calls 1000000] [--folder FOLDER]

The calls are made up: sessions of one to six messages that overlap in time, two routes, a system text that all share, one
answer in four of the wrong form, feedback on one call in ten. They go through the real trace table; mining then runs in a
process of its own, from the opened store to the stored result, and its peak memory is that process's. With --folder the
table is kept there and used again. The last line is one JSON object.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from harness.mine.step import mine
from harness.project import Project
from harness.sections import Config, ProjectSection
from harness.types import Call, Feedback, Message, TextPart, Usage

BATCH = 50_000
SYSTEM = "Reply with one JSON object with the keys dish and table. " + "House rules follow. " * 20
WORDS = [
    f"{first}{second}" for first in ("soup", "pasta", "stew", "rice", "tart", "pie") for second in "abcdefghijklmnop"
]


def say(role: str, text: str) -> Message:
    return Message(role=role, parts=(TextPart(text=text),))


def calls(number: int, count: int) -> Iterator[Call]:
    """`count` calls from the `number`th on, in order of time."""
    for at in range(number, number + count):
        draw = random.Random(at)
        dish, table, session = draw.choice(WORDS), draw.randint(1, 90), at // 40 * 8 + at % 8
        text = (
            f"{draw.choice(WORDS)} or rather {dish} for table {table}, order {at}, please "
            + "and thank you " * draw.randint(0, 6)
        )
        right, wrong = json.dumps({"dish": dish, "table": str(table)}), draw.choice(("sorry?", '{"dish": "soup"}', ""))
        start = 1_790_000_000_000_000_000 + at * 10**9
        yield Call(
            id=f"{at:032x}:{at:016x}",
            trace_id=f"{at:032x}",
            span_id=f"{at:016x}",
            session_id=f"session-{session}",
            user_id=f"user-{session % 5000}",
            route=("POST /orders", "POST /chat")[at % 2],
            start_ns=start,
            end_ns=start + draw.randint(2, 20) * 10**8,
            input=(say("system", SYSTEM), say("user", text)),
            output=(say("assistant", wrong if draw.random() < 0.25 else right),),
            usage=Usage(input=200, output=draw.randint(8, 30)),
        )


def feedback(call: Call, at: int) -> Feedback:
    return Feedback(id=f"f{at}", call_id=call.id, value=1.0 if at % 20 else -1.0, name="thumb", at_ns=call.end_ns)


def fill(work: Project, size: int) -> None:
    for start in range(0, size, BATCH):
        batch = list(calls(start, min(BATCH, size - start)))
        said = [feedback(call, start + at) for at, call in enumerate(batch) if (start + at) % 10 == 0]
        work.store.traces.merge(batch, said, ())
        print(f"wrote {start + len(batch):,}", file=sys.stderr)


def opened(folder: str) -> Project:
    return Project.open(Config(project=ProjectSection(name="orders"), root=folder))


def peak_mb() -> int:
    """Peak resident memory of this process alone; `getrusage` would count what its parent had before it was started."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) // 1024


def measured(folder: str) -> dict[str, float]:
    work = opened(folder)
    before = peak_mb()
    started, computed = time.perf_counter(), time.process_time()
    found = mine(work)
    return {
        "calls": found.calls,
        "failures": len(found.failures),
        "clusters": len(found.clusters),
        "seconds": round(time.perf_counter() - started, 1),
        "cpu_seconds": round(time.process_time() - computed, 1),
        "before_mb": before,
        "peak_mb": peak_mb(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--folder", default="")
    parser.add_argument("--measure", default="", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measured(given.measure)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.folder or scratch
        if not (Path(folder) / ".trueup").exists():
            fill(opened(folder), given.calls)
        command = [sys.executable, "-m", "benchmarks.mine_size", "--measure", folder]
        print(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip())


if __name__ == "__main__":
    main()
