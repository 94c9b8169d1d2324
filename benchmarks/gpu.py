"""Training on a GPU against TRL, all in one go: speed of LoRA, and speed and peak memory of QLoRA.

    python -m benchmarks.gpu [--model models/smollm2] [--rows 256] [--batch 16] [--steps 40] [--rounds 2]

Needs no network. TRL runs with packing ("bfd") and, where the package `liger_kernel` is installed, its fused kernels; both
sides have the same rows, base weights, adapter shape and number of rows a step, bfloat16, and activation checkpointing for
QLoRA. Each runs in a process of its own, rounds interleaved, the fastest round of each counts; memory is the most that
torch allocated on the device. Without a GPU it says so and ends with code 0.

Last line: {"device", "lora_vs_trl", "qlora_vs_trl", "qlora_memory_vs_trl", ...}: tokens/s over TRL's (more is better), and
memory over TRL's (less is better).
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from msgspec.structs import replace

from benchmarks.tune import RATE, SEED, recipe, training_rows
from harness.core.worker import environment
from harness.types import Recipe
from trainers.model import parameters
from trainers.model.kind import kind_of
from trainers.rows.tokens import TokenRow
from trainers.training.checkpoints import Shelf
from trainers.training.descent import descend

KINDS, LOOPS = ("lora", "qlora"), ("ours", "trl")


def knobs(kind: str) -> Recipe:
    return Recipe(adapter=kind, seed=SEED, options={"activation_checkpointing": kind == "qlora"})


def ours(model: Any, rows: list[TokenRow], kind: str, options: argparse.Namespace) -> None:
    trained = replace(recipe(len(rows), options.batch, options.steps), options=knobs(kind).options)
    with tempfile.TemporaryDirectory() as folder:
        shelf = Shelf(Path(folder), "benchmark")
        descend(parameters.attach(model, knobs(kind)), rows, trained, shelf, lambda point, steps: None, "shared")


def trl(model: Any, rows: list[TokenRow], kind: str, options: argparse.Namespace) -> None:
    """TRL's SFTTrainer. A pack is as long as a step's rows, so a step of one pack has as many rows as one of ours."""
    from datasets import Dataset  # both only here: they take seconds to import
    from trl import SFTConfig, SFTTrainer

    columns = [{"input_ids": row.ids, "completion_mask": [int(one) for one in row.supervised]} for row in rows]
    length = options.batch * max(len(row.ids) for row in rows)
    with tempfile.TemporaryDirectory() as folder:
        config = SFTConfig(
            output_dir=folder,
            per_device_train_batch_size=1,
            max_steps=options.steps,
            learning_rate=RATE,
            completion_only_loss=True,
            packing=True,
            max_length=length,
            gradient_checkpointing=kind == "qlora",
            use_liger_kernel=find_spec("liger_kernel") is not None,
            bf16=torch.cuda.is_available(),
            use_cpu=not torch.cuda.is_available(),
            logging_steps=options.steps,
            save_strategy="no",
            seed=SEED,
        )
        SFTTrainer(
            model=parameters.attach(model, Recipe(seed=SEED)), args=config, train_dataset=Dataset.from_list(columns)
        ).train()


def measure(loop: str, kind: str, options: argparse.Namespace) -> dict[str, float]:
    """One loop in this process: seconds a training, tokens of its rows a second, and peak memory on the device."""
    base = parameters.open_base(options.model, parameters.dtype("auto"), kind_of(Recipe(adapter=kind)).quantization)
    rows = training_rows(options.model, base.tokenizer, options.rows, base.max_tokens)
    began = time.perf_counter()
    {"ours": ours, "trl": trl}[loop](base.model, rows, kind, options)
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    seconds = time.perf_counter() - began
    mean = sum(len(row.ids) for row in rows) / len(rows)
    peak = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0
    return {"tokens_s": options.batch * options.steps * mean / seconds, "seconds": seconds, "peak_gb": peak / 2**30}


def in_a_process(loop: str, kind: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.gpu", *sys.argv[1:], "--one", loop, kind]
    done = subprocess.run(command, capture_output=True, env=environment(), check=False)
    if done.returncode:
        sys.exit(f"{loop} {kind} failed:\n{done.stderr.decode()[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="models/smollm2")
    parser.add_argument("--rows", type=int, default=256)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(*options.one, options)))
        return
    if not torch.cuda.is_available():
        print("skipped: this machine has no GPU that torch can use; `python -m benchmarks.tune` measures a CPU")
        return
    best: dict[tuple[str, str], dict[str, float]] = {}
    for _ in range(options.rounds):
        for kind in KINDS:
            for loop in LOOPS:
                found = in_a_process(loop, kind)
                print(f"{kind} {loop}: {found['tokens_s']:.0f} tokens/s, {found['peak_gb']:.2f} GB", flush=True)
                best[loop, kind] = max(best.get((loop, kind), found), found, key=lambda run: run["tokens_s"])
    print(json.dumps(summary(best)))


def summary(best: dict[tuple[str, str], dict[str, float]]) -> dict[str, Any]:
    def ratio(kind: str, what: str) -> float:
        return round(best["ours", kind][what] / best["trl", kind][what], 3)

    return {
        "device": torch.cuda.get_device_name(),
        "lora_vs_trl": ratio("lora", "tokens_s"),
        "qlora_vs_trl": ratio("qlora", "tokens_s"),
        "qlora_memory_vs_trl": ratio("qlora", "peak_gb"),
        **{f"tokens_s_{loop}_{kind}": round(run["tokens_s"]) for (loop, kind), run in best.items()},
        **{f"peak_gb_{loop}_{kind}": round(run["peak_gb"], 2) for (loop, kind), run in best.items()},
    }


if __name__ == "__main__":
    main()
