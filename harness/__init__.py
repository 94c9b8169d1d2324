"""trueup: what an eval file imports.

    from harness import cases, guard, score, suite, target

Names are loaded when they are first used, so that `import harness` costs nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness import score as score
    from harness.suites import budget as budget
    from harness.suites import cases as cases
    from harness.suites import contract as contract
    from harness.suites import guard as guard
    from harness.suites import info as info
    from harness.suites import suite as suite
    from harness.suites import target as target

__all__ = ["budget", "cases", "contract", "guard", "info", "score", "suite", "target"]


def __getattr__(name: str) -> Any:
    if name == "score":
        return importlib.import_module("harness.score")
    if name in __all__:
        return getattr(importlib.import_module("harness.suites"), name)
    raise AttributeError(f"module 'harness' has no attribute {name!r}")
