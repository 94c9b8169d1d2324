"""Import what an eval file needs: `from trueup import cases, score, suite, target`.

Names are loaded when they are first used, so that `import trueup` costs nothing. This package is the public face: what
is not here, or in `trueup.exporter` and `trueup.lm_tasks`, may change without notice.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.evaluate import score as score
    from harness.evaluate.judging.judge import judge as judge
    from harness.evaluate.suites import budget as budget
    from harness.evaluate.suites import cases as cases
    from harness.evaluate.suites import contract as contract
    from harness.evaluate.suites import guard as guard
    from harness.evaluate.suites import info as info
    from harness.evaluate.suites import suite as suite
    from harness.evaluate.suites import target as target
    from harness.project import Project as Project

__all__ = ["Project", "budget", "cases", "contract", "guard", "info", "judge", "score", "suite", "target"]

_HOME = {
    "Project": "harness.project",
    "judge": "harness.evaluate.judging.judge",
    **dict.fromkeys(("budget", "cases", "contract", "guard", "info", "suite", "target"), "harness.evaluate.suites"),
}


def __getattr__(name: str) -> Any:
    if name == "score":
        return importlib.import_module("harness.evaluate.score")
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'trueup' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "exporter", "lm_tasks"]
