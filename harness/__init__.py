"""trueup: what an eval file imports.

    from harness import cases, guard, score, suite, target

Names are loaded when they are first used, so that `import harness` costs nothing.
"""

import importlib
from typing import Any

__all__ = ["budget", "cases", "contract", "guard", "info", "judge", "score", "suite", "target"]


def __getattr__(name: str) -> Any:
    if name == "score":
        return importlib.import_module("harness.evaluate.score")
    if name == "judge":
        return importlib.import_module("harness.evaluate.judging.judge").judge
    if name in __all__:
        return getattr(importlib.import_module("harness.evaluate.suites"), name)
    raise AttributeError(f"module 'harness' has no attribute {name!r}")
