"""Import what an eval file needs: `from trueup import cases, score, suite, target`.

Names are loaded when they are first used, so that `import trueup` costs nothing. This package is the public face: what
is not here, or in `trueup.exporter` and `trueup.lm_tasks`, may change without notice.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.evaluate import score as score
    from harness.evaluate.judging.judge import judge as judge
    from harness.evaluate.runner.model import Model as Model
    from harness.evaluate.sessions import tools as tools
    from harness.evaluate.sessions import user as user
    from harness.evaluate.suites import budget as budget
    from harness.evaluate.suites import cases as cases
    from harness.evaluate.suites import contract as contract
    from harness.evaluate.suites import guard as guard
    from harness.evaluate.suites import info as info
    from harness.evaluate.suites import suite as suite
    from harness.evaluate.suites import target as target
    from harness.project import Project as Project
    from harness.types import Case as Case
    from harness.types import Reply as Reply
    from harness.types import Score as Score

__all__ = [
    "Case",
    "Model",
    "Project",
    "Reply",
    "Score",
    "budget",
    "cases",
    "contract",
    "guard",
    "info",
    "judge",
    "score",
    "suite",
    "target",
    "tools",
    "user",
]

_HOME = {
    "Model": "harness.evaluate.runner.model",
    "Project": "harness.project",
    "judge": "harness.evaluate.judging.judge",
    **dict.fromkeys(("Case", "Reply", "Score"), "harness.types"),
    **dict.fromkeys(("budget", "cases", "contract", "guard", "info", "suite", "target"), "harness.evaluate.suites"),
}

_MODULE = {
    "score": "harness.evaluate.score",
    "tools": "harness.evaluate.sessions.tools",
    "user": "harness.evaluate.sessions.user",
}


if not TYPE_CHECKING:  # a type checker would take any misspelt name for granted

    def __getattr__(name):
        if name in _MODULE:
            return importlib.import_module(_MODULE[name])
        if name in _HOME:
            return getattr(importlib.import_module(_HOME[name]), name)
        raise AttributeError(f"module 'trueup' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "exporter", "lm_tasks"]
