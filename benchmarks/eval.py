"""The eval engine against lm-evaluation-harness, Inspect and one call at a time: the same prompts, the same new tokens.

    python -m benchmarks.eval [--model models/smollm2] [--only shared_prefix] [--peers PYTHON] [--threads 2] [--size 24]
        [--clock cpu] [--vllm http://127.0.0.1:8000/v1]

Each contestant runs in a process of its own. What is timed: loading the weights, all answers, and for ours the whole
pytest session from collection to the written run; imports are not. `--peers` is the interpreter that has lm-eval and
inspect-ai; peers that it lacks are left out. `--size` cuts every workload, for a quick look. `one_at_a_time` and
`inspect_ai` answer 8 (4 sessions) and 32 prompts, and their time is counted for as many as the others had. `--clock cpu` with one
thread counts processor time, which says more than wall-clock time on a machine with other work. `--vllm` is a vLLM server of
the same model that runs already: it is asked through the backend `vllm`, by wall-clock time only, without its start.

Last line: {"shared_prefix_vs_lm_eval", "mixed_vs_lm_eval", "loglikelihood_vs_lm_eval", "agreement_with_lm_eval",
"pytest_overhead", "scripted_seconds", "two_arms_vs_one", ...}; a figure that was not measured is left out.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
FEW = {"one_at_a_time": 8, "one_at_a_time sessions": 4, "inspect_ai": 32}
SCRIPTED = 10_000
Figures = dict[str, float]


class Bench:
    """Runs contestants and notes their times."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.figures: Figures = {}
        self.known: dict[tuple[Any, ...], dict[str, Any]] = {}

    def time(self, name: str, workload: str, dtype: str = "bfloat16", width: int = 0, **extra: Any) -> dict[str, Any]:
        """What a contestant needed and answered; an empty dict when it is not installed or failed."""
        key = (name, workload, dtype, width, json.dumps(extra))
        if key not in self.known:
            size = min(filter(None, (self.options.size, FEW.get(f"{name} {workload}", FEW.get(name, 0)))), default=0)
            asked = {"name": name, "workload": workload, "model": self.options.model, "dtype": dtype, "width": width}
            self.known[key] = self._run({**asked, "size": size, **extra})
            told = self.known[key].get("per_case", float("nan"))
            print(f"{workload:14} {name:14} {dtype:9} {told * 1000:9.1f} ms a case", flush=True)
        return self.known[key]

    def vllm(self, workload: str, dtype: str = "bfloat16") -> dict[str, Any]:
        """What the server at `--vllm` needed; an empty dict when there is none, or its processor time is asked for."""
        if not self.options.vllm or self.options.clock == "cpu":
            return {}
        return self.time("vllm", workload, dtype, url=self.options.vllm)

    def ratio(self, figure: str, slow: dict[str, Any], fast: dict[str, Any]) -> None:
        if slow and fast:
            self.figures[figure] = round(slow["per_case"] / fast["per_case"], 3)
            print(json.dumps({figure: self.figures[figure]}), flush=True)

    def _run(self, asked: dict[str, Any]) -> dict[str, Any]:
        peer = asked["name"] in ("lm_eval", "inspect_ai")
        python = self.options.peers if peer else sys.executable
        command = [python, "-m", "benchmarks.evaluation.contestant", json.dumps(asked)]
        done = subprocess.run(command, cwd=ROOT, env=self._environment(), capture_output=True, text=True)
        if done.returncode:
            print(f"{asked['name']} gave no result: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
            return {}
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return {**found, "seconds": found[self.options.clock], "per_case": found[self.options.clock] / found["count"]}

    def _environment(self) -> dict[str, str]:
        threads = {"OMP_NUM_THREADS": str(self.options.threads), "TOKENIZERS_PARALLELISM": "false"}
        return {**os.environ, **threads, "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)}


def shared_prefix(bench: Bench) -> None:
    ours = bench.time("functions", "shared_prefix")
    bench.ratio("shared_prefix_vs_lm_eval", bench.time("lm_eval", "shared_prefix", width=32), ours)
    bench.ratio("shared_prefix_vs_inspect", bench.time("inspect_ai", "shared_prefix", width=32), ours)
    bench.ratio("shared_prefix_vs_vllm", bench.vllm("shared_prefix"), ours)
    bench.ratio("shared_prefix_vs_one_at_a_time", bench.time("one_at_a_time", "shared_prefix"), ours)


def mixed(bench: Bench) -> None:
    ours = bench.time("functions", "mixed")
    bench.ratio("mixed_vs_lm_eval", bench.time("lm_eval", "mixed", width=32), ours)
    bench.ratio("mixed_vs_inspect", bench.time("inspect_ai", "mixed", width=32), ours)
    bench.ratio("mixed_vs_vllm", bench.vllm("mixed"), ours)


def loglikelihood(bench: Bench) -> None:
    """In float32, where both must find the same answers; the time in bfloat16 too."""
    ours, theirs = (bench.time(name, "loglikelihood", "float32", width=32) for name in ("functions", "lm_eval"))
    if ours and theirs:
        same = sum(one == other for one, other in zip(ours["answers"], theirs["answers"], strict=True))
        bench.figures["agreement_with_lm_eval"] = same / len(ours["answers"])
    bench.ratio("loglikelihood_vs_lm_eval", theirs, ours)
    server = bench.vllm("loglikelihood")
    bench.ratio("loglikelihood_vs_vllm", server, bench.time("functions", "loglikelihood", width=32) if server else {})


def pytest_layer(bench: Bench) -> None:
    """Plain functions under pytest over the bare engine, and many cases without a model."""
    ours, bare = bench.time("functions", "shared_prefix"), bench.time("engine", "shared_prefix")
    if ours and bare:
        bench.figures["pytest_overhead"] = round(ours["seconds"] / bare["seconds"] - 1, 3)
    bench.figures["scripted_seconds"] = round(scripted(bench.options.size or SCRIPTED), 2)


def sessions(bench: Bench) -> None:
    """96 sessions of 8 turns: over one session at a time, over Inspect's, and over reading earlier turns again."""
    ours = bench.time("functions", "sessions")
    bench.ratio("sessions_vs_one_at_a_time", bench.time("one_at_a_time", "sessions"), ours)
    bench.ratio("sessions_vs_inspect", bench.time("inspect_ai", "sessions", width=32), ours)
    bench.ratio("sessions_kept_vs_read_again", bench.time("functions", "sessions", keeps=False), ours)


def two_arms(bench: Bench) -> None:
    """Base and an adapter in one session, over the adapter alone: cases are collected and weights loaded once."""
    from benchmarks.evaluation.adapter import make

    with tempfile.TemporaryDirectory() as folder:
        adapter = str(make(Path(bench.options.model), Path(folder)))
        one = bench.time("functions", "shared_prefix", adapters=[adapter])
        both = bench.time("functions", "shared_prefix", adapters=["", adapter])
        bench.ratio("two_arms_vs_one", both, one)
        bench.ratio("adapter_vs_base", one, bench.time("functions", "shared_prefix"))


def scripted(count: int) -> float:
    """Seconds of `python -m pytest` over `count` cases that a script answers, from start to end of the process."""
    with tempfile.TemporaryDirectory() as folder:
        rows = "".join(json.dumps({"id": str(number), "text": f"case {number}"}) + "\n" for number in range(count))
        (Path(folder) / "rows.jsonl").write_text(rows)
        (Path(folder) / "script.json").write_text("{}")
        (Path(folder) / "eval_many.py").write_text(
            'from harness import cases, score\n\n@cases("rows.jsonl")\ndef eval_many(case, model):\n'
            "    return score.text(model.chat(case.messages), case.text)\n"
        )
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--model",
            "scripted:script.json",
            ".",
        ]
        started = time.perf_counter()
        subprocess.run(
            command, cwd=folder, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
        return time.perf_counter() - started


WORKLOADS: dict[str, Callable[[Bench], None]] = {
    one.__name__: one for one in (shared_prefix, loglikelihood, mixed, sessions, pytest_layer, two_arms)
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="models/smollm2")
    parser.add_argument("--only", choices=WORKLOADS, action="append", help="may be given more than once")
    parser.add_argument("--peers", default=sys.executable)
    parser.add_argument("--vllm", default="")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--size", type=int, default=0)
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    bench = Bench(parser.parse_args())
    for name in bench.options.only or WORKLOADS:
        WORKLOADS[name](bench)
    print(json.dumps(bench.figures))


if __name__ == "__main__":
    main()
