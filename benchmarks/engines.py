"""What the Ray engine costs on one machine, what a second core brings, and what one giant session does to a shuffle.

    python -m benchmarks.engines --spans 24000              needs the extra `ray`; starts a cluster of one node
    python -m benchmarks.engines --cores --spans 96000      the local engine with one and with two tasks at once
    python -m benchmarks.engines --skew                     a simulation, without Ray

The first ingests the same four files by both engines in turn, `--rounds` times, each into a store of its own, and takes the least of
each: `local_s`, `ray_s`, and `overhead` (their difference as a share). `open_s` is a crew opened and one empty task done, which each
command pays that uses the engine. `same` says whether both stored the same calls.

The second reads eight files in one process, and then in two tasks: `one_s` and `two_s` by the clock, and in processor seconds `one`, and
`command` and `tasks` for two. `gain` is `one` over half of the sum of both: the most that two cores can give when nobody else wants
them.

The third deals ten million calls to buckets by a hash of their session, of which one has 100,000 calls, and the buckets to 64
workers: `largest`, the largest bucket as a multiple of the mean, and `longest`, the time until all are done as a multiple of what it
would be if the calls were dealt evenly.
"""

import argparse
import heapq
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from benchmarks.ingest import split, write
from harness.core import crew
from harness.core.codec import digest, encode
from harness.core.crew import EngineTask, Tell
from harness.ingest import stage as ingest_stage
from harness.ingest import step as ingest_step
from harness.project import Project
from harness.sections import Config
from harness.types import EngineSettings

CALLS, GIANT, MEAN, WORKERS = 10_000_000, 100_000, 5, 64
BUCKETS = (64, 512, 4096)


def nothing(request: bytes, folder: Path, tell: Tell) -> bytes:
    """A job that does nothing."""
    return request


@contextmanager
def cluster() -> Iterator[EngineSettings]:
    """A Ray cluster of one node with all cores of this machine."""
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": len(os.sched_getaffinity(0))})
    try:
        yield EngineSettings(kind="ray", address=made.address)
    finally:
        made.shutdown()


def ingested(engine: EngineSettings, paths: Sequence[Path]) -> tuple[float, str]:
    """Seconds of the whole command, and a digest of the calls that it stored."""
    with tempfile.TemporaryDirectory() as folder:
        work = Project.open(Config(root=folder, engine=engine))
        started = time.perf_counter()
        ingest_step.ingest(work, [str(path) for path in paths])
        spent = time.perf_counter() - started
        return spent, digest([call.id for call in work.store.traces.calls()])


def opened(engine: EngineSettings) -> float:
    """Seconds of a crew that does one empty task."""
    started = time.perf_counter()
    crew.result(engine, EngineTask("benchmarks.engines:nothing", encode(None)))
    return time.perf_counter() - started


def compare(spans: int, rounds: int) -> dict[str, float | bool]:
    with tempfile.TemporaryDirectory() as folder, cluster() as ray:
        export = Path(folder) / "export.jsonl"
        write(export, spans)
        paths, engines = split(export, 4), {"local": crew.LOCAL, "ray": ray}
        runs = {name: [] for name in engines}
        for _ in range(rounds):
            for name, engine in engines.items():
                runs[name].append(ingested(engine, paths))
        opens = {name: min(opened(engine) for _ in range(rounds)) for name, engine in engines.items()}
    best = {name: min(seconds for seconds, _ in found) for name, found in runs.items()}
    return {
        "local_s": round(best["local"], 1),
        "ray_s": round(best["ray"], 1),
        "overhead": round(best["ray"] / best["local"] - 1, 3),
        "local_open_s": round(opens["local"], 2),
        "open_s": round(opens["ray"], 2),
        "same": len({stored for found in runs.values() for _, stored in found}) == 1,
    }


def cores(spans: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        export = Path(folder) / "export.jsonl"
        write(export, spans)
        paths = split(export, 8)
        command = [sys.executable, "-m", "benchmarks.engines", *map(str, paths)]
        done = [subprocess.run([*command, "--tasks", str(tasks)], check=True, capture_output=True) for tasks in (1, 2)]
    one, two = (json.loads(each.stdout) for each in done)
    return {
        "one_s": one["clock"],
        "two_s": two["clock"],
        "one": one["command"],
        "command": two["command"],
        "tasks": two["tasks"],
        "gain": round(2 * one["command"] / (two["command"] + two["tasks"]), 2),
    }


def used(tasks: int, paths: Sequence[Path]) -> dict[str, float]:
    """Seconds of one ingest into a store, with so many tasks at once, for one in this process."""
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(ingest_stage, "_workers", lambda *_: tasks):
        work = Project.open(Config(root=folder))
        began, started = _processor(resource.RUSAGE_SELF), time.perf_counter()
        ingest_step.ingest(work, [str(path) for path in paths])
        return {
            "clock": round(time.perf_counter() - started, 1),
            "command": round(_processor(resource.RUSAGE_SELF) - began, 2),
            "tasks": round(_processor(resource.RUSAGE_CHILDREN), 2),
        }


def _processor(of: int) -> float:
    spent = resource.getrusage(of)
    return spent.ru_utime + spent.ru_stime


def skew() -> Iterator[dict[str, float]]:
    """The simulation, for some numbers of buckets."""
    rng = random.Random(7)
    sessions, left = [GIANT], CALLS - GIANT
    while left > 0:
        sessions.append(min(1 + int(rng.expovariate(1 / (MEAN - 0.5))), left))
        left -= sessions[-1]
    for count in BUCKETS:
        buckets = [0] * count
        for length in sessions:
            buckets[rng.randrange(count)] += length
        yield {
            "buckets": count,
            "largest": round(max(buckets) * count / CALLS, 2),
            "longest": round(makespan(buckets, WORKERS) * WORKERS / CALLS, 2),
        }


def makespan(loads: Sequence[int], workers: int) -> int:
    """When the last worker is done, if each takes the next load as soon as it is free, the largest first."""
    busy = [0] * workers
    for load in sorted(loads, reverse=True):
        heapq.heapreplace(busy, busy[0] + load)
    return max(busy)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spans", type=int, default=24_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--skew", action="store_true")
    parser.add_argument("--cores", action="store_true")
    parser.add_argument("--tasks", type=int, default=0, help="ingest PATHS with so many, once")
    parser.add_argument("paths", nargs="*", type=Path)
    chosen = parser.parse_args()
    if chosen.tasks:
        lines: Iterable[dict[str, float]] = [used(chosen.tasks, chosen.paths)]
    elif chosen.cores:
        lines = [cores(chosen.spans)]
    else:
        lines = skew() if chosen.skew else [compare(chosen.spans, chosen.rounds)]
    for line in lines:
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
