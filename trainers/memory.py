"""How much memory this process has held."""

import resource
import sys


def peak_bytes() -> int:
    """Most resident memory since the process started, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
