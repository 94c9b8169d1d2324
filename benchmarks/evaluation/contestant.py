"""One contestant, one workload, one process: `python -m benchmarks.evaluation.contestant '{"name": "lm_eval", ...}'`.

Prints one JSON line: wall-clock and processor seconds from the loading of the weights to the last answer, and the answers. Imports are not timed.
"""

import importlib
import json
import sys
import time
import warnings
from typing import Any

from benchmarks.evaluation.workloads import make

MODULES = {
    "engine": "ours",
    "functions": "ours",
    "vllm": "ours",
    "lm_eval": "peers",
    "inspect_ai": "peers",
    "one_at_a_time": "peers",
}
IMPORTS = {"lm_eval": "lm_eval.models.huggingface", "inspect_ai": "inspect_ai.model._providers.hf"}


def main(name: str, workload: str, model: str, dtype: str, width: int, size: int, **extra: Any) -> dict[str, Any]:
    work = make(workload, model, size)
    contest = getattr(importlib.import_module(f"benchmarks.evaluation.{MODULES[name]}"), name)
    if name in IMPORTS:
        importlib.import_module(IMPORTS[name])
    started, used = time.perf_counter(), time.process_time()
    answers = contest(model, work, dtype, width, **extra)
    spent = {"wall": time.perf_counter() - started, "cpu": time.process_time() - used}
    return {**spent, "answers": answers, "count": work.size}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    result = main(**json.loads(sys.argv[1]))
    print("\n" + json.dumps(result))
