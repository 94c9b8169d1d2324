"""What batch size alone changes: the same model against itself at batch 1, 8 and 32, in float32 and bfloat16.

    python -m benchmarks.batch_effects [--model models/smollm2] [--prompts 32] [--new 24] [--options 100]

Greedy replies to the prompts of the `mixed` workload and the choices of ARC-easy; each against batch 32. A difference is
rounding: rows that stand side by side change the order in which numbers are added. `again` is batch 32 a second time,
which must be the same. Last line: {"float32": {"1": ..., "8": ..., "again": ...}, "bfloat16": {...}}, shares of replies
that are the same, and below "choices" the same for choices with the largest difference of a log-likelihood in nats.
"""

import argparse
import json
from collections.abc import Sequence
from typing import Any

from benchmarks.evaluation.workloads import PROBES, loglikelihood, mixed
from harness.core import codec
from harness.evaluate.backends import hf
from harness.types import Arm, Reply, Request

WIDTHS = {"1": 1, "8": 8, "again": 32}


def requests(model: str, prompts: int, new: int, options: int) -> list[Request]:
    chats = [tuple(map(codec.from_chat, chat)) for chat in mixed(model).chats[:prompts]]
    asked = [Request(messages=chat, max_tokens=new) for chat in chats]
    if PROBES.exists():
        questions = loglikelihood(model).questions[:options]
        asked += [Request(kind="loglikelihood", text=text, options=choices) for text, choices in questions]
    return asked


def ask(model: str, dtype: str, width: int, asked: Sequence[Request]) -> list[Reply]:
    """The backend's replies, `width` rows at a time. Requests come `width` at a time too, so none shares a prefix."""
    arm = Arm(name="base", model=model, options={"dtype": dtype})
    backend = hf.open([arm], batch_size=width)
    found = [one for start in range(0, len(asked), width) for one in backend.answer(arm, asked[start : start + width])]
    return [reply for reply in found if isinstance(reply, Reply)]


def compare(ones: Sequence[Reply], others: Sequence[Reply]) -> dict[str, float]:
    pairs = list(zip(ones, others, strict=True))
    written = [(one, other) for one, other in pairs if not one.logprobs]
    chosen = [(one, other) for one, other in pairs if one.logprobs]
    figures = {"replies": _same(written)}
    if chosen:
        apart = (abs(a - b) for one, other in chosen for a, b in zip(one.logprobs, other.logprobs, strict=True))
        figures |= {"choices": _same(chosen), "nats": round(max(apart), 5)}
    return figures


def _same(pairs: Sequence[tuple[Reply, Reply]]) -> float:
    return round(sum(one.text == other.text for one, other in pairs) / len(pairs), 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="models/smollm2")
    parser.add_argument("--prompts", type=int, default=32)
    parser.add_argument("--new", type=int, default=24)
    parser.add_argument("--options", type=int, default=100)
    options = parser.parse_args()
    asked = requests(options.model, options.prompts, options.new, options.options)
    table: dict[str, Any] = {}
    for dtype in ("float32", "bfloat16"):
        whole = ask(options.model, dtype, 32, asked)
        table[dtype] = {name: compare(whole, ask(options.model, dtype, width, asked)) for name, width in WIDTHS.items()}
        print(dtype, table[dtype], flush=True)
    print(json.dumps(table))


if __name__ == "__main__":
    main()
