"""Our SFT loop against TRL's SFTTrainer as it comes, and against the plainest PyTorch loop.

    python -m benchmarks.tune [--model models/smollm2] [--rows 64] [--batch 8] [--rounds 2]

All three train the same adapter shape from the same seed on the same token ids, in the same batches, for the same number
of steps. Each runs in a process of its own, and the rounds are interleaved, so that a busy machine slows all alike; the
fastest round of each counts. Tokens are those of the rows, without padding, so tokens/s are comparable.

Last line: {"vs_trl", "vs_plain_loop", "loss_gap", "peak_gb", ...}. `vs_trl` is tokens/s over TRL's (more is better),
`vs_plain_loop` is time over the plain loop's (less is better), `loss_gap` the relative difference of the mean loss of
the last steps to the plain loop's, `peak_gb` our peak memory with rows of `--batch`.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from harness.core.rendering import stop_ids
from harness.core.worker import environment
from harness.types import Case, Message, Prompt, Recipe, TextPart
from trainers.model import parameters
from trainers.model.memory import peak_bytes
from trainers.rows.batches import schedule, steps_per_epoch
from trainers.rows.tokens import Renderer, TokenRow, build
from trainers.training.checkpoints import Shelf
from trainers.training.descent import descend
from trainers.training.loss import IGNORE, collate

SYSTEM = (
    "You read messages to a parcel desk. Reply with one JSON object with the keys category, order_number, days_waiting "
    "and wants_refund. Use null for what the message does not say."
)
RATE, SEED = 1e-3, 17
Losses = list[float]


def training_rows(folder: str, tokenizer: object, count: int, longest: int) -> list[TokenRow]:
    """Short answers to short messages under one system text: what a fine-tune on corrections looks like."""
    prompt = Prompt(name="bench", messages=(say("system", SYSTEM),))
    cases = [
        Case(
            id=str(number),
            messages=(say("user", f"My order {4711 * number} has not come" + " for days and days" * (number % 5)),),
            target=say(
                "assistant",
                json.dumps(
                    {"category": "late", "order_number": 4711 * number, "days_waiting": None, "wants_refund": False}
                ),
            ),
        )
        for number in range(1, count + 1)
    ]
    return build(cases, Renderer(tokenizer, stop_ids(tokenizer, folder), prompt, longest), Recipe()).rows


def say(role: str, text: str) -> Message:
    return Message(role=role, parts=(TextPart(text=text),))


def recipe(rows: int, batch: int, steps: int) -> Recipe:
    return Recipe(
        learning_rate=RATE,
        batch_size=batch,
        max_steps=steps,
        checkpoint_every=10**9,
        epochs=steps / steps_per_epoch(rows, batch),
        schedule="constant",
        warmup=0.0,
        seed=SEED,
    )


def ours(model: Any, rows: list[TokenRow], batch: int, steps: int) -> Losses:
    """`trainers.training.descent`, as `trainers.sft` calls it."""
    losses: Losses = []
    with tempfile.TemporaryDirectory() as folder:
        shelf = Shelf(Path(folder), "benchmark")
        descend(
            model, rows, recipe(len(rows), batch, steps), shelf, lambda point, _: losses.append(point.loss), "shared"
        )
    return losses


def plain(model: Any, rows: list[TokenRow], batch: int, steps: int) -> Losses:
    """What one writes first: padded batches, labels shifted inside the model, AdamW."""
    optimizer = torch.optim.AdamW(parameters.trainable(model), lr=RATE, weight_decay=0.01)
    losses: Losses = []
    model.train()
    for places in schedule([len(row.ids) for row in rows], batch, steps, SEED):
        ids, mask, labels = padded([rows[place] for place in places])
        loss = model(input_ids=ids, attention_mask=mask, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters.trainable(model), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses


def padded(rows: list[TokenRow]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    width = max(len(row.ids) for row in rows)
    ids, mask = torch.zeros(len(rows), width, dtype=torch.long), torch.zeros(len(rows), width, dtype=torch.long)
    labels = torch.full((len(rows), width), IGNORE)
    for place, row in enumerate(rows):
        ids[place, : len(row.ids)] = torch.tensor(row.ids)
        mask[place, : len(row.ids)] = 1
        labels[place, row.first : len(row.ids)] = torch.tensor(row.ids[row.first :])
    return ids, mask, labels


def trl(model: Any, rows: list[TokenRow], batch: int, steps: int) -> Losses:
    """TRL's SFTTrainer with its own defaults; only what makes the work the same is set."""
    from datasets import Dataset  # both only here: they take seconds to import, and the others do not need them
    from trl import SFTConfig, SFTTrainer

    order = [place for places in schedule([len(row.ids) for row in rows], batch, steps, SEED) for place in places]
    data = Dataset.from_list(
        [
            {"input_ids": rows[place].ids, "completion_mask": [int(one) for one in rows[place].supervised]}
            for place in order
        ]
    )
    with tempfile.TemporaryDirectory() as folder:
        config = SFTConfig(
            output_dir=folder,
            per_device_train_batch_size=batch,
            max_steps=steps,
            learning_rate=RATE,
            lr_scheduler_type="constant",  # transformers' warm-up lags one step behind ours
            weight_decay=0.01,
            completion_only_loss=True,  # without it the column completion_mask is not looked at
            max_length=None,
            train_sampling_strategy="sequential",
            gradient_checkpointing=False,  # its default trades time for memory; the faster setting is compared
            use_cpu=not torch.cuda.is_available(),
            bf16=model.dtype == torch.bfloat16,
            logging_steps=1,
            save_strategy="no",
            seed=SEED,
        )
        trainer = SFTTrainer(model=model, args=config, train_dataset=data, processing_class=TOKENIZER[0])
        trainer.train()
        return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


TOKENIZER: list[Any] = []
LOOPS: dict[str, Callable[..., Losses]] = {"ours": ours, "plain": plain, "trl": trl}


def measure(name: str, options: argparse.Namespace) -> dict:
    """One loop, in this process: seconds of training, losses, tokens, peak memory."""
    base = parameters.open_base(options.model, parameters.dtype(options.dtype))
    TOKENIZER.append(base.tokenizer)
    rows = training_rows(options.model, base.tokenizer, options.rows, base.max_tokens)
    model = parameters.attach(base.model, Recipe(seed=SEED))
    steps = options.steps or steps_per_epoch(len(rows), options.batch)
    batches = schedule([len(row.ids) for row in rows], options.batch, steps, SEED)
    tokens = sum(len(rows[place].ids) for places in batches for place in places)
    warm_up(model, rows[: options.batch])
    began = time.perf_counter()
    losses = LOOPS[name](model, rows, options.batch, steps)
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "losses": losses, "tokens": tokens, "peak_gb": peak_bytes() / 2**30}


def warm_up(model: Any, rows: list[TokenRow]) -> None:
    """The first pass of a process pays for buffers and kernels; none of the loops should."""
    with torch.no_grad():
        batch = collate(
            rows, torch.device("cpu") if not torch.cuda.is_available() else parameters.device(), share=False
        )
        model(input_ids=batch.ids, attention_mask=batch.mask)


def in_a_process(name: str, arguments: list[str]) -> dict:
    command = [sys.executable, "-m", "benchmarks.tune", *arguments, "--one", name]
    done = subprocess.run(command, capture_output=True, env=environment(), check=False)
    if done.returncode:
        sys.exit(f"{name} failed:\n{done.stderr.decode()[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="models/smollm2")
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--steps", type=int, default=0, help="0: one epoch")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--one", choices=LOOPS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one, options)))
        return
    rounds: dict[str, list[dict]] = {name: [] for name in LOOPS}
    for _ in range(options.rounds):
        for name in LOOPS:
            rounds[name].append(in_a_process(name, sys.argv[1:]))
            print(f"{name}: {rounds[name][-1]['seconds']:.1f} s", flush=True)
    print(json.dumps(summary({name: min(runs, key=lambda run: run["seconds"]) for name, runs in rounds.items()})))


def summary(best: dict[str, dict]) -> dict[str, float]:
    last = {name: sum(run["losses"][-4:]) / len(run["losses"][-4:]) for name, run in best.items()}
    rate = {name: run["tokens"] / run["seconds"] for name, run in best.items()}
    return {
        "vs_trl": round(rate["ours"] / rate["trl"], 2),
        "vs_plain_loop": round(rate["plain"] / rate["ours"], 2),
        "loss_gap": round(abs(last["ours"] - last["plain"]) / last["plain"], 5),
        "loss_gap_trl": round(abs(last["ours"] - last["trl"]) / last["trl"], 5),
        "peak_gb": round(best["ours"]["peak_gb"], 2),
        **{f"tokens_s_{name}": round(value, 1) for name, value in rate.items()},
    }


if __name__ == "__main__":
    main()
