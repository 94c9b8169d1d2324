"""Configure vLLM's router (vllm-project/router): sessions kept on one worker, and the model that each of them asks for.

The router chooses a worker and leaves the model's name as it is, so a share of sessions cannot be set in it. Both adapters are loaded in
each worker; who sends the request gets the model's name from `model_for.py`.
"""

import shlex

from harness.promote.gateways import _source
from harness.types import TrafficSplit


def files(split: TrafficSplit) -> dict[str, str]:
    """`run.sh` starts the router, `model_for.py` is for what sends requests."""
    worker = split.url.rstrip("/").removesuffix("/v1")
    run = (
        "#!/bin/sh\n"
        "# Written by `trueup canary`. Add further workers to --worker-urls; each has both models loaded.\n"
        "# Requests bring the session in the header X-Session-ID, and the model's name from model_for.py.\n"
        f"exec vllm-router --policy consistent_hash --worker-urls {shlex.quote(worker)}\n"
    )
    return {"run.sh": run, "model_for.py": _source.model_for(split)}
