"""Walk the loop from traces to a promoted adapter; `ARCHITECTURE.md` is the map.

Eval files import from `trueup`. The same names are here for those that were written earlier.
"""

import importlib
from typing import Any

__all__ = ["budget", "cases", "contract", "guard", "info", "judge", "score", "suite", "target"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(importlib.import_module("trueup"), name)
    raise AttributeError(f"module 'harness' has no attribute {name!r}")
