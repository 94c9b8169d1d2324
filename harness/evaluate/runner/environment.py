"""Record versions and threads: what a figure may depend on beside the model."""

import os
import sys

from harness.core.installed import versions

VERSIONS = ("trueup", "torch", "transformers", "peft", "numpy", "pytest")


def environment() -> dict[str, str]:
    """Name to version of what this process runs on, and its threads if torch is loaded."""
    found = {"python": sys.version.split()[0], "platform": sys.platform, "cpus": str(os.cpu_count())}
    found |= versions(VERSIONS)
    torch = sys.modules.get("torch")
    if torch is not None:
        found["threads"] = str(torch.get_num_threads())
    return found
