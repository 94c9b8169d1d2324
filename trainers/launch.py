"""Trains one request in several processes.

    accelerate launch --num_processes 2 --cpu -m trainers.launch REQUEST.json

REQUEST.json is a `TuneRequest`; all processes have to see its folders. The manifest of the adapter is printed at the end.
"""

import sys
from pathlib import Path

from accelerate import PartialState

from harness.codec import encode, read
from harness.plugins import load
from harness.types import TuneRequest
from trainers import processes


def main(path: Path) -> None:
    state = PartialState()
    request = read(path, TuneRequest)
    try:
        adapter = load("trainers", request.recipe.method).train(request, lambda point, steps: None)
        if processes.first():
            sys.stdout.buffer.write(encode(adapter) + b"\n")
    finally:
        state.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
